// Who gets the welfare: the seller as revenue, advertisers as surplus; and what nobody gets.
import { stackedBars } from "../lib/bars.js";
import { chart } from "../lib/chart.js";
import { forest, forestColumns } from "../lib/forest.js";
import { brief, inPercent, number, percent } from "../lib/format.js";
import { isRun, runOf } from "../run.js";

const PARTS = [
  { key: "revenue", name: "revenue: what winners pay", colour: "series3" },
  { key: "surplus", name: "surplus: what advertisers keep", colour: "series1" },
  { key: "regret", name: "regret: what nobody gets", colour: "series7" },
];

function rowsOf(run) {
  return run.models.flatMap((model) =>
    PARTS.flatMap((part, place) => {
      const value = number(model[part.key]);
      if (value === null) return [];
      const share =
        part.key !== "regret" && number(model.welfare) > 0 ? `\n${percent(value / model.welfare)} of its welfare` : "";
      return [
        {
          row: model.key,
          name: model.name,
          series: part.key,
          part: part.key,
          place,
          value,
          say: `${model.name}\n${part.key}: ${brief(value, 4)} ${run.currency} an auction${share}`,
        },
      ];
    }),
  );
}

function splitChart(run) {
  const rows = rowsOf(run);
  const models = run.models.filter(({ key }) => rows.some(({ row }) => row === key));
  const parts = PARTS.filter(({ key }) => rows.some(({ series }) => series === key));
  const whole = parts.some(({ key }) => key === "regret")
    ? " All bars together are as long as the welfare of a perfect ranking."
    : "";
  return chart({
    title: "Who gets the welfare: revenue and surplus",
    caption: `Mean per auction in ${run.currency}. Revenue and surplus add up to the welfare that a model creates.${whole}`,
    build: (context) =>
      stackedBars(
        rows,
        models.map(({ key }) => key),
        models.map(({ name }) => name),
        `${run.currency} per auction`,
        context,
      ),
    series: parts,
    columns: [
      { label: "Model", text: (row) => row.name },
      { label: "Part", text: (row) => row.part },
      {
        label: `Mean per auction, ${run.currency}`,
        number: true,
        text: (row) => brief(row.value, 4),
        raw: (row) => row.value,
      },
    ],
    rows,
    empty: "Revenue and surplus are not in this summary.",
  });
}

function revenueChart(run) {
  const rows = run.comparisons("revenue").map((comparison) => {
    const shown = inPercent(comparison.relative, comparison.relative_ci95);
    return {
      name: String(comparison.b_model),
      primary: run.isPrimary(comparison),
      ...shown,
      say: `${comparison.a_model} against ${comparison.b_model}\nrevenue ${shown.valueText}\n95 % interval ${shown.rangeText}`,
    };
  });
  return chart({
    title: `How much more revenue ${run.models[0].name} brings than each other model`,
    caption:
      "Difference in what winners pay, in percent of the revenue of the row's model; the bar is the 95 % interval of " +
      "paired differences. A second price depends on the runner-up, so that a better ranking can lower it.",
    build: (context) => forest(rows, "difference in revenue, %", context),
    columns: forestColumns("Against", ", %"),
    rows,
    empty: "There is no comparison of revenue in this summary: it takes two models or more.",
  });
}

export default {
  id: "split",
  title: "Revenue and surplus",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    return [splitChart(run), revenueChart(run)];
  },
};
