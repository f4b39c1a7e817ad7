// What sections need to know of a study of arithmetic: losses of a digit transformer over tasks, splits of the problems
// and seeds (docs/formats.md, Studies).
import { decimalsFor, fixed, inPercent, interval, inWords, number, signed } from "./lib/format.js";

const MOST_RESULTS = 500;
const MOST_SEEDS = 200; // whose points are drawn

export const isArithmetic = (document) => document.kind === "arithmetic" && Array.isArray(document.results);

export const SPLITS = {
  train: "trained on",
  interpolation: "in the trained range, never trained on",
  extrapolation: "above the trained range",
  longer: "a digit longer",
};
const CLAIMED = ["interpolation", "extrapolation"];

const list = (value) => (Array.isArray(value) ? value : []);
const seedsOf = (result) => list(result.seeds).filter((seed) => seed !== null && typeof seed === "object");
const unique = (values) => [...new Set(values)];

const known = new WeakMap();

export function arithmeticOf(document) {
  if (known.has(document)) return known.get(document);
  const results = document.results.slice(0, MOST_RESULTS);
  const study = {
    document,
    results,
    config: document.config ?? {},
    tasks: unique(results.map(({ task }) => task)),
    splits: unique(results.map(({ split }) => split)),
    losses: unique(results.map(({ loss }) => loss)),
    against: results.find(({ against }) => against?.loss)?.against.loss ?? "cross_entropy",
    left: document.results.length - results.length,
    failed: results
      .filter(({ split }) => split === "train")
      .reduce((sum, result) => sum + seedsOf(result).filter(({ error }) => error).length, 0),
  };
  known.set(document, study);
  return study;
}

// A metric, as it is and as a difference: numbers for charts, text for people. `pair` is an interval or null.
export function written(metric, value, pair, difference) {
  if (metric === "accuracy" || metric === "no_number") {
    const shown = inPercent(value, pair, difference ? "points" : "%");
    return difference ? shown : { ...shown, valueText: shown.valueText.replace("+", ""), rangeText: plain(shown) };
  }
  const decimals = Math.min(2, decimalsFor([number(value), ...(interval(pair) ?? [])], 3));
  return inWords(value, pair, (x) => (difference ? signed(x, decimals) : fixed(x, decimals)));
}
const plain = ({ rangeText }) => rangeText.replaceAll("+", "");

// The difference of a result to the loss that it is compared with, as a row of a forest plot, a point for each seed.
export function differenceRow(study, metric, result, name) {
  const over = result.against?.[metric];
  const other = study.results.find(
    ({ task, split, loss }) => task === result.task && split === result.split && loss === result.against?.loss,
  );
  const others = new Map((other ? seedsOf(other) : []).map((seed) => [seed.seed, number(seed[metric])]));
  const pairs = seedsOf(result)
    .map((seed) => ({ seed: seed.seed, a: number(seed[metric]), b: others.get(seed.seed) ?? null }))
    .filter(({ a, b }) => a !== null && b !== null);
  const shown = written(metric, over?.mean, over?.t95, true);
  const of = `${result.loss}, ${result.task}, ${result.split}`;
  const points = pairs.slice(0, MOST_SEEDS).map(({ seed, a, b }) => ({
    value: metric === "accuracy" ? 100 * (a - b) : a - b,
    say: `${of}, seed ${seed}\n${written(metric, a - b, null, true).valueText}`,
  }));
  return {
    name,
    primary: CLAIMED.includes(result.split),
    ...shown,
    points,
    seeds: pairs.length,
    say: `${of}\nmean of ${pairs.length} seeds ${shown.valueText}\n95 % interval ${shown.rangeText}`,
  };
}

export const compared = (study, task, split) =>
  study.results.filter(
    (result) => result.task === task && (split === undefined || result.split === split) && result.against,
  );
