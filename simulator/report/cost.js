// What sections need to know of a study of what training costs: points that were measured, the loss curves of their models,
// and what the planner predicts (docs/formats.md, Studies).
import { looks } from "./lib/chart.js";
import { choiceOf } from "./lib/choice.js";
import { el, paragraph } from "./lib/dom.js";
import { brief, decimalsFor, fixed, number, percent, SPACE, whole } from "./lib/format.js";
import { selectionOf } from "./lib/selection.js";
import { countText } from "./lib/units.js";

const MOST_POINTS = 500;
const MOST_CURVES = 60;
const MOST_SAMPLES = 200; // of a curve
const MOST_LISTED = 200; // rows of everything else
const MOST_SHOWN = 8; // lines in a chart, before the reader picks others
const [LEAST, GREATEST] = [1e-30, 1e30]; // what a logarithmic axis is drawn for

export const isCost = (document) => document.kind === "cost" && Array.isArray(document.points);

// --- What a document says, of whatever type --------------------------------------------------------------------------

const list = (value) => (Array.isArray(value) ? value : []);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
export const objectOf = (value) => (isObject(value) ? value : {});
export const objects = (value) => list(value).filter(isObject);
export const unique = (values) => [...new Set(values)];
// The rows of a list that a table shows, and what is said of the others.
export const listed = (rows) => rows.slice(0, MOST_LISTED);
export const leftNote = (rows) =>
  rows.length > MOST_LISTED
    ? paragraph(`Of ${fixed(rows.length, 0)} rows the first ${fixed(MOST_LISTED, 0)} are shown.`, "footnote")
    : null;

// A text, or null; a number is as good.
export const textOf = (value) =>
  typeof value === "string" && value !== "" ? value : number(value) === null ? null : String(value);
// Bytes may be texts, as int64 are.
const amountOf = (value) => (typeof value === "string" ? whole(value) : number(value));
// What has a place on a logarithmic axis, or null.
export const positive = (value) => (number(value) !== null && value > LEAST && value < GREATEST ? value : null);

// --- Amounts for people ----------------------------------------------------------------------------------------------

export const shareText = (share) => (number(share) === null ? null : percent(share, 2));
export const lossText = (loss) => (number(loss) === null ? null : fixed(loss, decimalsFor([loss], 4)));
export const moneyText = (study, dollars) =>
  number(dollars) === null ? null : `${brief(dollars)}${SPACE}${study.currency}`;
export const rateText = (rate) => (number(rate) === null ? null : `${countText(rate)} examples/s`);

// --- Points, and the lines that they are on --------------------------------------------------------------------------

const AMOUNTS = [
  "parameters",
  "dense_parameters",
  "table_parameters",
  "host_peak_bytes",
  "device_peak_bytes",
  "optimizer_bytes",
];
const NUMBERS = [
  "fields",
  "threads",
  "workers",
  "batch_auctions",
  "candidates_per_step",
  "examples_per_second",
  "spread",
  "step_seconds",
  "waiting_share",
  "communication_share",
  "communication_bytes_per_step",
  "cores_used",
  "flops_per_second",
  "model_flop_utilisation",
  "dollars_per_hour",
  "examples_per_dollar",
  "loss_per_dollar",
  "curve",
];
const TEXTS = [
  "model",
  "architecture",
  "attention",
  "device",
  "device_name",
  "precision",
  "communication",
  "tables",
  "error",
  "from",
  "note",
];

const taken = (one, names, of) => Object.fromEntries(names.map((name) => [name, of(one[name])]));

function reached(value) {
  const { examples, seconds, dollars } = objectOf(value);
  const found = { examples: number(examples), seconds: number(seconds), dollars: number(dollars) };
  return found.seconds === null && found.dollars === null ? null : found;
}

// A point, measured or predicted, with every field that is known of it, of its type or null.
function pointOf(point, index) {
  return {
    id: number(point.id) ?? index,
    name: textOf(point.name) ?? "not named",
    status: textOf(point.status) ?? "not stated",
    ...taken(point, AMOUNTS, amountOf),
    ...taken(point, NUMBERS, number),
    ...taken(point, TEXTS, textOf),
    target: reached(point.to_target),
  };
}

export const isMeasured = ({ status }) => status === "measured";

// What a point is trained with, its model's size and its batch aside. Parts are said where they are not the same everywhere,
// and where they are none of these.
const USUAL = ["float32", "1 worker", "adam"];
export const USUAL_TEXT = "float32, one worker and adam where nothing else is said";
const PARTS = [
  ["architecture", ({ architecture }) => architecture],
  ["device_name", ({ device_name: name }) => name],
  ["device", ({ device, threads }) => (device === "cpu" && threads !== null ? `cpu x ${threads}` : device)],
  ["precision", ({ precision }) => precision],
  ["workers", ({ workers }) => (workers === null ? null : workers === 1 ? "1 worker" : `${workers} workers`)],
  ["communication", ({ communication }) => communication],
  ["tables", ({ tables }) => tables],
  ["attention", ({ attention }) => attention],
];

