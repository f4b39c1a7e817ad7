// The difference in welfare to the better log loss: one loss over all scenarios, all losses of one scenario.
import { el } from "../lib/dom.js";
import { chosen, picker } from "../lib/grid.js";
import { seedForest } from "../lib/seeds.js";
import { BASELINE, isStudy, METRICS, overLosses, overScenarios, studyOf } from "../study.js";

const CAPTION = `In percent of the welfare of the baseline, ${BASELINE}. Right of the line, more welfare.`;

function byScenario(study) {
  return seedForest({
    title: `How much more welfare ${study.choice.loss} creates than the better log loss`,
    caption: `${CAPTION} In a control the student is the truth, so that nothing can be gained.`,
    rows: overScenarios(study, "relative", study.choice.loss),
    what: "Scenario",
    value: "Welfare difference",
    label: METRICS.relative.label,
    zero: 0,
    empty: "No scenario of this study has that loss.",
  });
}

function byLoss(study) {
  return seedForest({
    title: `How much more welfare each loss creates in ${study.choice.scenario}`,
    caption: CAPTION,
    rows: overLosses(study, "relative", study.choice.scenario),
    what: "Loss",
    value: "Welfare difference",
    label: METRICS.relative.label,
    zero: 0,
    empty: "This scenario has no losses.",
  });
}

export default {
  id: "welfare",
  title: "Welfare",
  holds: isStudy,
  draw(document) {
    const study = studyOf(document);
    return [
      el("div", { class: "controls" }, picker(study, "loss"), picker(study, "scenario")),
      chosen(study, () => [byScenario(study), byLoss(study)]),
    ];
  },
};
