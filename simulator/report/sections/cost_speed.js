// How fast points train, against the batch and the size of the model.
import { costOf, isCost, rateText } from "../cost.js";
import { againstBatchAndSize } from "../cost_lines.js";

export default {
  id: "speed",
  title: "Examples per second",
  holds: isCost,
  draw(document) {
    return againstBatchAndSize(costOf(document), {
      quantity: "examples_per_second",
      what: "Examples per second",
      better: "faster",
      axis: "examples per second",
      label: "Examples per second",
      textOf: rateText,
      empty: "No speed of such a point was measured.",
    });
  },
};
