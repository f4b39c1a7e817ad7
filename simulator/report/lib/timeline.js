// Lines over time, with bands around them, and spans of time.
import { bySeries, pointsOfShown } from "./chart.js";
import { axisOf, READ } from "./lines.js";

const EXTENT = 52; // pixels for the labels of the upright axis, so that charts below each other have the same time axis
const MARKED = 12; // symbols on a line: it is told by them, too

// A moment as Vega-Lite has it: a bare number in a domain is taken for something else.
function dateTime(milliseconds) {
  const at = new Date(milliseconds);
  const [year, month, date] = [at.getUTCFullYear(), at.getUTCMonth() + 1, at.getUTCDate()];
  return {
    year,
    month,
    date,
    hours: at.getUTCHours(),
    minutes: at.getUTCMinutes(),
    seconds: at.getUTCSeconds(),
    utc: true,
  };
}

// x: `dated`: in milliseconds since 1970; else it counts. title; domain: [lo, hi].
function timeAxis({ dated, title, domain }, width) {
  if (!dated) {
    const of = axisOf({ title: title ?? "period", whole: true, domain }, width);
    return { field: "x", ...of };
  }
  const axis = { title: title ?? null, grid: true, tickCount: Math.max(2, Math.floor(width / 90)) };
  return {
    field: "x",
    type: "temporal",
    scale: { type: "utc", nice: false, ...(domain && { domain: domain.map(dateTime) }) },
    axis,
  };
}

// points: [{series, x, y, lo, hi, say}] in the order of x, `lo` and `hi` may be null. x: as of timeAxis; y: as of axisOf.
// `level`: a line across. Every point is read; a few of a series have its symbol.
export function timeline(points, { x, y, level, height }, context) {
  const { paint, width } = context;
  const ax = timeAxis(x, width);
  const of = axisOf(y, height);
  const ay = { ...of, axis: { ...of.axis, minExtent: EXTENT } };
  const at = { x: ax, y: { field: "y", ...ay } };
  const counts = new Map();
  const shown = pointsOfShown(points, context).map((point) => {
    const place = counts.get(point.series) ?? 0;
    counts.set(point.series, place + 1);
    return { ...point, place };
  });
  const order = new Map(context.series.map(({ key }, i) => [key, i]));
  for (const point of shown) {
    const each = Math.max(1, Math.round(counts.get(point.series) / MARKED));
    // Not above each other, where lines are alike.
    point.marked = (point.place + order.get(point.series) * Math.ceil(each / 4)) % each === 0 ? 1 : 0;
  }
  const layers = [];
  if (level !== undefined) {
    layers.push({
      data: { values: [{}] },
      mark: { type: "rule", color: paint("muted"), strokeDash: [5, 4], aria: false },
      encoding: { y: { datum: level, ...ay } },
    });
  }
  const banded = new Set(shown.filter(({ lo, hi }) => Number.isFinite(lo) && lo !== hi).map(({ series }) => series))
    .size;
  if (banded > 0) {
    layers.push({
      transform: [{ filter: "isValid(datum.lo)" }],
      mark: { type: "area", opacity: Math.max(0.05, Math.min(0.15, 0.36 / banded)), aria: false },
      encoding: { x: ax, y: { field: "lo", ...ay }, y2: { field: "hi" }, ...bySeries(context, context.series) },
    });
  }
  layers.push({
    mark: { type: "line", strokeWidth: 1.5, aria: false },
    encoding: {
      ...at,
      ...bySeries(context, context.series, { dash: true }),
      order: { field: "x", type: "quantitative" },
    },
  });
  layers.push({
    mark: { type: "point", filled: true, size: 45, opacity: 1, strokeWidth: 0 },
    encoding: {
      ...at,
      ...bySeries(context, context.series, { shape: true }),
      fillOpacity: { field: "marked", type: "quantitative", scale: null, legend: null },
      ...READ,
    },
  });
  return { height, data: { values: shown }, layer: layers };
}

// spans: [{row: a text, series, x, x2, say}]; rows: in order, first on top.
export function spans(list, rows, { x, title }, context) {
  const height = Math.max(60, Math.min(18, Math.max(10, 600 / rows.length)) * rows.length);
  const axis = { title, ticks: false, domain: false, labelOverlap: true };
  return {
    height,
    data: { values: pointsOfShown(list, context) },
    mark: { type: "bar", stroke: context.paint("page"), strokeWidth: 1 },
    encoding: {
      x: timeAxis(x, context.width),
      x2: { field: "x2" },
      y: { field: "row", type: "nominal", sort: null, scale: { domain: rows, paddingInner: 0.25 }, axis },
      ...bySeries(context, context.series),
      ...READ,
    },
  };
}
