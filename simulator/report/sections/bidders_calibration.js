// Whether the probability to win with a bid, P(price <= bid), is the share of auctions that the bid wins.
import { biddersOf, isBidders } from "../bidders.js";
import { chart, pointsOfShown } from "../lib/chart.js";
import { brief, fixed, number, percent, signed, SPACE } from "../lib/format.js";
import { curves } from "../lib/lines.js";

function pointsOf(view) {
  return view.curved.flatMap(({ key, name, curve }) =>
    curve.flatMap((point) => {
      const [bid, predicted, observed] = [number(point?.bid), number(point?.predicted), number(point?.observed)];
      if (bid === null || predicted === null || observed === null) return [];
      const error = 100 * (predicted - observed);
      return [
        {
          series: key,
          name,
          bid,
          predicted,
          observed,
          error,
          least: number(point.least) ?? predicted,
          greatest: number(point.greatest) ?? predicted,
          say:
            `${name}\nbid ${brief(bid)}\npredicted ${percent(predicted)}\nwon ${percent(observed)}\n` +
            `${signed(error, 2)} points`,
        },
      ];
    }),
  );
}

const COLUMNS = [
  { label: "Head", text: (row) => row.name },
  { label: "Bid", number: true, text: (row) => brief(row.bid), raw: (row) => row.bid },
  { label: "P(price ≤ bid)", number: true, text: (row) => percent(row.predicted), raw: (row) => row.predicted },
  { label: "least of the seeds", number: true, text: (row) => percent(row.least), raw: (row) => row.least },
  { label: "greatest", number: true, text: (row) => percent(row.greatest), raw: (row) => row.greatest },
  { label: "Share won", number: true, text: (row) => percent(row.observed), raw: (row) => row.observed },
  { label: "Difference, points", number: true, text: (row) => signed(row.error, 2), raw: (row) => row.error },
];

function pitOf(view) {
  return view.curved.flatMap(({ key, name, pit }) =>
    (Array.isArray(pit) ? pit : []).map((height, i) => ({
      series: key,
      name,
      x: (i + 0.5) / pit.length,
      y: height,
      level: 1 / pit.length,
      say: `${name}\nclass ${i + 1} of ${pit.length}\n${percent(height)} of the prices`,
    })),
  );
}

export default {
  id: "calibration",
  title: "Calibration of the probability to win",
  holds: isBidders,
  draw(document) {
    const view = biddersOf(document);
    const points = pointsOf(view);
    const pit = pitOf(view);
    const common = {
      series: view.series,
      selection: view.selection,
      columns: COLUMNS,
      rows: points,
      empty: "No head of this study has a distribution.",
    };
    const height = (context) => (context.narrow ? 300 : 360);
    const share = (title) => ({ title, domain: [0, 1], format: "~%" });
    return [
      chart({
        ...common,
        title: "P(price ≤ bid) against the share won",
        caption:
          "Each point is a bid, at quantiles of the training prices: the mean probability to win that a head says, mean over seeds, " +
          "against the share of judged auctions that it wins. On the dashed diagonal a head is calibrated.",
        build: (context) =>
          curves(
            points.map((point) => ({ ...point, x: point.observed, y: point.predicted })),
            {
              x: share("share won"),
              y: share("predicted"),
              guide: [0, 1].map((end) => ({ x: end, y: end })),
              height: height(context),
              plain: true,
            },
            context,
          ),
      }),
      chart({
        ...common,
        title: "How far P(price ≤ bid) is off, by bid",
        caption:
          "The same, as the difference in percentage points: above the dashed line a head is too sure to win. Bars reach from the " +
          "least to the greatest of the seeds. The bid is on a logarithmic axis.",
        build: (context) => {
          const of = points
            .filter(({ bid }) => bid > 0)
            .map((point) => ({
              ...point,
              x: point.bid,
              y: point.error,
              lo: 100 * (point.least - point.observed),
              hi: 100 * (point.greatest - point.observed),
            }));
          const bids = pointsOfShown(of, context).map(({ x }) => x);
          const domain = [Math.min(...bids) / 1.1, Math.max(...bids) * 1.1];
          return curves(
            of,
            {
              x: { title: "bid", log: true, domain, format: "~g" },
              y: { title: "predicted less won, points", padding: 8 },
              guide: domain.map((x) => ({ x, y: 0 })),
              height: height(context),
              plain: true,
            },
            context,
          );
        },
      }),
      chart({
        ...common,
        title: "Where prices fall in their forecast distributions",
        caption:
          "The probability integral transform in ten classes, mean over seeds: of a right distribution every class holds a tenth of " +
          "the prices, the dashed line. High at both ends: too narrow; high in the middle: too wide.",
        build: (context) =>
          curves(
            pit,
            {
              x: { title: "forecast probability of a lower price", domain: [0, 1], format: "~%" },
              y: { title: "share of the prices", zero: true, format: "~%" },
              guide: [0, 1].map((x) => ({ x, y: pit[0].level })),
              height: height(context),
              plain: true,
            },
            context,
          ),
        columns: [
          { label: "Head", text: (row) => row.name },
          { label: "Class, middle", number: true, text: (row) => fixed(row.x, 2), raw: (row) => row.x },
          {
            label: "Share of the prices",
            number: true,
            text: (row) => `${fixed(100 * row.y, 2)}${SPACE}%`,
            raw: (row) => row.y,
          },
        ],
        rows: pit,
      }),
    ];
  },
};
