// How good the answers are after each loss: means over seeds of all metrics.
import { arithmeticOf, isArithmetic, written } from "../arithmetic.js";
import { el } from "../lib/dom.js";
import { interval } from "../lib/format.js";
import { table } from "../lib/table.js";

function metric(name, label, title) {
  const of = (result) => result.over_seeds?.[name];
  const shown = (result) => written(name, of(result)?.mean, of(result)?.t95, false);
  const text = (result) =>
    interval(of(result)?.t95) ? `${shown(result).valueText} (${shown(result).rangeText})` : shown(result).valueText;
  return { label, title, number: true, text, raw: (result) => of(result)?.mean };
}

const COLUMNS = [
  { label: "Split", text: ({ split }) => split },
  { label: "Loss", text: ({ loss }) => loss },
  metric("accuracy", "Exact answers", "right to the character"),
  metric("mae", "Mean absolute error", "an answer that is no number counts as 0"),
  metric("median_absolute_error", "Median error", "mean over seeds of the median of each"),
  metric("no_number", "No number", "share of the answers"),
];

export default {
  id: "answers",
  title: "Answers",
  holds: isArithmetic,
  draw(document) {
    const study = arithmeticOf(document);
    return [
      study.tasks.map((task) => [
        el("h3", null, task),
        table(
          `Answers to problems of ${task}`,
          COLUMNS,
          study.results.filter((result) => result.task === task),
        ),
      ]),
      el(
        "p",
        { class: "footnote" },
        "Means over seeds, with Student's t of 95 %. Such intervals of two losses may overlap where their difference of the same seed, above, is told apart.",
      ),
    ];
  },
};
