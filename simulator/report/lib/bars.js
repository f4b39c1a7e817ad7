// Horizontal bars of parts that add up, a row for each model.
import { short } from "./format.js";
import { bySeries } from "./chart.js";

// rows: [{row: index as text, name, series: key of the part, value, say}]; order: the rows' texts, first on top.
export function stackedBars(rows, order, names, axis, context) {
  const { narrow, width } = context;
  const step = order.length > 12 ? (narrow ? 34 : 22) : narrow ? 46 : 34;
  const scale = { domain: order, paddingInner: narrow ? 0.55 : 0.3, paddingOuter: narrow ? 0.4 : 0.2 };
  const labels = narrow
    ? null
    : {
        title: null,
        ticks: false,
        domain: false,
        labelLimit: 260,
        labelPadding: 8,
        labelExpr: "rowNames[indexof(rowKeys, datum.value)]",
        labelOverlap: false,
      };
  const y = { field: "row", type: "nominal", sort: null, scale, axis: labels };
  const layers = [
    {
      mark: { type: "bar", stroke: context.paint("page"), strokeWidth: 1, yOffset: narrow ? 7 : 0 },
      encoding: {
        y,
        order: { field: "place", type: "quantitative" },
        x: {
          field: "value",
          type: "quantitative",
          stack: "zero",
          axis: { title: axis, grid: true, tickCount: Math.max(3, Math.floor(width / 110)) },
        },
        ...bySeries(context, context.series),
        tooltip: { field: "say" },
        description: { field: "say" },
      },
    },
  ];
  if (narrow) {
    layers.push({
      data: { values: order.map((row, i) => ({ row, name: short(names[i], 40) })) },
      mark: { type: "text", align: "left", baseline: "bottom", yOffset: order.length > 12 ? -4 : -5, aria: false },
      encoding: { y: { ...y, axis: null }, x: { value: 0 }, text: { field: "name" } },
    });
  }
  return {
    height: order.length * step,
    params: [
      { name: "rowKeys", value: order },
      { name: "rowNames", value: names.map((name) => short(name, 34)) },
    ],
    data: { values: rows },
    layer: layers,
  };
}
