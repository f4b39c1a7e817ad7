// All numbers of all models, and all comparisons, as tables to copy; and what the words mean.
import { el } from "../lib/dom.js";
import { decimalsFor, fixed, inPercent, interval, number, signed } from "../lib/format.js";
import { table } from "../lib/table.js";
import { isRun, runOf } from "../run.js";

const get = (field) => (model) => number(model[field]);

// `digits` are significant digits of a column's largest value, `decimals` a fixed number; text has neither.
const columnsOf = (run) => [
  {
    label: "Welfare",
    value: get("welfare"),
    digits: 4,
    title:
      "The winner's value of a click times its click probability: mean per auction, in units of the currency, judged by " +
      `${run.reference}. Higher is better.`,
  },
  {
    label: "Regret",
    value: get("regret"),
    digits: 4,
    title:
      "Welfare that a perfect ranking would have created, less the model's; mean per auction. Lower is better. Not defined " +
      "where welfare is judged by clicks.",
  },
  {
    label: "Revenue",
    value: get("revenue"),
    digits: 4,
    title: "What the winner pays: mean per auction, in units of the currency.",
  },
  { label: "Surplus", value: get("surplus"), digits: 4, title: "Welfare less revenue: what advertisers keep." },
  {
    label: "AUC",
    value: get("auc"),
    decimals: 4,
    title:
      "Probability that a clicked candidate has a higher prediction than one that was not clicked. 0.5 is chance, 1 is perfect.",
  },
  {
    label: "Auction AUC",
    value: get("auction_auc"),
    decimals: 4,
    title: "The same among the candidates of one auction, mean over auctions.",
  },
  {
    label: "Log loss",
    value: get("logloss"),
    decimals: 4,
    title: "Mean cross-entropy of predictions and clicks, in nats. Lower is better.",
  },
  {
    label: "Calibration",
    value: get("calibration"),
    decimals: 3,
    title: "Sum of the predictions divided by the number of clicks. 1 is calibrated, more is too high.",
  },
  {
    label: "Calibration, winners",
    value: get("winner_calibration"),
    decimals: 3,
    title:
      "The same of winners alone. Auctions pick what is overestimated, so it tends to exceed 1 even for a model that is " +
      "calibrated on all candidates.",
  },
  {
    label: "ECE",
    value: get("ece"),
    decimals: 4,
    title:
      "Expected calibration error: mean distance of prediction and click rate over bins of the prediction. Lower is better.",
  },
  {
    label: "Training, s",
    value: (m) => number(run.training.find(({ ref }) => ref === m.name)?.seconds),
    decimals: 1,
    title: "Seconds that training took.",
  },
];

function modelsTable(run) {
  const known = columnsOf(run).filter(({ value }) => run.models.some((model) => value(model) !== null));
  const shown = known.map(({ label, title, value, digits, decimals }) => {
    const places = decimals ?? decimalsFor(run.models.map(value), digits);
    return { label, title, number: true, text: (model) => fixed(value(model), places), raw: value };
  });
  const name = {
    label: "Model",
    title: "Name and version of the model.",
    text: (m) => m.name,
    node: (m) => [
      el("span", { class: m.name.length > 40 ? "long" : null }, m.name),
      m.role ? el("small", null, m.role) : "",
    ],
  };
  const texts = [
    { label: "Loss", title: "The loss that the model was trained with.", text: (m) => m.loss || null },
    {
      label: "Labels",
      title: "What the loss was computed on: clicks, or the predictions of a teacher.",
      text: (m) => m.labels || null,
    },
  ].filter(({ text }) => run.models.some((m) => text(m) !== null));
  const columns = [name, ...texts, ...shown];
  return [
    table("Models", columns, run.models, { mark: (m) => m.name === run.student }),
    el(
      "details",
      null,
      el("summary", null, "What the columns mean"),
      el(
        "dl",
        { class: "glossary" },
        columns.map(({ label, title }) => [el("dt", null, label), el("dd", null, title)]),
      ),
    ),
  ];
}

function comparisonsTable(run) {
  const rows = ["welfare", "regret", "revenue"].flatMap((metric) => run.comparisons(metric));
  if (rows.length === 0) return null;
  const places = decimalsFor(
    rows.flatMap(({ a, b }) => [a, b]),
    4,
  );
  const both = (range, text) => (interval(range) ? interval(range).map(text).join(" to ") : "not defined");
  const raw = (range) => interval(range)?.join(" ") ?? "";
  const columns = [
    { label: "Metric", text: (c) => c.metric },
    { label: "Model", text: (c) => c.a_model },
    { label: "Against", text: (c) => c.b_model },
    { label: "Model's", number: true, text: (c) => fixed(number(c.a), places), raw: (c) => c.a },
    { label: "Other's", number: true, text: (c) => fixed(number(c.b), places), raw: (c) => c.b },
    { label: "Difference", number: true, text: (c) => signed(number(c.difference), places), raw: (c) => c.difference },
    {
      label: "95 % interval",
      number: true,
      text: (c) => both(c.ci95, (end) => signed(end, places)),
      raw: (c) => raw(c.ci95),
    },
    {
      label: "Relative",
      number: true,
      text: (c) => inPercent(c.relative, c.relative_ci95).valueText,
      raw: (c) => c.relative,
    },
    {
      label: "95 % interval, relative",
      number: true,
      text: (c) => inPercent(c.relative, c.relative_ci95).rangeText,
      raw: (c) => raw(c.relative_ci95),
    },
  ];
  return [
    el("h3", null, "Comparisons"),
    table("Comparisons", columns, rows, { mark: run.isPrimary }),
    el(
      "p",
      { class: "footnote" },
      `Means per auction in ${run.currency}, paired by auction; intervals by the delta method unless ` +
        "the configuration says otherwise. Of regret, less is better.",
    ),
  ];
}

export default {
  id: "models",
  title: "Models",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    return [modelsTable(run), comparisonsTable(run)];
  },
};
