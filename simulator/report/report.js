// Builds the report of a simulation from the summary that is embedded in the page.
import * as Plot from "@observablehq/plot";
import "./notices.js";

const NONE = "–";
const SPACE = "\u00a0";
const COLOURS = 6;
// Seven symbols and six colours: no pair repeats among 42 models.
const SYMBOLS = ["circle", "square", "triangle", "diamond", "cross", "star", "wye"];
const PLOT_STYLE = { background: "transparent", fontFamily: "inherit", fontSize: "13px" };
const REFERENCES = {
  truth: "the true click probabilities",
  teacher: "the click probabilities of a teacher",
  clicks: "the clicks that happened",
};

const data = JSON.parse(document.getElementById("data").textContent);
const { student, baseline, baseline_chosen_by: chosenBy } = data.demo.primary;

// Children that are strings become text, never markup.
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children.flat(Infinity));
  return node;
}

function section(title, ...children) {
  return el("section", null, el("h2", null, title), children);
}

function figure(caption, ...children) {
  return el("figure", null, children, el("figcaption", null, caption));
}

function plural(count, noun) {
  return `${fixed(Number(count), 0)} ${noun}${Number(count) === 1 ? "" : "s"}`;
}

function fixed(value, decimals) {
  if (!Number.isFinite(value)) return NONE;
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: "negative" };
  return value.toLocaleString("en", digits).replace("-", "−");
}

function signed(value, decimals) {
  const text = fixed(value, decimals);
  return value > 0 && Number(value.toFixed(decimals)) > 0 ? `+${text}` : text;
}

// Decimals that show the largest value with so many significant digits.
function decimalsFor(values, digits) {
  const largest = Math.max(...values.filter(Number.isFinite).map(Math.abs));
  if (!(largest > 0) || !Number.isFinite(largest)) return digits - 1;
  return Math.min(8, Math.max(0, digits - 1 - Math.floor(Math.log10(largest))));
}

// One decimal, or more where a value would else look like zero or the interval like a point.
function percentDecimals(values) {
  const shown = values.filter((value) => Math.abs(value) >= 5e-5);
  for (let decimals = 1; decimals < 4; decimals++) {
    const rounded = shown.map((value) => Number(value.toFixed(decimals)));
    const vanished = rounded.includes(0);
    const merged = shown.length > 1 && new Set(rounded).size === 1 && new Set(shown).size > 1;
    if (!vanished && !merged) return decimals;
  }
  return 4;
}

function interval(pair) {
  return Array.isArray(pair) && pair.length === 2 && pair.every(Number.isFinite) ? pair : null;
}

// A comparison in percent: numbers for the chart, text for people.
function relative(comparison) {
  const value = Number.isFinite(comparison.relative) ? 100 * comparison.relative : null;
  const range = interval(comparison.relative_ci95)?.map((end) => 100 * end) ?? null;
  const decimals = percentDecimals([value, ...(range ?? [])]);
  const valueText = value === null ? "not defined" : `${signed(value, decimals)}${SPACE}%`;
  const rangeText = range && `${signed(range[0], decimals)} to ${signed(range[1], decimals)}${SPACE}%`;
  return { value, range, valueText, rangeText: rangeText ?? "not defined" };
}

function comparisonsOf(metric) {
  return data.comparisons.filter((comparison) => comparison.metric === metric);
}

function isPrimary(comparison) {
  return comparison.a_model === student && comparison.b_model === baseline;
}

function header() {
  const { auctions, config, demo, missing, models } = data;
  const parts = [
    `${plural(auctions, "auction")} (${demo.log.source})`,
    `mechanism ${config.mechanism ?? "not stated"}`,
    `scorer ${config.scorer ?? "not stated"}`,
    plural(models.length, "model"),
  ];
  const notes = [...demo.notes];
  if (demo.quick) notes.push("This was a quick run: fewer auctions, so wider intervals, than in a full one.");
  if (Number(missing) > 0) notes.push(`Calls failed: ${plural(missing, "outcome")} missing over all models.`);
  return el(
    "header",
    null,
    el("h1", null, "Vickrey: welfare of click models"),
    el("p", { class: "played" }, `Played: ${parts.join(", ")}.`),
    el("p", { class: "verdict" }, demo.verdict),
    notes.length > 0
      ? el(
          "ul",
          { class: "notes" },
          notes.map((note) => el("li", null, note)),
        )
      : [],
  );
}

function welfareRow(comparison, index) {
  const { value, range, valueText, rangeText } = relative(comparison);
  const primary = isPrimary(comparison);
  const text = value === null ? valueText : `${valueText} (${range ? rangeText : "interval not defined"})`;
  return {
    index,
    value,
    lo: range?.[0],
    hi: range?.[1],
    name: `against ${comparison.b_model}`,
    text,
    tag: primary ? "primary comparison" : "",
    weight: primary ? "bold" : "normal",
    colour: primary ? "var(--accent)" : "var(--muted)",
  };
}

