// What models lose against a perfect ranking: how much of it the first model removes, and to what each one loses it.
import { stackedBars } from "../lib/bars.js";
import { chart, pointsOfShown } from "../lib/chart.js";
import { missing } from "../lib/dom.js";
import { forest, forestColumns } from "../lib/forest.js";
import { brief, inPercent, number, percent } from "../lib/format.js";
import { isRun, runOf } from "../run.js";

const PARTS = [
  {
    key: "ranking",
    name: "lost to ranking",
    colour: "series1",
    says: "another candidate than the best was ranked first",
  },
  {
    key: "reserve",
    name: "lost to the reserve",
    colour: "series5",
    says: "the reserve forbade a sale, even with exact probabilities",
  },
  {
    key: "calibration",
    name: "lost to calibration",
    colour: "series2",
    says: "a wrong probability forbade a sale, or, negative, allowed one that the reserve should have forbidden",
  },
];

function removedRow(run, comparison) {
  const shown = inPercent(comparison.regret_removed, comparison.regret_removed_ci95);
  const note = shown.value === null ? "not defined: the other model loses next to nothing" : shown.valueText;
  return {
    name: String(comparison.b_model),
    primary: run.isPrimary(comparison),
    ...shown,
    say: `of the regret of ${comparison.b_model}\n${comparison.a_model} removes ${note}\n95 % interval ${shown.rangeText}`,
  };
}

function removedChart(run) {
  const first = run.models[0].name;
  const rows = run.comparisons("regret").map((comparison) => removedRow(run, comparison));
  return chart({
    title: `How much of each model's regret ${first} removes`,
    caption:
      "Regret is the welfare that a perfect ranking would have created, less the model's. 100 % removed is a perfect " +
      "ranking; below zero, the first model loses more than the one it is compared with. Bars are 95 % intervals.",
    build: (context) => forest(rows, "regret removed, %", context),
    columns: forestColumns("Of the regret of", ", %"),
    rows,
    empty: "There is no comparison of regret in this summary.",
  });
}

function partRows(run) {
  return run.models.flatMap((model) =>
    PARTS.flatMap((part, place) => {
      const value = number(model.lost?.[part.key]);
      if (value === null) return [];
      const share =
        number(model.oracle_welfare) > 0
          ? `\n${percent(value / model.oracle_welfare)} of a perfect ranking's welfare`
          : "";
      return [
        {
          row: model.key,
          name: model.name,
          series: part.key,
          part: part.name,
          place,
          value,
          say: `${model.name}\n${part.name}: ${brief(value, 4)} ${run.currency} an auction${share}`,
        },
      ];
    }),
  );
}

function lostChart(run) {
  const rows = partRows(run);
  const models = run.models.filter(({ key }) => rows.some(({ row }) => row === key));
  const parts = PARTS.filter(
    ({ key }) => key === "ranking" || rows.some(({ series, value }) => series === key && value !== 0),
  );
  const absent = PARTS.filter((part) => !parts.includes(part)).map(({ name }) => name.replace("lost to ", ""));
  const drawn = rows.filter(({ series }) => parts.some(({ key }) => key === series));
  return chart({
    title: "What each model loses against a perfect ranking, and to what",
    caption:
      `Mean regret per auction in ${run.currency}, in parts: ` +
      parts.map(({ name, says }) => `${name.replace("lost to ", "")}: ${says}`).join("; ") +
      "." +
      (absent.length > 0 ? ` Nothing was lost to ${absent.join(" or ")}.` : ""),
    build: (context) =>
      stackedBars(
        pointsOfShown(drawn, context),
        models.map(({ key }) => key),
        models.map(({ name }) => name),
        `regret, ${run.currency} per auction`,
        context,
      ),
    series: parts,
    columns: [
      { label: "Model", text: (row) => row.name },
      { label: "Part", text: (row) => row.part },
      {
        label: `Regret, ${run.currency} per auction`,
        number: true,
        text: (row) => brief(row.value, 4),
        raw: (row) => row.value,
      },
    ],
    rows,
    empty: "What regret was lost to is not in this summary (models[].lost).",
  });
}

export default {
  id: "regret",
  title: "Regret",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    if (run.models.every(({ regret }) => number(regret) === null)) {
      return missing(
        `Regret is not known here: welfare is judged by ${run.reference}, and nobody knows what a perfect ranking ` +
          "would have earned. It is known in a synthetic market (--market), and where a log carries a teacher's probabilities.",
      );
    }
    return [removedChart(run), lostChart(run)];
  },
};
