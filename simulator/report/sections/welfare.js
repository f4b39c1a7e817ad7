// How much more welfare the first model creates than each of the others.
import { chart } from "../lib/chart.js";
import { forest, forestColumns } from "../lib/forest.js";
import { inPercent } from "../lib/format.js";
import { auctionsOf, isRun, runOf } from "../run.js";

function rowOf(run, comparison) {
  const shown = inPercent(comparison.relative, comparison.relative_ci95);
  const primary = run.isPrimary(comparison);
  return {
    name: String(comparison.b_model),
    primary,
    ...shown,
    say:
      `${comparison.a_model} against ${comparison.b_model}${primary ? " (primary comparison)" : ""}\n` +
      `welfare ${shown.valueText}\n95 % interval ${shown.rangeText}`,
  };
}

export default {
  id: "welfare",
  title: "Welfare",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    const first = run.models[0].name;
    const rows = run.comparisons("welfare").map((comparison) => rowOf(run, comparison));
    const chosen = run.chosenBy
      ? ` The baseline of the primary comparison, in colour, was chosen by ${run.chosenBy}.`
      : " In colour: the best of the others.";
    return chart({
      title: `How much more welfare ${first} creates than each other model`,
      caption:
        `Each point is the difference in welfare to the model of that row, in percent of that model's welfare, over ` +
        `${auctionsOf(document)} that all models played; the bar is the 95 % interval of paired differences. A bar clear of ` +
        `the line at zero is a difference that chance alone does not explain.${chosen}`,
      build: (context) =>
        forest(
          rows,
          `welfare of ${first.length > 40 ? "the first model" : first} less that of the row's model, %`,
          context,
        ),
      columns: forestColumns("Against", ", %"),
      rows,
      empty: "There is no comparison of welfare in this summary: it takes two models or more.",
    });
  },
};