// Rows are placed by number, not by name, so that equal names stay apart.
function welfarePlot(rows) {
  const left = { x: null, frameAnchor: "left", textAnchor: "start", dx: -310, y: "index" };
  const clipped = { lineWidth: 19, textOverflow: "ellipsis-middle" };
  const ends = rows.flatMap((row) => [row.lo, row.hi, row.value]).filter(Number.isFinite);
  const lo = Math.min(0, ...ends);
  const hi = Math.max(0, ...ends);
  const pad = 0.04 * (hi - lo) || 1;
  return Plot.plot({
    width: 900,
    height: 60 + 74 * rows.length,
    marginLeft: 310,
    marginTop: 10,
    marginBottom: 46,
    style: PLOT_STYLE,
    ariaLabel: "Relative welfare difference to each baseline with 95 % interval",
    x: {
      domain: [lo - pad, hi + pad],
      label: "welfare difference, %",
      labelAnchor: "center",
      labelArrow: "none",
      grid: true,
    },
    y: { domain: rows.map((row) => row.index), type: "point", axis: null, padding: 0.5 },
    marks: [
      Plot.ruleX([0], { stroke: "currentColor", strokeWidth: 1.5 }),
      Plot.ruleY(
        rows.filter((row) => row.lo !== undefined),
        {
          x1: "lo",
          x2: "hi",
          y: "index",
          stroke: "colour",
          strokeWidth: 5,
          strokeOpacity: 0.55,
          strokeLinecap: "round",
        },
      ),
      Plot.dot(
        rows.filter((row) => row.value !== null),
        { x: "value", y: "index", fill: "colour", r: 6 },
      ),
      ["bold", "normal"].map((fontWeight) =>
        Plot.text(
          rows.filter((row) => row.weight === fontWeight),
          {
            ...left,
            ...clipped,
            text: "name",
            title: "name",
            dy: -16,
            fontWeight,
          },
        ),
      ),
      Plot.text(rows, { ...left, text: "text" }),
      Plot.text(rows, { ...left, text: "tag", dy: 17, fill: "colour", fontWeight: "bold" }),
    ],
  });
}

function welfareSection() {
  const title = `Welfare of ${data.models[0].ref} against the other models`;
  const rows = comparisonsOf("welfare").map(welfareRow);
  if (rows.length === 0) return section(title, el("p", null, "There is no comparison."));
  let caption =
    `Each point is how much more welfare ${data.models[0].ref} creates than the model named on the left, in percent ` +
    "of that model's welfare; the bar is the 95 % interval. A bar clear of the zero line is a difference that chance " +
    "alone does not explain.";
  if (chosenBy) caption += ` The baseline of the primary comparison was chosen by ${chosenBy}.`;
  return section(title, figure(caption, el("div", { class: "scroll" }, welfarePlot(rows))));
}

function colourOf(index) {
  return `var(--series-${(index % COLOURS) + 1})`;
}

function symbolOf(index) {
  return SYMBOLS[index % SYMBOLS.length];
}

function calibrationPoints() {
  return data.models.flatMap((model, index) =>
    (model.by_prediction ?? [])
      .filter((point) => Number.isFinite(point.mean_pctr) && Number.isFinite(point.ctr))
      .map((point) => ({ index, ref: model.ref, rows: point.rows, prediction: point.mean_pctr, rate: point.ctr })),
  );
}

function logTicks([lo, hi]) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(lo)); power <= Math.log10(hi); power++) {
    for (const step of [1, 2, 5]) ticks.push(step * 10 ** power);
  }
  const inside = ticks.filter((tick) => tick >= lo && tick <= hi);
  return inside.length > 10
    ? inside.filter((tick) => Number.isInteger(Math.round(1e9 * Math.log10(tick)) / 1e9))
    : inside;
}

function percentTick(value) {
  return `${Number((100 * value).toPrecision(2))}${SPACE}%`;
}

function pointTitle({ ref, rows, prediction, rate }) {
  const percent = (value) => `${Number((100 * value).toPrecision(3))} %`;
  return `${ref}\npredicted ${percent(prediction)}\nobserved ${percent(rate)}\n${plural(rows, "candidate")}`;
}

function symbolMarks(points) {
  return data.models.map((_, index) =>
    Plot.dot(
      points.filter((point) => point.index === index),
      {
        x: "prediction",
        y: "rate",
        symbol: symbolOf(index),
        stroke: colourOf(index),
        strokeWidth: 2,
        r: 5,
        title: pointTitle,
      },
    ),
  );
}

