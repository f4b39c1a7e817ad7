// Time against money to the target loss: what nothing beats in both is the front.
import { costOf, isCost, moneyText, onTarget, selectionFor, targetText, unique } from "../cost.js";
import { chart, looks } from "../lib/chart.js";
import { pickerOf } from "../lib/choice.js";
import { el } from "../lib/dom.js";
import { fixed } from "../lib/format.js";
import { chosen } from "../lib/grid.js";
import { domainOf } from "../lib/lines.js";
import { scatter } from "../lib/scatter.js";
import { table } from "../lib/table.js";
import { countText, timeText } from "../lib/units.js";

const BY = [
  { key: "model", text: "model", of: ({ model }) => model ?? "not stated" },
  { key: "setup", text: "way to train", of: ({ setupName }) => setupName },
  {
    key: "batch",
    text: "batch",
    of: ({ batch_auctions: batch }) => (batch === null ? "not stated" : `${fixed(batch, 0)} auctions`),
  },
];

const columns = (study) => [
  { label: "Point", text: (row) => row.name },
  { label: "On the front", text: (row) => (row.front ? "yes" : "") },
  { label: "Time", number: true, text: (row) => timeText(row.x), raw: (row) => row.x },
  { label: "Money", number: true, text: (row) => moneyText(study, row.y), raw: (row) => row.y },
  { label: "Examples", number: true, text: (row) => countText(row.examples), raw: (row) => row.examples },
];

function rowsOf(study, by) {
  return onTarget(study).map((point) => {
    const { seconds, dollars, examples } = point.target;
    const front = study.front.has(point.id);
    return {
      series: by.of(point),
      name: point.name,
      front,
      x: seconds,
      y: dollars,
      examples,
      say: `${point.name}\n${timeText(seconds)}, ${moneyText(study, dollars)}${front ? "\non the front" : ""}`,
    };
  });
}

function drawn(study) {
  const by = BY.find(({ key }) => key === study.choice.by);
  const rows = rowsOf(study, by);
  const marks = rows.filter(({ front }) => front);
  const series = unique([...marks, ...rows].map((row) => row.series)).map((key, i) => ({
    key,
    name: key,
    ...looks(i),
  }));
  const without = study.measured.length - rows.length;
  const domain = (of) =>
    domainOf(
      rows.map((row) => row[of]),
      1.4,
    );
  return [
    chart({
      title: `Time and money to ${targetText(study)}`,
      caption:
        "Each symbol is a point: further left is sooner, further down is cheaper. " +
        (marks.length > 0
          ? "Rings are the front: no other point is both as fast and as cheap. "
          : "Which of them are the front is not in this document. ") +
        "Both axes are logarithmic." +
        (without > 0
          ? ` Not here, for they have no loss curve or do not reach it: ${without} of ${study.measured.length} measured points.`
          : ""),
      build: (context) =>
        scatter(
          rows,
          {
            x: { title: "seconds to the target loss", log: true, domain: domain("x"), format: "~g" },
            y: { title: `${study.currency} to the target loss`, log: true, domain: domain("y"), format: "~g" },
            marks,
            size: rows.length > 60 ? 50 : 90,
            height: 380,
          },
          context,
        ),
      series,
      selection: selectionFor(study, series),
      columns: columns(study),
      rows,
      empty: `No point is known to reach ${targetText(study)}.`,
    }),
    marks.length > 0
      ? el(
          "div",
          null,
          el("h3", null, "The front, the fastest first"),
          table(
            "The front",
            columns(study).filter(({ label }) => label !== "On the front"),
            [...marks].sort((a, b) => a.x - b.x),
          ),
        )
      : null,
  ];
}

export default {
  id: "front",
  title: "Time against money",
  holds: isCost,
  draw(document) {
    const study = costOf(document);
    return [
      el(
        "div",
        { class: "controls" },
        pickerOf(
          study.choice,
          "by",
          "Symbols by",
          BY.map(({ key, text }) => ({ value: key, text })),
        ),
      ),
      chosen(study, () => drawn(study)),
    ];
  },
};
