// What losses do to predictions: calibration of winners, AUC.
import { el } from "../lib/dom.js";
import { chosen, picker } from "../lib/grid.js";
import { seedForest } from "../lib/seeds.js";
import { isStudy, METRICS, overLosses, studyOf } from "../study.js";

export default {
  id: "prediction",
  title: "Calibration of winners and AUC",
  holds: isStudy,
  draw(document) {
    const study = studyOf(document);
    const draw = (metric, title, caption) =>
      seedForest({
        title,
        caption,
        what: "Loss",
        value: METRICS[metric].label,
        label: METRICS[metric].label,
        zero: METRICS[metric].zero,
        rows: overLosses(study, metric, study.choice.scenario),
        empty: "Not in this study.",
      });
    return [
      el("div", { class: "controls" }, picker(study, "scenario")),
      chosen(study, () => [
        draw(
          "winners_calibration",
          `Calibration of winners in ${study.choice.scenario}`,
          "Predicted clicks of the ads that won, over their clicks. At the line winners were predicted right; right of it, overestimated.",
        ),
        draw(
          "auc",
          `AUC in ${study.choice.scenario}`,
          "The probability that a clicked candidate has a higher prediction than one that was not. A loss that creates more welfare may have less of it.",
        ),
      ]),
    ];
  },
};
