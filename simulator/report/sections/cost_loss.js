// What of the loss is bought for the money: against the batch and the size of the model, and as curves over examples and money.
import { costOf, isCost, isMeasured, lossText, moneyText, objects, positive, selectionFor } from "../cost.js";
import { againstBatchAndSize } from "../cost_lines.js";
import { chart } from "../lib/chart.js";
import { brief, fixed, number } from "../lib/format.js";
import { curves, domainOf, logTicks } from "../lib/lines.js";
import { symbolPath } from "../lib/theme.js";
import { countText } from "../lib/units.js";

const MOST_LINES = 80; // of points, over money
const MOST_SYMBOLS = 1500; // of all of them
const ENVELOPE = {
  key: "envelope",
  name: "the least loss for the money",
  colour: "ink",
  symbol: "diamond",
  path: symbolPath("diamond"),
  dash: [1, 0],
};

const perMoney = (study) => (value) => `${brief(value)} of loss per ${study.currency}`;

const seriesWith = (study, rows) => study.curves.filter(({ key }) => rows.some(({ series }) => series === key));

const guideOf = (study, x) => (study.target === null ? null : x.map((at) => ({ x: at, y: study.target })));
const targetSaid = (study) =>
  study.target === null ? "" : ` The dashed line is the target loss, ${lossText(study.target)}.`;

function overExamples(study) {
  const trained = study.curves.filter(({ samples }) => samples.some(({ examples }) => examples > 0));
  const rows = trained.flatMap(({ key, name, start, samples }) =>
    [...(start === null ? [] : [{ examples: 0, loss: start }]), ...samples].map(({ examples, loss }) => ({
      series: key,
      name,
      x: examples,
      y: loss,
      lo: null,
      hi: null,
      say: `${name}\nloss ${lossText(loss)}\nafter ${countText(examples)} examples`,
    })),
  );
  const series = seriesWith(study, rows);
  const left = study.curves.reduce((sum, curve) => sum + curve.left, 0);
  const most = rows.reduce((greatest, { x }) => Math.max(greatest, x), 0);
  return chart({
    title: "Loss against examples",
    caption:
      `A line for each model and batch that was trained, with adam where nothing else is said: the least loss so far, from before the first step on.${targetSaid(study)}` +
      (left > 0 ? ` Of a curve the first points are drawn: ${fixed(left, 0)} are left out.` : ""),
    build: (context) =>
      curves(
        rows,
        {
          x: { title: "examples", zero: true, format: "~s" },
          y: { title: "loss", nice: true },
          guide: guideOf(study, [0, most]),
          height: 340,
          plain: true,
        },
        context,
      ),
    series,
    selection: selectionFor(study, series),
    columns: [
      { label: "Curve", text: (row) => row.name },
      { label: "Examples", number: true, text: (row) => fixed(row.x, 0), raw: (row) => row.x },
      { label: "Loss", number: true, text: (row) => lossText(row.y), raw: (row) => row.y },
    ],
    rows,
    empty: "There are no loss curves in this document: no model was trained for one.",
  });
}

// The samples of a curve at even distances, its last among them.
function thinned(samples, most) {
  const every = Math.ceil(samples.length / most);
  return samples.filter((_, i) => (samples.length - 1 - i) % every === 0);
}

// What a point has bought at each sample of its curve.
function pointRows(study, points) {
  return points.flatMap((point) => {
    const curve = study.curves[point.curve];
    const samples = thinned(curve.samples, Math.max(2, Math.floor(MOST_SYMBOLS / points.length)));
    return samples
      .map(({ examples, loss }) => ({ loss, dollars: positive(examples / point.examples_per_dollar) }))
      .filter(({ dollars }) => dollars !== null)
      .map(({ loss, dollars }) => rowOf(study, curve.key, point.name, dollars, loss, String(point.id)));
  });
}
const rowOf = (study, series, name, dollars, loss, path) => ({
  series,
  path,
  name,
  x: dollars,
  y: loss,
  lo: null,
  hi: null,
  say: `${name}\nloss ${lossText(loss)}\nfor ${moneyText(study, dollars)}`,
});

function envelopeRows(study) {
  return objects(study.document.pareto?.loss)
    .slice(0, MOST_SYMBOLS)
    .map(({ dollars, loss, point }) => ({
      dollars: positive(dollars),
      loss: number(loss),
      point: study.byId.get(point),
    }))
    .filter(({ dollars, loss }) => dollars !== null && loss !== null)
    .map(({ dollars, loss, point }) =>
      rowOf(study, ENVELOPE.key, point?.name ?? "a point that is not here", dollars, loss, ENVELOPE.key),
    );
}

function overMoney(study) {
  const all = study.points.filter(
    (point) =>
      isMeasured(point) && study.curves[point.curve] !== undefined && positive(point.examples_per_dollar) !== null,
  );
  const points = all.slice(0, MOST_LINES);
  const best = envelopeRows(study);
  const rows = [...pointRows(study, points), ...best];
  const series = [...(best.length > 0 ? [ENVELOPE] : []), ...seriesWith(study, rows)];
  const domain = domainOf(
    rows.map(({ x }) => x),
    1.2,
  );
  return chart({
    title: `Loss against ${study.currency}`,
    caption:
      "A line for each point, in the colour of its curve: what its rate and its price make of the examples. A loss holds until the next one is measured. " +
      `Further left and down is better${best.length > 0 ? "; the thick line with diamonds is the least loss that any point has for the money" : ""}. ` +
      `The axis of money is logarithmic.${targetSaid(study)}` +
      (all.length > points.length ? ` Of ${all.length} points the first ${points.length} are drawn.` : ""),
    build: (context) =>
      curves(
        rows,
        {
          x: { title: study.currency, log: true, domain, ticks: logTicks(domain, context.width / 90), format: "~g" },
          y: { title: "loss", nice: true },
          guide: guideOf(study, domain),
          height: 340,
          plain: true,
          step: true,
          bold: ENVELOPE.key,
        },
        context,
      ),
    series,
    selection: selectionFor(study, series),
    columns: [
      { label: "Point", text: (row) => row.name },
      { label: "The least for the money", text: (row) => (row.series === ENVELOPE.key ? "yes" : "") },
      { label: study.currency, number: true, text: (row) => brief(row.x), raw: (row) => row.x },
      { label: "Loss", number: true, text: (row) => lossText(row.y), raw: (row) => row.y },
    ],
    rows,
    empty: "No point has both a loss curve and a price, so that nothing is known of loss for money.",
  });
}

export default {
  id: "loss",
  title: "Loss for the money",
  holds: isCost,
  draw(document) {
    const study = costOf(document);
    return [
      ...againstBatchAndSize(study, {
        quantity: "loss_per_dollar",
        what: `Loss per ${study.currency}`,
        better: "more of the loss removed for the money, from the start of a curve to its end",
        axis: `loss removed per ${study.currency}`,
        label: `Loss per ${study.currency}`,
        textOf: perMoney(study),
        empty: "No such point has a loss curve and a price.",
      }),
      overExamples(study),
      overMoney(study),
    ];
  },
};
