// Curves of several models: points, joined by lines, with bars for intervals.
import { bySeries, pointsOfShown } from "./chart.js";

// Evenly spaced, at whole multiples of a power of ten times 1, 2 or 5.
function evenTicks([lo, hi], most) {
  const least = (hi - lo) / Math.max(2, Math.min(6, most));
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= least);
  const ticks = [];
  for (let k = Math.ceil(lo / step); k * step <= hi; k++) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

// Of a logarithmic axis, for numbers of any size: at powers of ten times 1, 2, 5; evenly where those are too few.
export function logTicks([lo, hi], most) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(lo)); power <= Math.log10(hi); power++) {
    for (const step of [1, 2, 5]) ticks.push(Number(`${step}e${power}`));
  }
  const inside = ticks.filter((tick) => tick >= lo && tick <= hi);
  const tens = inside.filter((tick) => /^1(0*|e[+-]?\d+)$/.test(String(tick)) || /^0\.0*1$/.test(String(tick)));
  if (inside.length < 3) return evenTicks([lo, hi], most);
  return inside.length > most && tens.length > 1 ? tens : inside;
}

export const domainOf = (values, factor) => [Math.min(...values) / factor, Math.max(...values) * factor];

// A quantitative channel on `room` pixels:
//   title; log; domain ([lo, hi]; a logarithmic axis needs it for its ticks); ticks: where they are; format, of d3
//   nice: ends at round numbers; zero: from 0 on; padding: pixels around the data; whole: no ticks between integers
export const axisOf = (of, room) => ({
  type: "quantitative",
  scale: {
    ...(of.log && { type: "log" }),
    ...(of.domain && { domain: of.domain }),
    nice: of.nice ?? false,
    ...(of.padding && { padding: of.padding }),
    ...(!of.log && { zero: of.zero ?? false }),
  },
  axis: {
    title: of.title,
    grid: true,
    ...(of.format && { format: of.format }),
    ...(of.ticks || (of.log && of.domain)
      ? { values: of.ticks ?? logTicks(of.domain, room / 55) }
      : { tickCount: Math.max(3, Math.floor(room / 80)) }),
    ...(of.whole && { tickMinStep: 1, format: "d" }),
  },
});

// What a mark says to those who point at it, and to those who listen.
export const READ = { tooltip: { field: "say" }, description: { field: "say" } };

// points: [{series, x, y, lo, hi, say, path}], `lo` and `hi` may be null; of a series with several lines, `path` tells
// them apart. x, y: as of axisOf.
// `guide`: points of a dashed line that the curves are held against. `marks`: points that stand out. `step`: a value
// holds until the next. `bold`: the key of a series that stands out.
export function curves(points, { x, y, guide, marks = [], height = 340, plain = false, step = false, bold }, context) {
  const { paint, width } = context;
  const [ax, ay] = [axisOf(x, width), axisOf(y, height)];
  const at = { x: { field: "x", ...ax }, y: { field: "y", ...ay } };
  const shown = pointsOfShown(points, context);
  const layers = [];
  if (guide) {
    layers.push({
      data: { values: guide },
      mark: { type: "line", color: paint("muted"), strokeDash: [5, 4], strokeWidth: 1.25, aria: false },
      encoding: at,
    });
  }
  if (shown.some(({ lo }) => Number.isFinite(lo))) {
    layers.push({
      transform: [{ filter: "isValid(datum.lo)" }],
      mark: { type: "rule", opacity: 0.4, strokeWidth: 1.5, aria: false },
      encoding: { x: at.x, y: { field: "lo", ...ay }, y2: { field: "hi" }, ...bySeries(context, context.series) },
    });
  }
  const line = {
    mark: {
      type: "line",
      strokeWidth: 1.5,
      opacity: 0.75,
      aria: false,
      ...(step && { interpolate: "step-after" }),
    },
    encoding: {
      ...at,
      ...bySeries(context, context.series, { dash: true }),
      ...(shown.some(({ path }) => path !== undefined) && { detail: { field: "path", type: "nominal" } }),
      order: { field: "x", type: "quantitative" },
    },
  };
  layers.push(line);
  const strong = bold === undefined ? [] : shown.filter(({ series }) => series === bold);
  if (strong.length > 0) {
    layers.push({ ...line, data: { values: strong }, mark: { ...line.mark, strokeWidth: 3, opacity: 1 } });
  }
  layers.push({
    mark: { type: "point", filled: true, opacity: 1, size: plain ? 36 : 55 },
    encoding: { ...at, ...bySeries(context, context.series, { shape: true }), ...READ },
  });
  const out = pointsOfShown(marks, context);
  if (out.length > 0) {
    layers.push({
      data: { values: out },
      mark: { type: "point", filled: false, size: 260, strokeWidth: 2, opacity: 1, aria: false },
      encoding: { ...at, ...bySeries(context, context.series, { stroke: true }), tooltip: { field: "say" } },
    });
  }
  return { height, data: { values: shown }, layer: layers };
}
