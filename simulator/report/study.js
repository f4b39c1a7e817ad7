// What sections need to know of a study: losses over scenarios and seeds (docs/formats.md, Studies).
import { fixed, inPercent, inWords, number, signed } from "./lib/format.js";
import { gridOf } from "./lib/grid.js";

const MOST_SEEDS = 200; // whose points are drawn

export const isStudy = (document) =>
  document.kind !== "tune" && Array.isArray(document.scenarios) && Array.isArray(document.claims);

export const BASELINE = "the better of logloss@click and logloss@teacher of the same seed, by welfare on validation";

const known = new WeakMap();

export function studyOf(document) {
  if (!known.has(document)) known.set(document, { document, ...gridOf(document) });
  return known.get(document);
}

// A metric of losses: how it is read from `over_seeds` and `seeds`, and written.
//   zero: where it says that nothing is gained or lost; null: nowhere
export const METRICS = {
  relative: { label: "welfare difference, %", zero: 0, share: true },
  regret_removed: { label: "regret removed, %", zero: 0, share: true },
  winners_calibration: { label: "predictions / clicks of winners", zero: 1, decimals: 3 },
  auc: { label: "AUC", zero: null, decimals: 4 },
  auc_difference: { label: "AUC less the baseline's", zero: 0, decimals: 4, signed: true },
};

function written(metric, value, range) {
  const { share, decimals, signed: plus } = METRICS[metric];
  if (share) return inPercent(value, range);
  return inWords(value, range, (x) => (plus ? signed(x, decimals) : fixed(x, decimals)));
}

// A row of a forest plot: the mean over seeds of a loss in a scenario, its t-interval, and a point for each seed.
export function rowOf(metric, scenario, loss, name, primary) {
  const over = loss.over_seeds?.[metric];
  const seeds = (loss.seeds ?? []).filter((seed) => number(seed?.[metric]) !== null);
  const shown = written(metric, over?.mean, over?.t95);
  const scale = METRICS[metric].share ? 100 : 1;
  const points = seeds.slice(0, MOST_SEEDS).map((seed) => ({
    value: scale * seed[metric],
    say: `${loss.name} in ${scenario.name}, seed ${seed.seed}\n${METRICS[metric].label.replace(", %", "")}: ${written(metric, seed[metric], null).valueText}`,
  }));
  return {
    name,
    primary,
    ...shown,
    points,
    seeds: seeds.length,
    say: `${loss.name} in ${scenario.name}\nmean of ${seeds.length} seeds ${shown.valueText}\n95 % interval ${shown.rangeText}`,
  };
}

// One loss over all scenarios that have it; all losses of one scenario.
export const overScenarios = (study, metric, loss) =>
  study.scenarios.flatMap((scenario) => {
    const found = scenario.losses.find(({ name }) => name === loss);
    return found
      ? [rowOf(metric, scenario, found, scenario.name + (scenario.control ? " (control)" : ""), !scenario.control)]
      : [];
  });
export const overLosses = (study, metric, name) => {
  const scenario = study.scenarios.find((one) => one.name === name);
  return (scenario?.losses ?? []).map((loss) =>
    rowOf(metric, scenario, loss, String(loss.name), loss.name === study.choice.loss),
  );
};
