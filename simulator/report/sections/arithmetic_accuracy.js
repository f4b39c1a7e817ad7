// How many more answers are exact than after cross-entropy, by split.
import { arithmeticOf, compared, differenceRow, isArithmetic } from "../arithmetic.js";
import { missing } from "../lib/dom.js";
import { seedForest } from "../lib/seeds.js";

export default {
  id: "accuracy",
  title: "Exact answers",
  holds: isArithmetic,
  draw(document) {
    const study = arithmeticOf(document);
    if (!study.results.some(({ against }) => against)) {
      return missing("Nothing is compared: that takes cross_entropy and another loss in `--losses`.");
    }
    return study.tasks.map((task) =>
      seedForest({
        title: `How many more answers to problems of ${task} are exact than after ${study.against}`,
        caption: "In percentage points, by split of the problems. Right of the line, more exact answers.",
        rows: compared(study, task).map((result) =>
          differenceRow(study, "accuracy", result, `${result.split}, ${result.loss}`),
        ),
        what: "Split, loss",
        label: "difference in accuracy, percentage points",
        zero: 0,
        empty: "This task has no loss beside the one that it is compared with.",
      }),
    );
  },
};
