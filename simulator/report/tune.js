// What sections need to know of a search for settings: the trials of each loss in each scenario (docs/formats.md, of
// studies).
import { fixed, inPercent, interval, number, SPACE } from "./lib/format.js";
import { gridOf } from "./lib/grid.js";
import { selectionOf } from "./lib/selection.js";

const MOST_SHOWN = 6; // curves in a chart, before the reader picks others
export const MOST_TRIALS = 500; // of a search, that are drawn

export const isTune = (document) => document.kind === "tune" && Array.isArray(document.scenarios);

const list = (value) => (Array.isArray(value) ? value : []);
const settingsOf = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : [];

function trialOf(trial, index) {
  const rungs = list(trial?.rungs)
    .map((rung) => ({ epochs: number(rung?.epochs), score: number(rung?.score), error: rung?.error ?? null }))
    .filter(({ epochs }) => epochs !== null);
  return { trial: number(trial?.trial) ?? index, settings: settingsOf(trial?.settings), rungs, last: rungs.at(-1) };
}

// The search of one loss in one scenario.
function searchOf(scenario, loss, full) {
  const trials = list(loss.trials).map(trialOf);
  const selected = trials.find(({ trial }) => trial === number(loss.selected));
  const defaults = trials.find(({ trial }) => trial === 0);
  return {
    scenario,
    name: String(loss.name),
    trials,
    selected,
    defaults,
    stays: number(loss.selected) === 0, // nothing was better than the defaults
    spent: number(loss.spent),
    failed: trials.filter(({ last }) => last && last.score === null).length,
    score: selected?.last?.score ?? null,
    defaultScore: defaults?.last?.epochs === full ? defaults.last.score : null,
    settings: settingsOf(loss.settings),
    test: {
      selected: number(loss.test?.selected),
      default: number(loss.test?.default),
      t95: interval(loss.test?.difference_t95),
    },
  };
}

const known = new WeakMap();

export function tuneOf(document) {
  if (known.has(document)) return known.get(document);
  const grid = gridOf(document);
  const config = document.config ?? {};
  const every = grid.scenarios.flatMap(({ losses }) => losses.flatMap(({ trials }) => list(trials).map(trialOf)));
  const full = number(config.epochs) ?? every.reduce((most, { last }) => Math.max(most, last?.epochs ?? 0), 0);
  const tune = {
    document,
    config,
    full, // epochs of a full training
    ...grid,
    searches: grid.scenarios.flatMap(({ name, losses }) => losses.map((loss) => searchOf(name, loss, full))),
    selection: selectionOf(grid.names, MOST_SHOWN),
  };
  known.set(document, tune);
  return tune;
}

// The searches of the scenario that the reader looks at, and the one of them whose loss it is.
export const searchesOf = (tune) => tune.searches.filter(({ scenario }) => scenario === tune.choice.scenario);
export const chosenSearch = (tune) => searchesOf(tune).find(({ name }) => name === tune.choice.loss);

// A score is a share: welfare / the best possible.
export const scoreText = (score) => `${fixed(100 * score, 2)}${SPACE}%`;
export const scoreOrNone = (score) => (score === null ? "not known" : scoreText(score));

export const trialName = ({ trial }) => (trial === 0 ? "the defaults" : `trial ${trial}`);
export const settingText = (value) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

// What tuning gained on fresh auctions, as a row of a forest plot. Where the defaults were selected nothing can differ.
export function gainOf(search, name, primary) {
  const { selected, default: before, t95 } = search.test;
  const gain = selected === null || before === null ? null : selected - before;
  const shown = inPercent(gain, t95, "points");
  const row = { name, primary, gain, ...shown };
  if (search.stays && gain !== null) {
    Object.assign(row, { lo: null, hi: null, valueText: "the defaults", rangeText: "nothing to gain" });
  } else if (gain !== null && t95 === null) {
    row.rangeText = "one seed, no interval";
  }
  row.say = `${search.name} in ${search.scenario}\n${row.valueText} (${row.rangeText})`;
  return row;
}
