// The share of the baseline's regret that losses remove.
import { el } from "../lib/dom.js";
import { chosen, picker } from "../lib/grid.js";
import { seedForest } from "../lib/seeds.js";
import { isStudy, METRICS, overLosses, overScenarios, studyOf } from "../study.js";

const CAPTION =
  "Regret is what a perfect ranking would have created more. 100 % is a perfect ranking, 0 % the better log loss; left of " +
  "the line, more regret than that.";

export default {
  id: "regret",
  title: "Regret removed",
  holds: isStudy,
  draw(document) {
    const study = studyOf(document);
    const common = {
      caption: CAPTION,
      value: "Regret removed",
      label: METRICS.regret_removed.label,
      zero: 0,
      empty: "Regret removed is not defined here: the baseline's regret is not told from 0.",
    };
    return [
      el("div", { class: "controls" }, picker(study, "loss"), picker(study, "scenario")),
      chosen(study, () => [
        seedForest({
          ...common,
          title: `How much of the better log loss's regret ${study.choice.loss} removes`,
          what: "Scenario",
          rows: overScenarios(study, "regret_removed", study.choice.loss),
        }),
        seedForest({
          ...common,
          title: `How much of it each loss removes in ${study.choice.scenario}`,
          what: "Loss",
          rows: overLosses(study, "regret_removed", study.choice.scenario),
        }),
      ]),
    ];
  },
};
