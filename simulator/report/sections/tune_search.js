// How the search went: the best score by what was spent, and every trial of a loss.
import { chart, looks } from "../lib/chart.js";
import { el } from "../lib/dom.js";
import { brief, plural } from "../lib/format.js";
import { chosen, picker } from "../lib/grid.js";
import { curves } from "../lib/lines.js";
import { scatter } from "../lib/scatter.js";
import { table } from "../lib/table.js";
import { symbolPath } from "../lib/theme.js";
import {
  chosenSearch,
  isTune,
  MOST_TRIALS,
  scoreOrNone,
  scoreText,
  searchesOf,
  settingText,
  trialName,
  tuneOf,
} from "../tune.js";

const SCORE = "welfare on validation, % of the best possible";
const marked = (colour, symbol) => ({ colour, symbol, path: symbolPath(symbol) });
const FAILED = { key: "failed", name: "failed", ...marked("ink", "cross") };

// Trainings in the order in which they were made, rung by rung: {trial, epochs, score, error, spent}.
function trainings({ trials }, full) {
  const rungs = Math.max(0, ...trials.map((trial) => trial.rungs.length));
  let epochs = 0;
  return Array.from({ length: rungs }, (_, rung) =>
    trials.flatMap((trial) => {
      const made = trial.rungs[rung];
      if (!made) return [];
      epochs += made.epochs;
      return [{ ...made, trial, spent: full > 0 ? epochs / full : epochs }];
    }),
  ).flat();
}

// The points at which a search got better, and its end.
function bestSoFar(search, full) {
  const points = [];
  const all = trainings(search, full);
  let best = null;
  for (const { trial, epochs, score, spent } of all) {
    if (score === null || (best !== null && score <= best)) continue;
    best = score;
    points.push({ x: spent, score, what: `${trialName(trial)}, ${plural(epochs, "epoch")}` });
  }
  const spent = all.at(-1)?.spent;
  if (best !== null && points.at(-1).x < spent) points.push({ x: spent, score: best, what: "the end of the search" });
  return points.map((point) => ({
    ...point,
    series: search.name,
    name: search.name,
    y: 100 * point.score,
    lo: null,
    hi: null,
    say: `${search.name}: ${scoreText(point.score)}\n${point.what}\nafter ${brief(point.x)} full trainings`,
  }));
}

function progress(tune) {
  const searches = searchesOf(tune);
  const rows = searches.flatMap((search) => bestSoFar(search, tune.full));
  const rings = searches.flatMap((search) => {
    const end = rows.findLast(({ series }) => series === search.name);
    if (!end || search.score === null) return [];
    const say = `${search.name}: ${scoreText(search.score)}\nselected: ${trialName(search.selected)}`;
    return [{ ...end, y: 100 * search.score, say }];
  });
  const short = searches.some(({ trials }) => trials.some(({ rungs }) => rungs.length > 1));
  return chart({
    title: `The best score so far of each loss in ${tune.choice.scenario}`,
    caption:
      "The best score of all trainings up to then, by what they cost: each begins with its defaults. A ring is the score of what was " +
      "selected." +
      (short ? " A training of fewer epochs may score more than any full one, and is not selected for it." : ""),
    build: (context) =>
      curves(
        rows,
        {
          x: { title: "spent, in full trainings on each seed", nice: true, zero: true },
          y: { title: SCORE, nice: true },
          height: 320,
          plain: true,
          step: true,
          marks: rings,
        },
        context,
      ),
    series: tune.series.filter(({ key }) => rows.some(({ series }) => series === key)),
    selection: tune.selection,
    columns: [
      { label: "Loss", text: (row) => row.name },
      { label: "Spent", number: true, text: (row) => brief(row.x), raw: (row) => row.x },
      { label: "Best so far", number: true, text: (row) => scoreText(row.score), raw: (row) => row.score },
      { label: "By", text: (row) => row.what },
    ],
    rows,
    empty: "This document has no scores of trials.",
  });
}

const lengthsOf = (trials) =>
  [...new Set(trials.flatMap(({ rungs }) => rungs.map(({ epochs }) => epochs)))].sort((a, b) => a - b);

// "train linear-1 logloss@click: training x: step 7 has the objective nan": what is told of a training comes last.
const reason = (error) =>
  String(error ?? "no score")
    .split(": ")
    .at(-1);

function outcomeOf(search, trial, full) {
  if (!trial.last) return "not trained";
  if (trial.last.score === null) return `failed: ${reason(trial.last.error)}`;
  if (trial === search.selected) return "selected";
  return trial.last.epochs === full ? "trained in full" : `left after ${plural(trial.last.epochs, "epoch")}`;
}

