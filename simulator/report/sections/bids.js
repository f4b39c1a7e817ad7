// Where in the bids a model errs: an auction forgives errors on low bids and pays for those on high ones.
import { chart, pointsOfShown } from "../lib/chart.js";
import { missing } from "../lib/dom.js";
import { brief, number, percent, plural, whole, wilson } from "../lib/format.js";
import { curves, domainOf } from "../lib/lines.js";
import { cutNote, isRun, runOf, thin } from "../run.js";

// Ends of a ratio's interval that are drawn: an interval up to infinity has no end.
const MOST_RATIO = 100;

function pointsOf(run) {
  return run.models.flatMap((model) =>
    thin(Array.isArray(model.by_bid) ? model.by_bid : []).flatMap((bucket) => {
      const [lo, hi, rows] = [whole(bucket?.lo), whole(bucket?.hi), whole(bucket?.rows)];
      const [predicted, rate] = [number(bucket?.mean_pctr), number(bucket?.ctr)];
      if (lo === null || hi === null || predicted === null || rate === null) return [];
      const range = wilson(rate, rows);
      const ratio = rate > 0 ? predicted / rate : null;
      return [
        {
          series: model.key,
          name: model.name,
          from: lo / 1e6,
          to: hi / 1e6,
          x: Math.sqrt(lo * hi) / 1e6,
          y: ratio,
          rows,
          predicted,
          rate,
          lo: range && predicted > 0 ? predicted / range[1] : null,
          hi: range && range[0] > 0 ? Math.min(MOST_RATIO, predicted / range[0]) : null,
          say:
            `${model.name}\nbids ${brief(lo / 1e6)} to ${brief(hi / 1e6)} ${run.currency}\npredicted ${percent(predicted)}, observed ` +
            `${percent(rate)}\nratio ${brief(ratio)}\n${plural(rows ?? 0, "candidate")}`,
        },
      ];
    }),
  );
}

export default {
  id: "bids",
  title: "By bid",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    const all = pointsOf(run);
    if (all.length === 0) {
      return missing(
        "This summary has no buckets by bid (models[].by_bid): no candidate is known to have been clicked or not.",
      );
    }
    const points = all.filter(({ x, y }) => x > 0 && y > 0);
    const dropped = all.length - points.length;
    const most = Math.max(...run.models.map(({ by_bid: buckets }) => buckets?.length ?? 0));
    return chart({
      title: "How far predictions are off, by bid",
      caption:
        "Candidates in buckets of rising bids: predicted clicks over clicks that happened. On the dashed line a model is " +
        "calibrated among bids of that size; above it, it promises too much. Bars are 95 % intervals (Wilson's, as if candidates " +
        "were independent). Both axes are logarithmic." +
        cutNote(most, "bucket") +
        (dropped > 0 ? ` Not drawn: ${plural(dropped, "bucket")} without a click.` : ""),
      build: (context) => {
        const shown = pointsOfShown(points, context);
        const x = domainOf(
          shown.map((point) => point.x),
          1.1,
        );
        const y = domainOf([1, ...shown.map((point) => point.y)], 1.15);
        const inside = (end) => (end === null ? null : Math.min(y[1], Math.max(y[0], end)));
        const clipped = shown.map((point) => ({
          ...point,
          lo: point.hi === null ? null : inside(point.lo),
          hi: inside(point.hi),
        }));
        return curves(
          clipped,
          {
            x: { title: `bid, ${run.currency} a click`, log: true, domain: x, format: "~g" },
            y: { title: "predicted / observed clicks", log: true, domain: y, format: "~g" },
            guide: x.map((end) => ({ x: end, y: 1 })),
            plain: true,
          },
          context,
        );
      },
      series: run.series.filter(({ key }) => points.some(({ series }) => series === key)),
      selection: run.selection,
      columns: [
        { label: "Model", text: (row) => row.name },
        {
          label: `Bids from, ${run.currency}`,
          number: true,
          text: (row) => brief(row.from, 4),
          raw: (row) => row.from,
        },
        { label: "to", number: true, text: (row) => brief(row.to, 4), raw: (row) => row.to },
        { label: "Predicted", number: true, text: (row) => percent(row.predicted), raw: (row) => row.predicted },
        { label: "Observed", number: true, text: (row) => percent(row.rate), raw: (row) => row.rate },
        { label: "Ratio", number: true, text: (row) => brief(row.y), raw: (row) => row.y },
        { label: "Candidates", number: true, text: (row) => row.rows },
      ],
      rows: all,
      empty: "No bucket has a click.",
    });
  },
};
