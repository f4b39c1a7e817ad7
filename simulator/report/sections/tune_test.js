// How much tuning gained where nothing was chosen: on fresh auctions of other seeds.
import { chart } from "../lib/chart.js";
import { el } from "../lib/dom.js";
import { forest, forestColumns } from "../lib/forest.js";
import { chosen, picker } from "../lib/grid.js";
import { gainOf, isTune, scoreText, searchesOf, tuneOf } from "../tune.js";

const POINTS = "percentage points of the best possible welfare";

function gains(title, caption, what, rows) {
  const known = rows.filter(({ gain }) => gain !== null);
  const unknown = rows.length - known.length;
  return chart({
    title,
    caption:
      `${caption} Right of the line, tuning gained. Bars are 95 % intervals by Student's t over the test seeds.` +
      (unknown > 0 ? ` Not tested, hence not drawn: ${unknown} of ${rows.length} rows.` : ""),
    build: (context) => forest(known, POINTS, context),
    columns: forestColumns(what, "", "Gain"),
    rows: known,
    empty: "Not tested in this document.",
  });
}

// Selected and default welfare, a row for each loss.
function both(tune) {
  const sayOf = (name, share) => `${name}\n${scoreText(share)} of the best possible welfare`;
  const rows = searchesOf(tune)
    .filter(({ test }) => test.selected !== null && test.default !== null)
    .map(({ name, stays, test }) => ({
      name,
      primary: !stays,
      value: 100 * test.selected,
      lo: null,
      hi: null,
      valueText: scoreText(test.selected),
      rangeText: `defaults ${scoreText(test.default)}`,
      say: sayOf(`${name}, as selected`, test.selected),
      points: [{ value: 100 * test.default, say: sayOf(`${name}, defaults`, test.default) }],
      test,
    }));
  return chart({
    title: `Welfare of each loss on fresh auctions in ${tune.choice.scenario}, tuned and not`,
    caption:
      "Welfare as a share of the best possible, mean over the test seeds: diamonds as selected, circles with the defaults; one on the other where " +
      "the defaults were selected.",
    build: (context) => forest(rows, "welfare, % of the best possible", context, null),
    columns: [
      { label: "Loss", text: (row) => row.name },
      { label: "Selected", number: true, text: (row) => row.valueText, raw: (row) => row.test.selected },
      { label: "Defaults", number: true, text: (row) => scoreText(row.test.default), raw: (row) => row.test.default },
    ],
    rows,
    empty: "Not tested in this document.",
  });
}

export default {
  id: "test",
  title: "Gain on fresh auctions",
  holds: isTune,
  draw(document) {
    const tune = tuneOf(document);
    return [
      el("div", { class: "controls" }, picker(tune, "scenario"), picker(tune, "loss")),
      chosen(tune, () => [
        gains(
          `What tuning gained for each loss in ${tune.choice.scenario}`,
          "Welfare with the selected settings less that with the defaults, on the same fresh auctions.",
          "Loss",
          searchesOf(tune).map((search) => gainOf(search, search.name, search.name === tune.choice.loss)),
        ),
        gains(
          `What tuning gained for ${tune.choice.loss} in each scenario`,
          "The same for one loss.",
          "Scenario",
          tune.searches
            .filter(({ name }) => name === tune.choice.loss)
            .map((search) => gainOf(search, search.scenario, search.scenario === tune.choice.scenario)),
        ),
        both(tune),
      ]),
    ];
  },
};
