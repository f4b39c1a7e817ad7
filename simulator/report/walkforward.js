// What sections need to know of a walk-forward: what positions by forecasts of a price came to, for models, losses and costs
// over seeds (docs/formats.md, Studies).
import { looks } from "./lib/chart.js";
import { choiceOf, pickerOf } from "./lib/choice.js";
import { brief, decimalsFor, fixed, inPercent, interval, inWords, number, signed, SPACE } from "./lib/format.js";
import { selectionOf } from "./lib/selection.js";

const MOST_RESULTS = 1000;
const MOST_SEEDS = 200; // whose points are drawn
const MOST_SHOWN = 6; // curves in a chart, before the reader picks others
export const MOST_POINTS = 400; // of a curve
export const HOLD = "hold"; // the key of buy and hold; those of losses begin with "loss "

export const isWalkforward = (document) => document.kind === "walkforward" && Array.isArray(document.results);

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
export const objects = (value) => (Array.isArray(value) ? value.filter(isObject) : []);
const unique = (values) => [...new Set(values)];

export const percentOf = (share, decimals = 2) =>
  number(share) === null ? null : `${fixed(100 * share, decimals)}${SPACE}%`;
export const costText = (cost) =>
  cost === 0 ? "no costs" : cost === null ? "costs not stated" : `costs of ${percentOf(cost)}`;

// Days, as series have them: ISO 8601 with or without a time, or month/day/year; milliseconds, or null.
export function moment(text) {
  const iso = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?/.exec(text);
  if (iso) return Date.UTC(iso[1], iso[2] - 1, iso[3], iso[4] ?? 0, iso[5] ?? 0, iso[6] ?? 0);
  const american = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text);
  return american ? Date.UTC(american[3], american[1] - 1, american[2]) : null;
}

const keyOf = (cost) => String(number(cost) ?? "none");
const resultOf = (result) => ({
  ...result,
  model: String(result.model),
  loss: String(result.loss),
  cost: number(result.cost),
  costKey: keyOf(result.cost),
  seeds: objects(result.seeds),
  over: isObject(result.over_seeds) ? result.over_seeds : {},
});

const known = new WeakMap();

export function walkforwardOf(document) {
  if (known.has(document)) return known.get(document);
  const results = document.results.slice(0, MOST_RESULTS).map(resultOf);
  const holds = objects(document.buy_and_hold);
  const models = unique(results.map(({ model }) => model));
  const losses = unique(results.map(({ loss }) => loss));
  const keys = unique(results.map(({ costKey }) => costKey));
  const costs = keys.map((key) => ({ key, cost: results.find(({ costKey }) => costKey === key).cost }));
  const series = [
    { key: HOLD, name: "buy and hold", ...looks(5) }, // in the colour of ink, which no loss before the seventh has
    ...losses.map((name, i) => ({ key: `loss ${name}`, name, ...looks(i < 5 ? i : i + 1) })),
  ];
  const study = {
    document,
    config: isObject(document.config) ? document.config : {},
    results,
    models,
    losses,
    costs,
    windows: objects(document.windows),
    series,
    against: results.map(({ against }) => against?.loss).find((loss) => typeof loss === "string") ?? "mse",
    hold: (costKey) => holds.find(({ cost }) => keyOf(cost) === costKey) ?? null,
    choice: choiceOf({ model: models[0], cost: costs[0]?.key }),
    selection: selectionOf(
      series.map(({ key }) => key),
      MOST_SHOWN,
    ),
    left: document.results.length - results.length,
    seeds: Math.max(0, ...results.map(({ seeds }) => seeds.length)),
  };
  known.set(document, study);
  return study;
}

export const pickers = (study) => [
  pickerOf(
    study.choice,
    "model",
    "Model",
    study.models.map((model) => ({ value: model, text: model })),
  ),
  pickerOf(
    study.choice,
    "cost",
    "Costs",
    study.costs.map(({ key, cost }) => ({ value: key, text: cost === 0 ? "none" : (percentOf(cost) ?? "not stated") })),
  ),
];

