// A forest plot: a row for each comparison, its difference and the interval of it, and a line where there is none.
import { short } from "./format.js";

const ROW = { wide: 34, narrow: 54 };

// rows: [{name, value, lo, hi, valueText, rangeText, primary, say, points: [{value, say}]}], all in the unit of `axis`.
// `value` may be null; `points` (one for each seed, say) may be absent. `zero`: where there is no difference; null: nowhere.
export function forest(rows, axis, { paint, narrow, width }, zero = 0) {
  const index = rows.map((_, i) => String(i));
  const values = rows.map((row, i) => ({
    row: index[i],
    value: row.value,
    lo: row.lo,
    hi: row.hi,
    say: row.say,
    colour: paint(row.primary ? "accent" : "muted"),
    name: short(row.name, narrow ? 30 : 34),
    text: row.value === null || narrow ? row.valueText : `${row.valueText}  (${row.rangeText})`,
  }));
  const points = rows.flatMap((row, i) => (row.points ?? []).map((point) => ({ row: index[i], ...point })));
  const ends = [
    ...(zero === null ? [] : [zero]),
    ...values.flatMap((row) => [row.lo, row.hi, row.value]),
    ...points.map((point) => point.value),
  ].filter(Number.isFinite);
  const [lo, hi] = [Math.min(...ends), Math.max(...ends)];
  const pad = 0.04 * (hi - lo) || Math.abs(0.04 * hi) || 1;
  const y = (labels) => ({
    field: "row",
    type: "nominal",
    sort: null,
    scale: { domain: index, paddingInner: 0 },
    axis: labels,
  });
  const labels = (list, orient) => ({
    orient,
    title: null,
    ticks: false,
    domain: false,
    labelLimit: 260,
    labelPadding: 8,
    labelExpr: `${list}[toNumber(datum.value)]`,
    labelOverlap: false,
  });
  const x = (field, more) => ({ field, type: "quantitative", ...more });
  const scale = {
    scale: { domain: [lo - pad, hi + pad], nice: false, zero: false },
    axis: { title: axis, grid: true, tickCount: Math.max(3, Math.floor(width / 110)) },
  };
  const colour = { field: "colour", type: "nominal", scale: null };
  const above = narrow ? 9 : 0; // where marks lie below the names of their row
  const layers = [
    ...(zero === null
      ? []
      : [
          {
            data: { values: [{}] },
            mark: { type: "rule", color: paint("ink"), strokeWidth: 1.25, aria: false },
            encoding: { x: { datum: zero, type: "quantitative", ...scale } },
          },
        ]),
    {
      mark: {
        type: "rule",
        strokeWidth: 6,
        opacity: 0.4,
        strokeCap: "round",
        yOffset: above,
        tooltip: null,
        aria: false,
      },
      transform: [{ filter: "isValid(datum.lo)" }],
      encoding: {
        y: y(narrow ? null : labels("rowNames", "left")),
        x: x("lo", scale),
        x2: { field: "hi" },
        color: colour,
        tooltip: { field: "say" },
      },
    },
    ...(points.length === 0
      ? []
      : [
          {
            data: { values: points },
            mark: {
              type: "point",
              shape: "circle",
              size: 28,
              opacity: 0.75,
              strokeWidth: 1.2,
              yOffset: above,
              color: paint("ink"),
            },
            encoding: { y: y(null), x: x("value", scale), tooltip: { field: "say" }, description: { field: "say" } },
          },
        ]),
    {
      mark: {
        type: "point",
        filled: true,
        opacity: 1,
        size: 90,
        shape: points.length ? "diamond" : "circle",
        yOffset: above,
      },
      transform: [{ filter: "isValid(datum.value)" }],
      encoding: {
        y: y(narrow ? null : labels("rowTexts", "right")),
        x: x("value", scale),
        color: colour,
        tooltip: { field: "say" },
        description: { field: "say" },
      },
    },
  ];
  if (narrow) {
    // Each text twice: the page's colour around it first, so that no line runs through it.
    const text = (align, at, field, more) =>
      [true, false].map((halo) => ({
        mark: {
          type: "text",
          baseline: "bottom",
          aria: false,
          align,
          yOffset: -4,
          ...more,
          ...(halo && { stroke: paint("page"), strokeWidth: 5, strokeJoin: "round" }),
        },
        encoding: { y: y(null), x: { value: at }, text: { field } },
      }));
    layers.push(...text("left", 0, "name"), ...text("right", "width", "text", { fontWeight: "bold" }));
  }
  return {
    height: rows.length * (narrow ? ROW.narrow : ROW.wide),
    params: [
      { name: "rowNames", value: values.map((row) => row.name) },
      { name: "rowTexts", value: values.map((row) => row.text) },
    ],
    data: { values },
    layer: layers,
    resolve: { axis: { y: "independent" } },
  };
}

// The numbers of a forest plot, for its table.
export const forestColumns = (what, unit, value = "Difference") => [
  { label: what, text: (row) => row.name },
  { label: `${value}${unit}`, number: true, text: (row) => row.valueText, raw: (row) => row.value },
  {
    label: "95 % interval",
    number: true,
    text: (row) => row.rangeText,
    raw: (row) => (row.lo === null ? "" : `${row.lo} ${row.hi}`),
  },
];
