// Whether predicted probabilities are those that come true, over all candidates and over those that won.
import { chart, pointsOfShown } from "../lib/chart.js";
import { number, percent, plural, whole, wilson } from "../lib/format.js";
import { curves, domainOf } from "../lib/lines.js";
import { cutNote, isRun, runOf, thin } from "../run.js";

function pointsOf(run) {
  return run.models.flatMap((model) =>
    thin(Array.isArray(model.by_prediction) ? model.by_prediction : []).flatMap((group) => {
      const [x, y, rows] = [number(group?.mean_pctr), number(group?.ctr), whole(group?.rows)];
      if (x === null || y === null) return [];
      const range = wilson(y, rows);
      return [
        {
          series: model.key,
          name: model.name,
          x,
          y,
          rows,
          lo: range?.[0] ?? null,
          hi: range?.[1] ?? null,
          say:
            `${model.name}\npredicted ${percent(x)}\nobserved ${percent(y)}` +
            (range ? ` (95 % interval ${percent(range[0])} to ${percent(range[1])})` : "") +
            (rows === null ? "" : `\n${plural(rows, "candidate")}`),
        },
      ];
    }),
  );
}

function curve(points, context) {
  const shown = pointsOfShown(points, context);
  const domain = domainOf(
    shown.flatMap(({ x, y }) => [x, y]),
    1.3,
  );
  const clipped = shown.map((point) => ({
    ...point,
    lo: point.lo === null ? null : Math.max(point.lo, domain[0]),
    hi: point.hi === null ? null : Math.min(point.hi, domain[1]),
  }));
  const axis = (title) => ({ title, log: true, domain, format: "~%" });
  return curves(
    clipped,
    {
      x: axis("mean prediction"),
      y: axis("observed click rate"),
      guide: domain.map((end) => ({ x: end, y: end })),
      height: context.narrow ? 340 : 460,
    },
    context,
  );
}

const most = (run) => Math.max(0, ...run.models.map(({ by_prediction: groups }) => groups?.length ?? 0));

export default {
  id: "calibration",
  title: "Calibration",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    const all = pointsOf(run);
    const points = all.filter(({ x, y }) => x > 0 && y > 0);
    const dropped = all.length - points.length;
    return chart({
      title: "How often what was predicted came true",
      caption:
        "Each point is a group of candidates with similar predictions, the groups of a model being about equally large: " +
        "what it predicted against how often they were clicked. On the dashed diagonal a model is calibrated; below it, it " +
        "predicts too many clicks. Bars are 95 % intervals of the click rate (Wilson's, as if candidates were independent). " +
        "Both axes are logarithmic." +
        cutNote(most(run), "group") +
        (dropped > 0 ? ` Not drawn, because a logarithmic axis has no zero: ${plural(dropped, "point")} at zero.` : ""),
      build: (context) => curve(points, context),
      series: run.series.filter(({ key }) => points.some(({ series }) => series === key)),
      selection: run.selection,
      columns: [
        { label: "Model", text: (row) => row.name },
        { label: "Mean prediction", number: true, text: (row) => percent(row.x), raw: (row) => row.x },
        { label: "Observed click rate", number: true, text: (row) => percent(row.y), raw: (row) => row.y },
        {
          label: "95 % interval",
          number: true,
          text: (row) => (row.lo === null ? null : `${percent(row.lo)} to ${percent(row.hi)}`),
          raw: (row) => (row.lo === null ? "" : `${row.lo} ${row.hi}`),
        },
        { label: "Candidates", number: true, text: (row) => row.rows },
      ],
      rows: all,
      empty:
        "There is no calibration curve in this summary (models[].by_prediction): no click of a candidate is known.",
    });
  },
};