function withSetups(points) {
  const said = points.map((point) => PARTS.map(([, of]) => of(point)));
  // The name of a device says no more than its kind, unless there are several of a kind.
  const kinds = unique(points.map(({ device }) => device)).length;
  const names = unique(points.map((point) => JSON.stringify([point.device, point.device_name]))).length;
  const varies = PARTS.map(([part], i) => {
    if (part === "device_name") return names > kinds;
    return part === "device" || unique(said.map((texts) => texts[i])).length > 1;
  });
  return points.map((point, at) => ({
    ...point,
    setup: JSON.stringify(said[at]),
    setupName:
      said[at].filter((text, i) => text !== null && varies[i] && !USUAL.includes(text)).join(", ") || "not stated",
  }));
}

const seriesOf = (pairs) => [...new Map(pairs)].map(([key, name], i) => ({ key, name, ...looks(i) }));

// --- Curves ----------------------------------------------------------------------------------------------------------

function curveOf(curve, index) {
  const start = number(curve.start);
  const samples = objects(curve.points)
    .map(({ examples, loss }) => ({ examples: number(examples), loss: number(loss) }))
    .filter(({ examples, loss }) => examples !== null && examples >= 0 && examples < GREATEST && loss !== null)
    .filter(({ loss }) => Math.abs(loss) < GREATEST);
  const parts = [
    textOf(curve.model) ?? "not stated",
    number(curve.batch_auctions) === null ? null : `${fixed(curve.batch_auctions, 0)} auctions`,
    textOf(curve.tables),
  ];
  return {
    index,
    key: `curve ${index}`,
    parts,
    metric: textOf(curve.metric),
    start: start !== null && Math.abs(start) < GREATEST ? start : null,
    samples: samples.slice(0, MOST_SAMPLES),
    left: samples.length - Math.min(samples.length, MOST_SAMPLES),
  };
}

function withNames(curves) {
  const varies = [0, 1, 2].map((i) => i === 0 || unique(curves.map(({ parts }) => parts[i])).length > 1);
  // The colour of ink is that of the least loss for the money.
  return curves.map((curve, i) => ({
    ...curve,
    name: curve.parts.filter((part, at) => part !== null && varies[at] && !USUAL.includes(part)).join(", "),
    ...looks(i < 5 ? i : i + 1),
  }));
}

// --- The study -------------------------------------------------------------------------------------------------------

// The value with which most of `others` differ: what a chart against them begins with.
function widest(points, what, other) {
  const count = (value) => unique(points.filter((point) => point[what] === value).map((point) => point[other])).length;
  return unique(points.map((point) => point[what])).reduce(
    (a, b) => (a === undefined || count(b) > count(a) ? b : a),
    undefined,
  );
}

const known = new WeakMap();

export function costOf(document) {
  if (known.has(document)) return known.get(document);
  const points = withSetups(list(document.points).slice(0, MOST_POINTS).map(objectOf).map(pointOf));
  const measured = points.filter(isMeasured);
  const curves = withNames(list(document.curves).slice(0, MOST_CURVES).map(objectOf).map(curveOf));
  const prices = objectOf(document.prices);
  const placed = measured.filter(({ model, batch_auctions: batch }) => model !== null && batch !== null);
  const study = {
    document,
    config: objectOf(document.config),
    prices,
    currency: (textOf(prices.currency) ?? "dollars").slice(0, 12),
    placeholder: prices.placeholder === true,
    points,
    measured,
    left: list(document.points).length - points.length,
    byId: new Map(points.map((point) => [point.id, point])),
    models: unique(placed.map(({ model }) => model)),
    batches: unique(placed.map(({ batch_auctions: batch }) => batch)).sort((a, b) => a - b),
    series: seriesOf(measured.map(({ setup, setupName }) => [setup, setupName])),
    curves,
    curvesLeft: list(document.curves).length - curves.length,
    target: number(objectOf(document.target).loss),
    targetGiven: objectOf(document.target).given === true,
    planner: objectOf(document.planner),
    selections: new Map(),
  };
  study.front = new Set(
    list(document.pareto?.target)
      .slice(0, MOST_POINTS)
      .filter((id) => study.byId.has(id)),
  );
  study.choice = choiceOf({
    model: widest(placed, "model", "batch_auctions") ?? "no model",
    batch: String(widest(placed, "batch_auctions", "model") ?? "not stated"),
    by: "model",
  });
  known.set(document, study);
  return study;
}

export const predictionsOf = (study) => objects(study.planner.predictions).map(pointOf);

// Points of which the target loss is known to be reached.
export const onTarget = (study) =>
  study.measured.filter(({ target }) => positive(target?.seconds) !== null && positive(target?.dollars) !== null);

// Charts with the same lines show the same of them.
export function selectionFor(study, series) {
  const keys = series.map(({ key }) => key);
  const name = keys.join("\n");
  if (!study.selections.has(name)) study.selections.set(name, selectionOf(keys, MOST_SHOWN));
  return study.selections.get(name);
}

export const targetText = (study) =>
  study.target === null ? "the target loss" : `a loss of ${lossText(study.target)}`;
// A name in a table of many columns.
export const nameNode = (text) => el("span", { class: "name" }, text);
