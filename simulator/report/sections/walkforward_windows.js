// The windows: on which time networks were fitted, on which one chose, and which one judged.
import { chart } from "../lib/chart.js";
import { el, missing } from "../lib/dom.js";
import { fixed, NONE, number } from "../lib/format.js";
import { table } from "../lib/table.js";
import { spans } from "../lib/timeline.js";
import { isWalkforward, moment, walkforwardOf } from "../walkforward.js";

const MOST_WINDOWS = 100; // that are drawn
const PARTS = [
  { key: "in_sample", name: "in-sample: fitted on it", colour: "series7" },
  { key: "validation", name: "validation: chosen on it", colour: "series2" },
  { key: "out_of_sample", name: "out of sample: judged", colour: "series1" },
];

const nameOf = (window, index) => String(number(window.window) ?? index);

const whole = (text) => el("span", { class: "whole" }, String(text));
const spanOf = (part) => (part?.first === undefined ? null : `${part.first} to ${part.last}`);
const spanNode = (part) => (spanOf(part) === null ? NONE : [whole(part.first), " to ", whole(part.last)]);
const COLUMNS = [
  { label: "Window", text: (row) => row.name },
  ...PARTS.flatMap(({ key, name }) => [
    {
      label: name.split(":")[0].replace(/^./, (c) => c.toUpperCase()),
      text: (row) => spanOf(row.window[key]),
      node: (row) => spanNode(row.window[key]),
    },
    {
      label: "Periods",
      number: true,
      text: (row) => fixed(row.window[key]?.rows, 0),
      raw: (row) => row.window[key]?.rows,
    },
  ]),
];

function drawn(rows) {
  const bars = rows.slice(0, MOST_WINDOWS).flatMap(({ name, window }) =>
    PARTS.flatMap(({ key }) => {
      const part = window[key];
      const [x, x2] = [moment(part?.first), moment(part?.last)];
      if (x === null || x2 === null) return [];
      const say = `window ${name}, ${key.replaceAll("_", " ")}\n${spanOf(part)}\n${fixed(part.rows, 0)} periods`;
      return [{ row: name, series: key, x, x2, say }];
    }),
  );
  const names = rows.map(({ name }) => name).filter((name) => bars.some(({ row }) => row === name));
  return chart({
    title: "The windows of the series",
    caption:
      "A row for each window. Networks are fitted on the in-sample part; candidates, epochs and thresholds are chosen on the validation part behind it; " +
      "what this report shows is the out-of-sample part behind that, which nothing before has seen." +
      (rows.length > MOST_WINDOWS ? ` Of ${rows.length} windows the first ${MOST_WINDOWS} are drawn.` : ""),
    build: (context) => spans(bars, names, { x: { dated: true }, title: "window" }, context),
    series: PARTS.filter(({ key }) => bars.some(({ series }) => series === key)),
    columns: COLUMNS,
    rows: bars.length > 0 ? rows : [],
    empty: "The times of the windows cannot be read, hence not be drawn; the table has them.",
  });
}

export default {
  id: "windows",
  title: "Windows",
  holds: isWalkforward,
  draw(document) {
    const rows = walkforwardOf(document).windows.map((window, index) => ({ window, name: nameOf(window, index) }));
    if (rows.length === 0)
      return missing("The windows are not in this document; `vickrey forecast --plan` prints them.");
    return [drawn(rows), table("Windows", COLUMNS, rows)];
  },
};
