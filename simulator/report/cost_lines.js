// Charts of a quantity of points against the batch and against the size of the model, as two sections have them.
import { el } from "./lib/dom.js";
import { chart } from "./lib/chart.js";
import { pickerOf } from "./lib/choice.js";
import { fixed } from "./lib/format.js";
import { chosen } from "./lib/grid.js";
import { curves, domainOf } from "./lib/lines.js";
import { countText } from "./lib/units.js";
import { positive, selectionFor, USUAL_TEXT } from "./cost.js";

const MOST_OPTIONS = 200;

const auctions = (batch) => `${fixed(batch, 0)} auctions`;

const AGAINST = {
  batch: {
    of: ({ batch_auctions: batch }) => batch,
    text: (value) => fixed(value, 0),
    label: "Batch, auctions",
    axis: "batch, auctions of a step",
    title: "batch",
  },
  size: {
    of: ({ parameters }) => parameters,
    text: countText,
    label: "Parameters",
    axis: "parameters of the model",
    title: "size of the model",
  },
};

function one(study, against, { quantity, what, better, axis, label, textOf, empty }, points, where) {
  const x = AGAINST[against];
  const known = points.filter((point) => positive(x.of(point)) !== null);
  const rows = known
    .filter((point) => positive(point[quantity]) !== null)
    .map((point) => ({
      series: point.setup,
      name: point.name,
      setup: point.setupName,
      x: x.of(point),
      y: point[quantity],
      lo: null,
      hi: null,
      say: `${point.name}\n${textOf(point[quantity])}\n${x.label.toLowerCase()}: ${x.text(x.of(point))}`,
    }));
  const series = study.series.filter(({ key }) => rows.some((row) => row.series === key));
  const without = known.length - rows.length;
  const domain = (of) =>
    domainOf(
      rows.map((row) => row[of]),
      1.25,
    );
  return chart({
    title: `${what} against the ${x.title}: ${where}`,
    caption:
      `A line for each way to train, ${USUAL_TEXT}; further up is ${better}. Both axes are logarithmic.` +
      (without > 0 ? ` Not drawn, where it is not known or not above 0: ${without} of ${known.length} points.` : ""),
    build: (context) =>
      curves(
        rows,
        {
          x: { title: x.axis, log: true, domain: domain("x"), format: "~s" },
          y: { title: axis, log: true, domain: domain("y"), format: "~s" },
          height: 360,
        },
        context,
      ),
    series,
    selection: selectionFor(study, series),
    columns: [
      { label: "Point", text: (row) => row.name },
      { label: "Line", text: (row) => row.setup },
      { label: x.label, number: true, text: (row) => x.text(row.x), raw: (row) => row.x },
      { label, number: true, text: (row) => textOf(row.y), raw: (row) => row.y },
    ],
    rows,
    empty,
  });
}

// of: {quantity: a field of points, what, better, axis, label, textOf, empty}. Pickers and both charts.
export function againstBatchAndSize(study, of) {
  const { models, batches, choice } = study;
  return [
    el(
      "div",
      { class: "controls" },
      pickerOf(
        choice,
        "model",
        "Against the batch: model",
        models.slice(0, MOST_OPTIONS).map((model) => ({ value: model, text: model })),
      ),
      pickerOf(
        choice,
        "batch",
        "Against the size: batch",
        batches.slice(0, MOST_OPTIONS).map((batch) => ({ value: String(batch), text: auctions(batch) })),
      ),
    ),
    chosen(study, () => {
      const batch = batches.find((value) => String(value) === choice.batch);
      return [
        one(
          study,
          "batch",
          of,
          study.measured.filter(({ model }) => model === choice.model),
          choice.model,
        ),
        one(
          study,
          "size",
          of,
          study.measured.filter((point) => point.batch_auctions === batch),
          `a batch of ${batch === undefined ? "no size" : auctions(batch)}`,
        ),
      ];
    }),
  ];
}
