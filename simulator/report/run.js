// What sections need to know of a run: the summary of `vickrey simulate`, with or without what the demo adds to it.
import { looks } from "./lib/chart.js";
import { inPercent, number, plural, whole } from "./lib/format.js";
import { selectionOf } from "./lib/selection.js";

export const MOST_MODELS = 50;
export const MOST_POINTS = 200; // of a curve: groups of predictions, buckets of bids, epochs
const MOST_SHOWN = 6; // curves in a chart, before the reader picks others

const REFERENCES = {
  truth: "the true click probabilities",
  teacher: "the click probabilities of a teacher",
  clicks: "the clicks that happened",
};

export const isRun = (document) =>
  document.kind !== "tune" && Array.isArray(document.models) && Array.isArray(document.comparisons);

function modelsOf(document, student, baseline) {
  return document.models.slice(0, MOST_MODELS).map((model, index) => ({
    ...model,
    index,
    key: String(index),
    name: String(model.ref ?? `model ${index + 1}`),
    role: model.ref === student ? "primary model" : model.ref === baseline ? "primary baseline" : "",
    ...looks(index),
  }));
}

// The comparison that counts: the one that the document names; otherwise of the first model with the best of the others.
function primaryOf(document) {
  const named = document.demo?.primary;
  if (named)
    return { student: named.student, baseline: named.baseline, chosenBy: named.baseline_chosen_by, named: true };
  const welfare = document.comparisons.filter((c) => c.metric === "welfare" && number(c.b) !== null);
  const best = welfare.reduce((a, b) => (a === null || b.b > a.b ? b : a), null);
  return { student: document.models[0]?.ref, baseline: best?.b_model, chosenBy: null, named: false };
}

const known = new WeakMap();

export function runOf(document) {
  if (known.has(document)) return known.get(document);
  const primary = primaryOf(document);
  const models = modelsOf(document, primary.student, primary.baseline);
  const first = [...models].sort((a, b) => (b.role !== "") - (a.role !== "") || a.index - b.index);
  const run = {
    document,
    models,
    ...primary,
    left: document.models.length - models.length,
    selection: selectionOf(
      first.map(({ key }) => key),
      MOST_SHOWN,
    ),
    series: models.map(({ key, name, colour, symbol, dash, path }) => ({ key, name, colour, symbol, dash, path })),
    reference: REFERENCES[models[0]?.reference] ?? "what is known of the clicks",
    currency: document.config?.market?.currency_code ?? document.config?.currency_code ?? "units of the currency",
    training: Array.isArray(document.demo?.training) ? document.demo.training : [],
    comparisons: (metric) => document.comparisons.filter((c) => c.metric === metric).slice(0, MOST_MODELS - 1),
    isPrimary: (c) => c.a_model === primary.student && c.b_model === primary.baseline,
  };
  known.set(document, run);
  return run;
}

// A sentence on each model's many points where some are left out of a chart.
export const cutNote = (points, noun) =>
  points > MOST_POINTS ? ` Of ${plural(points, noun)} of a model, ${MOST_POINTS} are drawn.` : "";

// At most MOST_POINTS of a list, evenly picked, the ends among them.
export function thin(list) {
  if (list.length <= MOST_POINTS) return list;
  return Array.from({ length: MOST_POINTS }, (_, i) => list[Math.round((i * (list.length - 1)) / (MOST_POINTS - 1))]);
}

// What a comparison says in words, and no more than that.
export function sentence({ a_model: a, b_model: b, relative, relative_ci95: range }) {
  const shown = inPercent(relative, range);
  if (shown.lo === null)
    return `The welfare of ${a} and ${b} cannot be compared: the interval is not defined on these auctions.`;
  const numbers = `${shown.valueText} (95 % interval ${shown.rangeText})`;
  if (shown.lo > 0) return `${a} creates more welfare than ${b}: ${numbers}.`;
  if (shown.hi < 0) return `${a} creates less welfare than ${b}: ${numbers}.`;
  return `No difference in welfare between ${a} and ${b} can be told from chance: ${numbers}.`;
}

export const auctionsOf = (document) => plural(whole(document.auctions) ?? 0, "auction");