// Every training of a search: its score over the number of its trial, by how long it was.
function byTrial(tune, search, trials) {
  const lengths = lengthsOf(trials);
  const rows = trials.flatMap((trial) =>
    trial.rungs.map(({ epochs, score, error }) => ({
      series: score === null ? FAILED.key : String(epochs),
      name: trialName(trial),
      x: trial.trial,
      y: score === null ? null : 100 * score,
      score,
      epochs,
      selected: trial === search.selected && epochs === tune.full,
      say:
        `${trialName(trial)}, ${plural(epochs, "epoch")}\n` +
        (score === null ? `failed: ${reason(error)}` : scoreText(score)),
    })),
  );
  const failed = rows.filter(({ y }) => y === null).length;
  const series = [
    ...lengths.map((epochs, i) => ({ key: String(epochs), name: plural(epochs, "epoch"), ...looks(i) })),
    FAILED,
  ].filter(({ key }) => rows.some((row) => row.series === key));
  return chart({
    title: `Scores of all trials of ${tune.choice.loss} in ${tune.choice.scenario}`,
    caption:
      "Each symbol is a training, the mean over seeds; trial 0 has the defaults, and the dashed line is their score, trained in full. The ring is what " +
      "was selected." +
      (failed > 0 ? ` Crosses at the foot are trainings that failed: ${failed} of ${rows.length}.` : "") +
      (search.trials.length > trials.length ? ` Of ${search.trials.length} trials, ${trials.length} are drawn.` : ""),
    build: (context) =>
      scatter(
        rows,
        {
          x: { title: "trial", whole: true, padding: 12 },
          y: { title: SCORE, nice: true, padding: 14 },
          level: search.defaultScore === null ? null : { y: 100 * search.defaultScore, dash: [5, 4] },
          marks: rows.filter(({ selected }) => selected),
          size: rows.length > 100 ? 40 : 80,
          height: 320,
        },
        context,
      ),
    series,
    columns: [
      { label: "Trial", number: true, text: (row) => row.x },
      { label: "Epochs", number: true, text: (row) => row.epochs },
      {
        label: "Score",
        number: true,
        text: (row) => (row.score === null ? "failed" : scoreText(row.score)),
        raw: (row) => row.score,
      },
      { label: "Selected", text: (row) => (row.selected ? "yes" : "") },
    ],
    rows,
    empty: "This document has no trials of it.",
  });
}

const ROLES = [
  { key: "other", name: "other trials", ...marked("muted", "circle") },
  { key: "defaults", name: "the defaults", ...marked("series2", "square"), dash: [7, 3] },
  { key: "selected", name: "selected", ...marked("accent", "diamond") },
];

// Halving: each trial from rung to rung.
function byRung(tune, search, trials) {
  const role = (trial) => (trial === search.selected ? "selected" : trial === search.defaults ? "defaults" : "other");
  const rows = trials.flatMap((trial) =>
    trial.rungs
      .filter(({ score }) => score !== null)
      .map(({ epochs, score }) => ({
        series: role(trial),
        path: String(trial.trial),
        name: trialName(trial),
        x: epochs,
        y: 100 * score,
        score,
        lo: null,
        hi: null,
        say:
          `${trialName(trial)}${trial === search.selected ? ", selected" : ""}\n` +
          `${plural(epochs, "epoch")}: ${scoreText(score)}`,
      })),
  );
  const lengths = lengthsOf(trials);
  return chart({
    title: `Trials of ${tune.choice.loss} in ${tune.choice.scenario}, rung by rung`,
    caption:
      "Each line is a trial: all are trained for few epochs, and the best of them for more. A line that ends early was left; the defaults stay to " +
      "the end. Trainings of a rung begin anew. The axis of epochs is logarithmic.",
    build: (context) =>
      curves(
        rows,
        {
          x: { title: "epochs", log: true, domain: [lengths[0] / 1.15, lengths.at(-1) * 1.15], ticks: lengths },
          y: { title: SCORE, nice: true },
          height: 320,
          plain: true,
        },
        context,
      ),
    series: ROLES.filter(({ key }) => rows.some(({ series }) => series === key)).map((one) =>
      one.key === "selected" && search.stays ? { ...one, name: "selected: the defaults" } : one,
    ),
    columns: [
      { label: "Trial", text: (row) => row.name },
      { label: "Epochs", number: true, text: (row) => row.x },
      { label: "Score", number: true, text: (row) => scoreText(row.score), raw: (row) => row.score },
    ],
    rows,
    empty: "This document has no scores of its trials.",
  });
}

function trialsTable(tune, search) {
  const keys = [...new Set(search.trials.flatMap(({ settings }) => settings.map(([key]) => key)))];
  const title = `All trials of ${tune.choice.loss} in ${tune.choice.scenario}`;
  const columns = [
    { label: "Trial", number: true, text: (t) => t.trial },
    ...keys.map((key) => ({
      label: key,
      number: true,
      text: (t) => {
        const found = t.settings.find(([name]) => name === key);
        return found ? settingText(found[1]) : "default";
      },
    })),
    { label: "Epochs", number: true, text: (t) => t.last?.epochs },
    {
      label: "Score",
      number: true,
      text: (t) => (t.last?.score === null ? "failed" : scoreOrNone(t.last?.score ?? null)),
      raw: (t) => t.last?.score,
    },
    {
      label: "Outcome",
      text: (t) => outcomeOf(search, t, tune.full),
      raw: (t) => t.last?.error ?? outcomeOf(search, t, tune.full),
    },
  ];
  const mark = (trial) => trial === search.selected;
  return el("div", null, el("h3", null, title), table(title, columns, search.trials, { mark }));
}

export default {
  id: "search",
  title: "The search",
  holds: isTune,
  draw(document) {
    const tune = tuneOf(document);
    return [
      el("div", { class: "controls" }, picker(tune, "scenario"), picker(tune, "loss")),
      chosen(tune, () => {
        const search = chosenSearch(tune) ?? { trials: [], defaultScore: null };
        const trials = search.trials.slice(0, MOST_TRIALS);
        return [
          progress(tune),
          byTrial(tune, search, trials),
          lengthsOf(trials).length > 1 ? byRung(tune, search, trials) : null,
          search.trials.length > 0 ? trialsTable(tune, search) : null,
        ];
      }),
    ];
  },
};