export const costOf = (study, key = study.choice.cost) => study.costs.find((one) => one.key === key)?.cost ?? null;
// Results of the model and the costs that the reader looks at.
export const chosenResults = (study) =>
  study.results.filter(({ model, costKey }) => model === study.choice.model && costKey === study.choice.cost);

// A result's name where it stands among others of several models.
export const nameOf = (study, { model, loss }) => (study.models.length > 1 ? `${loss} (${model})` : loss);

// --- Metrics ---------------------------------------------------------------------------------------------------------

export const METRICS = {
  arc: { label: "ARC", share: true },
  ir: { label: "IR*" },
  ir2: { label: "IR**" },
};

// A metric and its interval: numbers for charts, text for people. `difference`: with signs.
export function written(metric, value, range, difference) {
  if (METRICS[metric].share) return inPercent(value, range, difference ? "points" : "%");
  const decimals = Math.min(5, Math.max(2, decimalsFor([number(value), ...(interval(range) ?? [])], 3)));
  return inWords(value, range, (x) => (difference ? signed(x, decimals) : fixed(x, decimals)));
}

// On which side of 0 an interval over seeds lies: above, below, open (it holds 0), unknown.
export function sideOf(over) {
  const ends = interval(over?.t95);
  if (!ends) return "unknown";
  return ends[0] > 0 ? "above" : ends[1] < 0 ? "below" : "open";
}

// A row of a forest plot: a mean over seeds, its interval, and a point for each seed. `valueOf`: a seed's, or null.
function rowOf(metric, result, name, over, valueOf, difference) {
  const seeds = result.seeds
    .map((seed) => ({ seed: seed.seed, value: valueOf(seed) }))
    .filter((one) => one.value !== null);
  const shown = written(metric, over?.mean, over?.t95, difference);
  const of = `${result.loss}, ${result.model}, ${costText(result.cost)}`;
  const scale = METRICS[metric].share ? 100 : 1;
  return {
    name,
    primary: shown.lo !== null && (shown.lo > 0 || shown.hi < 0),
    ...shown,
    seeds: seeds.length,
    points: seeds.slice(0, MOST_SEEDS).map(({ seed, value }) => ({
      value: scale * value,
      say: `${of}, seed ${seed}\n${METRICS[metric].label} ${written(metric, value, null, difference).valueText}`,
    })),
    say: `${of}\nmean of ${seeds.length} seeds ${shown.valueText}\n95 % interval ${shown.rangeText}`,
  };
}

// The difference to the loss that others are compared with, of the same model, costs and seed.
export function againstRow(study, metric, result) {
  const other = study.results.find(
    ({ model, costKey, loss }) => model === result.model && costKey === result.costKey && loss === result.against?.loss,
  );
  const others = new Map((other?.seeds ?? []).map((seed) => [seed.seed, number(seed[metric])]));
  const valueOf = (seed) => {
    const [a, b] = [number(seed[metric]), others.get(seed.seed) ?? null];
    return a === null || b === null ? null : a - b;
  };
  return rowOf(metric, result, result.loss, result.against?.[metric], valueOf, true);
}

export const overHoldRow = (metric, result) =>
  rowOf(
    metric,
    result,
    result.loss,
    result.over[`${metric}_over_hold`],
    (seed) => number(seed[`${metric}_over_hold`]),
    true,
  );

// What the settings make of a loss, in words; null: nothing.
export function settingsOf(study, loss) {
  const of = (what) => (isObject(study.config.settings?.[what]?.[loss]) ? study.config.settings[what][loss] : {});
  const said = Object.entries({ ...of("losses"), ...of("variants") })
    .filter(([key]) => key !== "candidates")
    .map(
      ([key, value]) =>
        `${key.replace(/^loss\./, "")}${SPACE}${typeof value === "number" ? brief(value) : String(value)}`,
    );
  return said.length > 0 ? said.join(", ") : null;
}