function lineMarks(points) {
  return data.models.map((_, index) =>
    Plot.line(
      points.filter((point) => point.index === index),
      {
        x: "prediction",
        y: "rate",
        stroke: colourOf(index),
        strokeWidth: 1.25,
        strokeOpacity: 0.7,
      },
    ),
  );
}

function calibrationPlot(points) {
  const values = points.flatMap((point) => [point.prediction, point.rate]);
  const domain = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  const axis = {
    type: "log",
    domain,
    ticks: logTicks(domain),
    tickFormat: percentTick,
    grid: true,
    labelArrow: "none",
  };
  return Plot.plot({
    width: 640,
    height: 560,
    marginLeft: 64,
    marginTop: 28,
    marginBottom: 46,
    style: PLOT_STYLE,
    ariaLabel: "Observed click rate by mean prediction for each model",
    x: { ...axis, label: "mean prediction", labelAnchor: "center" },
    y: { ...axis, label: "observed click rate" },
    marks: [
      Plot.line([domain, domain], {
        x: (_, i) => domain[i],
        y: (_, i) => domain[i],
        stroke: "var(--muted)",
        strokeDasharray: "5 4",
      }),
      lineMarks(points),
      symbolMarks(points),
    ],
  });
}

function symbolKey(index) {
  return Plot.plot({
    width: 16,
    height: 16,
    margin: 0,
    axis: null,
    style: { background: "transparent" },
    marks: [
      Plot.dot([0], { frameAnchor: "middle", symbol: symbolOf(index), stroke: colourOf(index), strokeWidth: 2, r: 5 }),
    ],
  });
}

function legend() {
  const items = data.models.map((model, index) => el("li", null, symbolKey(index), model.ref));
  return el("ul", { class: "legend" }, items);
}

function calibrationSection() {
  const title = "Calibration";
  const all = calibrationPoints();
  const points = all.filter((point) => point.prediction > 0 && point.rate > 0);
  const dropped = all.length - points.length;
  const left =
    dropped > 0 ? ` Not drawn, because a logarithmic axis has no zero: ${plural(dropped, "point")} at zero.` : "";
  if (points.length === 0) return section(title, el("p", null, `There is no point to draw.${left}`));
  const caption =
    "Each point is a group of candidates with similar predictions, the groups of a model being about equally large: " +
    "what it predicted against how often they were clicked. On the dashed diagonal a model is calibrated; below it, " +
    `it predicts too many clicks. Both axes are logarithmic.${left}`;
  return section(title, figure(caption, legend(), el("div", { class: "scroll" }, calibrationPlot(points))));
}

function regretRemoved(model) {
  const of = data.models.find(({ ref }) => ref === baseline)?.regret;
  return of > 0 && Number.isFinite(model.regret) ? 100 * (1 - model.regret / of) : null;
}

function trainingSeconds(model) {
  return data.demo.training.find(({ ref }) => ref === model.ref)?.seconds;
}

function judgedBy() {
  return REFERENCES[data.models[0].reference] ?? "what is known of the clicks";
}

// `digits` are significant digits of a column's largest value, `decimals` a fixed number; text has neither. Soft
// hyphens keep the table inside the page.
function columns() {
  return [
    { label: "Loss", value: (m) => m.loss, title: "The loss that the model was trained with." },
    {
      label: "Labels",
      value: (m) => m.labels,
      title: "What the loss was computed on: clicks, or the predictions of a teacher.",
    },
    {
      label: "Welfare",
      value: (m) => m.welfare,
      digits: 4,
      title:
        "The winner's value of a click times its click probability: mean per auction, in units of the currency, " +
        `judged by ${judgedBy()}. Higher is better.`,
    },
    {
      label: "Regret",
      value: (m) => m.regret,
      digits: 4,
      title:
        "Welfare that a perfect ranking would have created, less the model's; mean per auction. Lower is better. Not " +
        "defined where welfare is judged by clicks.",
    },
    {
      label: "Regret removed, %",
      value: regretRemoved,
      decimals: 1,
      title: `1 − regret / regret of ${baseline}, the primary baseline. 100 % is a perfect ranking.`,
    },
    {
      label: "Revenue",
      value: (m) => m.revenue,
      digits: 4,
      title: "What the winner pays: mean per auction, in units of the currency.",
    },
    {
      label: "AUC",
      value: (m) => m.auc,
      decimals: 4,
      title:
        "Probability that a clicked candidate has a higher prediction than one that was not clicked. " +
        "0.5 is chance, 1 is perfect.",
    },
    {
      label: "Log loss",
      value: (m) => m.logloss,
      decimals: 4,
      title: "Mean cross-entropy of predictions and clicks, in nats. Lower is better.",
    },
    {
      label: "Calib\u00adration",
      value: (m) => m.calibration,
      decimals: 3,
      title: "Sum of the predictions divided by the number of clicks. 1 is calibrated, more is too high.",
    },
    {
      label: "Calib\u00adration, winners",
      value: (m) => m.winner_calibration,
      decimals: 3,
      title:
        "The same of winners alone. Auctions pick what is overestimated, so it tends to exceed 1 even for a model " +
        "that is calibrated on all candidates.",
    },
    {
      label: "ECE",
      value: (m) => m.ece,
      decimals: 4,
      title:
        "Expected calibration error: mean distance of prediction and click rate over bins of the prediction. " +
        "Lower is better.",
    },
    { label: "Training, s", value: trainingSeconds, decimals: 1, title: "Seconds that training took." },
  ];
}

