// How much smaller errors are than after cross-entropy: a chart for each split, for their sizes differ by orders.
import { arithmeticOf, compared, differenceRow, isArithmetic, SPLITS } from "../arithmetic.js";
import { el } from "../lib/dom.js";
import { seedForest } from "../lib/seeds.js";

function chartOf(study, task, split) {
  const meaning = Object.hasOwn(SPLITS, split) ? ` (${SPLITS[split]})` : "";
  return seedForest({
    title: `Mean absolute error of ${task}, ${split}: difference to ${study.against}`,
    caption: `Problems of the split ${split}${meaning}. Left of the line, smaller errors.`,
    rows: compared(study, task, split).map((result) => differenceRow(study, "mae", result, result.loss)),
    what: "Loss",
    label: "difference in mean absolute error",
    zero: 0,
    empty: "Nothing of this split is compared.",
  });
}

export default {
  id: "errors",
  title: "Errors of the number",
  holds: (document) => isArithmetic(document) && document.results.some((result) => result.against),
  draw(document) {
    const study = arithmeticOf(document);
    return study.tasks.map((task) => [
      el("h3", null, task),
      study.splits
        .filter((split) => compared(study, task, split).length > 0)
        .map((split) => chartOf(study, task, split)),
    ]);
  },
};
