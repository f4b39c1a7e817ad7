// How losses differ from the one that they are compared with, and from buy and hold.
import { el } from "../lib/dom.js";
import { chosen } from "../lib/grid.js";
import { seedForest } from "../lib/seeds.js";
import {
  againstRow,
  chosenResults,
  costOf,
  costText,
  isWalkforward,
  METRICS,
  overHoldRow,
  pickers,
  walkforwardOf,
} from "../walkforward.js";

function one(study, metric, against) {
  const { label } = METRICS[metric];
  const where = `${study.choice.model}, ${costText(costOf(study))}`;
  const results = chosenResults(study);
  const other = against ? study.against : "buy and hold";
  const paired = against ? ", seed by seed" : "";
  return seedForest({
    title: `${label} less that of ${other}: ${where}`,
    caption: `${label} of each loss less that of ${other} with the same model and costs${paired}. Right of the line, better. In colour where the interval leaves out 0.`,
    rows: against
      ? results.filter((result) => result.against).map((result) => againstRow(study, metric, result))
      : results.map((result) => overHoldRow(metric, result)),
    what: "Loss",
    value: `Difference in ${label}`,
    label: `difference in ${label}`,
    zero: 0,
    empty: against
      ? `Nothing is compared here: the study has no other loss beside ${study.against}, or not ${study.against} itself.`
      : "How losses differ from buy and hold is not in this document.",
  });
}

export default {
  id: "differences",
  title: "Differences between losses",
  holds: isWalkforward,
  draw(document) {
    const study = walkforwardOf(document);
    return [
      el("div", { class: "controls" }, pickers(study)),
      chosen(study, () => [
        one(study, "ir", true),
        one(study, "ir2", true),
        one(study, "ir", false),
        one(study, "ir2", false),
      ]),
    ];
  },
};