function cells(column, models) {
  const values = models.map(column.value);
  if (column.digits === undefined && column.decimals === undefined) {
    return values.map((value) => el("td", null, value || NONE));
  }
  const decimals = column.decimals ?? decimalsFor(values, column.digits);
  return values.map((value) => el("td", { class: "number" }, fixed(value, decimals)));
}

function headRow(labels) {
  const cell = ({ label, title, number }) =>
    el("th", { scope: "col", ...(title && { title }), ...(number && { class: "number" }) }, label);
  return el("thead", null, el("tr", null, labels.map(cell)));
}

function table(label, head, rows) {
  const body = el("table", { "aria-label": label }, headRow(head), el("tbody", null, rows));
  return el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, body);
}

function roleOf(ref) {
  if (ref === student) return [el("small", null, "primary model")];
  return ref === baseline ? [el("small", null, "primary baseline")] : [];
}

function modelsSection() {
  const { models } = data;
  const list = columns();
  const byColumn = list.map((column) => cells(column, models));
  const rows = models.map((model, i) =>
    el(
      "tr",
      model.ref === student ? { class: "primary" } : null,
      el("th", { scope: "row" }, model.ref, roleOf(model.ref)),
      byColumn.map((column) => column[i]),
    ),
  );
  const head = list.map(({ label, title, digits, decimals }) => ({
    label,
    title,
    number: (digits ?? decimals) !== undefined,
  }));
  const model = { label: "Model", title: "Name and version of the model." };
  const glossary = list.map(({ label, title }) => [el("dt", null, label), el("dd", null, title)]);
  return section("Models", table("Models", [model, ...head], rows), el("dl", null, glossary));
}

function revenueRow(comparison, decimals) {
  const { valueText, rangeText } = relative(comparison);
  const range = interval(comparison.ci95);
  const number = (text) => el("td", { class: "number" }, text);
  return el(
    "tr",
    isPrimary(comparison) ? { class: "primary" } : null,
    el(
      "th",
      { scope: "row" },
      comparison.b_model,
      isPrimary(comparison) ? [el("small", null, "primary comparison")] : [],
    ),
    number(fixed(comparison.a, decimals)),
    number(fixed(comparison.b, decimals)),
    number(signed(comparison.difference, decimals)),
    number(range ? range.map((end) => signed(end, decimals)).join(" to ") : "not defined"),
    number(valueText),
    number(rangeText),
  );
}

function revenueSection() {
  const title = `Revenue of ${data.models[0].ref} against the other models`;
  const comparisons = comparisonsOf("revenue");
  if (comparisons.length === 0) return section(title, el("p", null, "There is no comparison."));
  const decimals = decimalsFor(
    comparisons.flatMap(({ a, b }) => [a, b]),
    4,
  );
  const numbers = [data.models[0].ref, "Baseline", "Difference", "95 % interval", "Relative", "95 % interval"];
  const head = [{ label: "Baseline model" }, ...numbers.map((label) => ({ label, number: true }))];
  return section(
    title,
    table(
      "Revenue comparisons",
      head,
      comparisons.map((comparison) => revenueRow(comparison, decimals)),
    ),
    el(
      "p",
      { class: "footnote" },
      "Revenue is the mean per auction in units of the currency; relative differences are in percent " +
        "of the baseline's.",
    ),
  );
}

function details(title, content) {
  const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
  return el("details", null, el("summary", null, title), el("pre", null, text));
}

function configurationSection() {
  const { config, demo, outcomes_sha256: sha256, seconds, seed, versions } = data;
  return section(
    "Configuration",
    details("Simulation", config),
    demo.train_config ? details("Training of the primary model", demo.train_config) : [],
    details("Seed and outcomes", { seed, outcomes_sha256: sha256 }),
    details("Versions", versions),
    details("Seconds", seconds ?? {}),
    details("Log", demo.log),
  );
}

// A closed <details> does not print.
addEventListener("beforeprint", () => {
  for (const node of document.querySelectorAll("details")) node.open = true;
});

document
  .getElementById("report")
  .append(header(), welfareSection(), calibrationSection(), modelsSection(), revenueSection(), configurationSection());
