// How well heads forecast the price: each against the marginal distribution, number-token losses against cross-entropy.
import { biddersOf, differences, headNamed, isBidders, METRICS, minus, pick, rowOf, seedsOf } from "../bidders.js";
import { el } from "../lib/dom.js";
import { fixed, interval, number } from "../lib/format.js";
import { chosen } from "../lib/grid.js";
import { seedForest } from "../lib/seeds.js";
import { table } from "../lib/table.js";

// What a decision forecasts is not judged as a forecast, and what a number has in place of a CRPS would hide the others.
const comparable = (head, metric) =>
  head.encoding !== "decision" && (metric !== "crps" || (Array.isArray(head.curve) && head.curve.length > 0));

// The comparisons of heads with a rival of this kind. Names say both, where the rival is not the same for all.
function rowsOf(view, wanted) {
  const { metric } = view.choice;
  const heads = view.heads.filter((head) => comparable(head, metric));
  return heads.flatMap((head) =>
    head.against.flatMap((one) => {
      const rival = headNamed(view, String(one.head));
      if (!rival || !wanted(rival)) return [];
      const name = rival.encoding === "marginal" ? head.name : `${head.name} less ${rival.name}`;
      const points = differences(head, rival, minus(metric));
      const primary = rival.encoding !== "marginal" || head.loss === "ce";
      return [rowOf(name, one[metric], points, { ...METRICS[metric], plus: true }, primary)];
    }),
  );
}

const OF_HEAD = Object.entries(METRICS).map(([metric, { label, decimals }]) => ({
  label,
  number: true,
  text: ({ over_seeds: over }) => (number(over?.[metric]?.mean) === null ? null : fixed(over[metric].mean, decimals)),
  raw: ({ over_seeds: over }) => over?.[metric]?.mean,
}));
const COLUMNS = [
  { label: "Head", text: (head) => head.name },
  { label: "Encoding", text: (head) => head.encoding },
  { label: "Loss", text: (head) => head.loss || null },
  ...OF_HEAD,
  {
    label: "CRPS, 95 % interval",
    number: true,
    text: ({ over_seeds: over }) => {
      const ends = interval(over?.crps?.t95);
      return ends && ends[0] !== ends[1] ? ends.map((end) => fixed(end, 3)).join(" to ") : null;
    },
    raw: ({ over_seeds: over }) => interval(over?.crps?.t95)?.join(" "),
  },
  { label: "Seeds", number: true, text: (head) => seedsOf(head).length },
];

export default {
  id: "forecasts",
  title: "Forecasts of the price",
  holds: isBidders,
  draw(document) {
    const view = biddersOf(document);
    const options = Object.entries(METRICS).map(([metric, { label }]) => [metric, label]);
    const forest = (title, caption, wanted, empty) => {
      const { label, more } = METRICS[view.choice.metric];
      return seedForest({
        title: `${label} ${title}`,
        caption: `${caption} ${more ? "Right" : "Left"} of the line is better.`,
        rows: rowsOf(view, wanted),
        what: "Head",
        value: label,
        label: `difference of ${label}`,
        zero: 0,
        empty,
      });
    };
    return [
      el("div", { class: "controls" }, pick(view, "metric", "Measured by", options)),
      chosen(view, () => [
        forest(
          "of number-token losses less that of cross-entropy",
          "The same network on the same tokens, with the number-token loss beside cross-entropy and without.",
          (rival) => rival.loss === "ce",
          "No head of this study has a number-token loss and one of cross-entropy beside it.",
        ),
        forest(
          "of each head less that of the marginal",
          "The marginal is the distribution of the training prices, the same for every impression: what is to be beaten. " +
            "Forecasts by which decisions are made are in the table only; so are numbers where CRPS is the measure, which for them is MAE.",
          (rival) => rival.encoding === "marginal",
          "There is no marginal distribution in this document.",
        ),
      ]),
      table("Heads", COLUMNS, view.heads),
    ];
  },
};
