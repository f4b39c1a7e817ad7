// Symbols of several series that no line joins.
import { bySeries, pointsOfShown } from "./chart.js";
import { axisOf, READ } from "./lines.js";

// points: [{series, x, y, say}]; one whose `y` is null has none, and stands at the foot. x, y: as of axisOf.
// `level`: a line across: {y, dash}. `marks`: points that have a ring around them.
export function scatter(points, { x, y, level, marks = [], height = 300, size = 130 }, context) {
  const { paint, width } = context;
  const [ax, ay] = [axisOf(x, width), axisOf(y, height)];
  const at = { x: { field: "x", ...ax }, y: { field: "y", ...ay } };
  const shown = pointsOfShown(points, context);
  const symbols = bySeries(context, context.series, { shape: true });
  const layers = [];
  if (level) {
    layers.push({
      data: { values: [{}] },
      mark: { type: "rule", color: paint("ink"), aria: false, ...(level.dash && { strokeDash: level.dash }) },
      encoding: { y: { datum: level.y, ...ay } },
    });
  }
  layers.push({
    transform: [{ filter: "isValid(datum.y)" }],
    mark: { type: "point", filled: true, size, opacity: 1 },
    encoding: { ...at, ...symbols, ...READ },
  });
  const without = shown.filter((point) => point.y === null);
  if (without.length > 0) {
    layers.push({
      data: { values: without },
      mark: { type: "point", filled: true, size, opacity: 1 },
      encoding: { x: at.x, y: { value: height - 8 }, ...symbols, ...READ },
    });
  }
  const out = pointsOfShown(marks, context);
  if (out.length > 0) {
    layers.push({
      data: { values: out },
      mark: { type: "point", filled: false, size: 2 * size + 160, strokeWidth: 2, color: paint("ink"), aria: false },
      encoding: { ...at, tooltip: { field: "say" } },
    });
  }
  return { height, data: { values: shown }, layer: layers };
}
