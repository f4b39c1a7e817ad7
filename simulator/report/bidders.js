// What sections need to know of a study of bidders: heads that forecast prices, and who earned what with them
// (docs/formats.md, of studies).
import { looks } from "./lib/chart.js";
import { choiceOf, pickerOf } from "./lib/choice.js";
import { fixed, interval, number, signed } from "./lib/format.js";
import { selectionOf } from "./lib/selection.js";

const MOST_HEADS = 50;
const MOST_BIDDERS = 5000; // rows: bidders in their settings
const MOST_SEEDS = 200; // whose points are drawn
const MOST_SHOWN = 6; // curves in a chart, before the reader picks others

export const isBidders = (document) =>
  document.kind === "bidders" && Array.isArray(document.heads) && Array.isArray(document.bidders);

// What heads are compared by; `more`: whether more of it is better.
export const METRICS = {
  crps: { label: "CRPS", decimals: 3 },
  mae: { label: "MAE", decimals: 2 },
  rmse: { label: "RMSE", decimals: 2 },
  log_likelihood: { label: "log likelihood", decimals: 3, more: true },
  calibration_error: { label: "calibration error", decimals: 4 },
  marginal_error: { label: "marginal error", decimals: 4 },
};

const objects = (list) => (Array.isArray(list) ? list.filter((one) => one !== null && typeof one === "object") : []);
export const seedsOf = (row) => objects(row?.seeds).slice(0, MOST_SEEDS);

// --- Settings: fee, budget, pacing ---

export const settingOf = (bidder) => JSON.stringify([bidder.fee, bidder.budget_share, bidder.paced]);

function settingName({ fee, budget_share: share, paced }) {
  const budget = number(share) === null ? "no budget" : `budget ${share}${paced ? ", paced" : ", as it is"}`;
  return `${budget}, ${fee ? `fee ${fee}` : "no fee"}`;
}

export function playerName({ bidder, head }) {
  if (bidder === "random") return `random, at most as many as ${head || "truthful"}`;
  return [bidder, head].filter(Boolean).join(" ");
}

// --- The reader's choice ---

// options: [[value, name]].
export const pick = (view, what, label, options) =>
  pickerOf(
    view.choice,
    what,
    label,
    options.map(([value, text]) => ({ value, text })),
  );

// --- The document ---

const known = new WeakMap();

export function biddersOf(document) {
  if (known.has(document)) return known.get(document);
  const heads = objects(document.heads)
    .slice(0, MOST_HEADS)
    .map((head, i) => ({
      ...head,
      name: String(head.head),
      key: String(i),
      ...looks(i),
      against: objects(head.against),
    }));
  const bidders = objects(document.bidders)
    .slice(0, MOST_BIDDERS)
    .map((bidder) => ({
      ...bidder,
      name: playerName(bidder),
      setting: settingOf(bidder),
      against: objects(bidder.against),
    }));
  const settings = [...new Map(bidders.map((bidder) => [bidder.setting, settingName(bidder)]))];
  const curved = heads.filter(({ curve }) => objects(curve).length > 0);
  const view = {
    document,
    heads,
    bidders,
    settings,
    left: document.heads.length - heads.length + document.bidders.length - bidders.length,
    curved,
    series: curved.map(({ key, name, colour, symbol, dash, path }) => ({ key, name, colour, symbol, dash, path })),
    selection: selectionOf(
      curved.map(({ key }) => key),
      MOST_SHOWN,
    ),
    choice: choiceOf({ setting: settings[0]?.[0], metric: "crps", rival: null }),
  };
  known.set(document, view);
  return view;
}

export const headNamed = (view, name) => view.heads.find((head) => head.name === name);
export const playersIn = (view, setting) => view.bidders.filter((bidder) => bidder.setting === setting);

// --- Rows of forest plots ---

const textOf =
  ({ decimals, plus, unit = "" }) =>
  (value) =>
    `${plus ? signed(value, decimals) : fixed(value, decimals)}${unit}`;

// over: a summary over seeds; points: [{value, seed}]; shown: {decimals, plus, unit, scale: what values are multiplied
// by}.
export function rowOf(name, over, points, shown, primary = true) {
  const { scale = 1 } = shown;
  const text = textOf(shown);
  const times = (value) => (number(value) === null ? null : scale * value);
  const value = times(over?.mean);
  const ends = interval(over?.t95)?.map(times) ?? null;
  const same = points.length > 1 && over?.least === over?.greatest;
  const valueText = value === null ? "not defined" : text(value);
  const between = ends ? `${text(ends[0])} to ${text(ends[1])}` : "interval not defined";
  const rangeText = same ? "the same in every seed" : between;
  return {
    name,
    primary,
    value,
    lo: same ? null : (ends?.[0] ?? null),
    hi: same ? null : (ends?.[1] ?? null),
    valueText,
    rangeText,
    // Points that lie on their mean say nothing more.
    points: same
      ? []
      : points
          .filter((point) => number(point.value) !== null)
          .map((point) => ({
            value: scale * point.value,
            say: `${name}, seed ${point.seed}\n${text(scale * point.value)}`,
          })),
    seeds: over?.seeds ?? 0,
    say: `${name}\nmean of ${over?.seeds ?? 0} seeds ${valueText}\n95 % interval ${rangeText}`,
  };
}

// Seed by seed, of one row less the other: what `against` is the summary of.
export const differences = (row, other, of) =>
  seedsOf(row).flatMap((record) => {
    const rival = seedsOf(other).find(({ seed }) => seed === record.seed);
    return rival ? [{ seed: record.seed, value: of(record, rival) }] : [];
  });

export const minus = (metric) => (a, b) =>
  number(a[metric]) === null || number(b[metric]) === null ? null : a[metric] - b[metric];
