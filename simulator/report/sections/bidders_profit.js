// What each bidder earned in a setting, and how much more than another who played the same.
import { biddersOf, differences, isBidders, minus, pick, playerName, playersIn, rowOf, seedsOf } from "../bidders.js";
import { el, missing } from "../lib/dom.js";
import { brief, fixed, interval, number, percent } from "../lib/format.js";
import { chosen } from "../lib/grid.js";
import { seedForest } from "../lib/seeds.js";
import { table } from "../lib/table.js";

// Whom a bidder is compared with, in the order of the picker.
const RIVALS = [
  ["truthful", "the truthful bid", (one) => one.bidder === "truthful"],
  ["mse", "decisions by mse", (one) => one.bidder === "decision"],
  ["marginal", "optimal bids by the marginal", (one) => one.bidder === "optimal" && one.head === "marginal"],
  ["ce", "optimal bids by cross-entropy", (one) => one.bidder === "optimal" && one.head !== "marginal"],
  ["shaded", "a constant share of the value", (one) => one.bidder === "shaded"],
  ["random", "at most as many purchases at random", (one) => one.bidder === "random"],
  ["unpaced", "itself without pacing", () => false],
];
const kindOf = (one) => (one.unpaced ? "unpaced" : RIVALS.find(([, , is]) => is(one))?.[0]);

// Money is shown in thousands or millions where it is large.
function scaleOf(values) {
  const largest = Math.max(0, ...values.filter((value) => number(value) !== null).map(Math.abs));
  if (largest >= 5e6) return { scale: 1e-6, decimals: 3, words: ", millions" };
  if (largest >= 5e3) return { scale: 1e-3, decimals: largest >= 1e5 ? 0 : 1, words: ", thousands" };
  return { scale: 1, decimals: largest >= 100 ? 0 : 2, words: "" };
}

const sides = ({ mechanism }) => (mechanism === "first_price" ? 1 : 0);
const sorted = (players) => [...players].sort((a, b) => sides(a) - sides(b));

function profits(view) {
  const players = sorted(playersIn(view, view.choice.setting)).filter(({ bidder }) => bidder !== "random");
  const shown = scaleOf(players.map((bidder) => bidder.over_seeds?.profit?.mean));
  return {
    label: `profit${shown.words}`,
    rows: players.map((bidder) =>
      rowOf(
        bidder.name,
        bidder.over_seeds?.profit,
        seedsOf(bidder).map((record) => ({ seed: record.seed, value: record.profit })),
        shown,
      ),
    ),
  };
}

// Every bidder of the setting that has this rival.
function comparisons(view, rival) {
  const all = sorted(playersIn(view, view.choice.setting)).flatMap((bidder) =>
    bidder.against.filter((one) => kindOf(one) === rival).map((one) => ({ bidder, one })),
  );
  const whole = ({ one }) => one.profit_relative?.seeds > 0 && one.profit_relative.seeds === one.profit?.seeds;
  const relative = rival !== "random" && all.length > 0 && all.every(whole);
  const money = scaleOf(all.map(({ one }) => one.profit?.mean));
  const shown = relative ? { scale: 100, decimals: 2, unit: "\u00a0%" } : money;
  const of = relative ? (a, b) => (b.profit > 0 ? a.profit / b.profit - 1 : null) : minus("profit");
  return {
    label: relative ? "difference of profit, %" : `difference of profit${money.words}`,
    rows: all.map(({ bidder, one }) => {
      const other = view.bidders.find(
        (row) =>
          row.bidder === one.bidder &&
          row.head === one.head &&
          row.fee === bidder.fee &&
          row.budget_share === bidder.budget_share &&
          row.paced === (one.unpaced ? false : bidder.paced),
      );
      const name = rival === "ce" || rival === "mse" ? `${bidder.name} less ${playerName(one)}` : bidder.name;
      const over = relative ? one.profit_relative : one.profit;
      return rowOf(name, over, differences(bidder, other, of), { ...shown, plus: true });
    }),
  };
}

const mean = (metric, text) => ({
  number: true,
  text: ({ over_seeds: over }) => (number(over?.[metric]?.mean) === null ? null : text(over[metric].mean)),
  raw: ({ over_seeds: over }) => over?.[metric]?.mean,
});
const whole = (value) => fixed(value, 0);
const COLUMNS = [
  { label: "Bidder", text: (bidder) => bidder.name },
  { label: "Pays", text: ({ mechanism }) => String(mechanism).replace("_", " ") },
  { label: "Profit", ...mean("profit", whole) },
  {
    label: "95 % interval",
    number: true,
    text: ({ over_seeds: over }) => {
      const ends = interval(over?.profit?.t95);
      if (!ends) return null;
      return over.profit.least === over.profit.greatest ? "same in all seeds" : ends.map(whole).join(" to ");
    },
    raw: ({ over_seeds: over }) => interval(over?.profit?.t95)?.join(" "),
  },
  { label: "by clicks", title: "Profit with the clicks that happened", ...mean("click_profit", whole) },
  { label: "Spent", ...mean("spend", whole) },
  { label: "Value", ...mean("value", whole) },
  { label: "Bought", ...mean("buys", whole) },
  { label: "of all", ...mean("win_rate", percent) },
  { label: "Clicks", ...mean("clicks", (value) => fixed(value, 1)) },
  {
    label: "Threshold",
    title: "What a forecast has to exceed; of shaded, the share that it bids. Chosen on validation",
    ...mean("threshold", (value) => brief(value)),
  },
];

export default {
  id: "profit",
  title: "What bidders earn",
  holds: isBidders,
  draw(document) {
    const view = biddersOf(document);
    if (view.bidders.length === 0) return missing("Nobody played in this study: the document has no bidders.");
    const nameOf = () => view.settings.find(([setting]) => setting === view.choice.setting)?.[1] ?? "";
    return [
      el("div", { class: "controls" }, pick(view, "setting", "Setting", view.settings)),
      chosen(view, () => {
        const players = playersIn(view, view.choice.setting);
        const kinds = new Set(players.flatMap(({ against }) => against.map(kindOf)));
        const there = RIVALS.filter(([kind]) => kinds.has(kind));
        const rival = there.some(([kind]) => kind === view.choice.rival) ? view.choice.rival : there[0]?.[0];
        const { label, rows } = profits(view);
        const against = comparisons(view, rival);
        const list = el(
          "select",
          { onchange: () => view.choice.set("rival", list.value) },
          there.map(([kind, name]) => el("option", { value: kind, selected: kind === rival }, name)),
        );
        const words = there.find(([kind]) => kind === rival)?.[1] ?? "others";
        return [
          el("div", { class: "controls" }, el("label", null, "Compared with", list)),
          seedForest({
            title: `Profit of each bidder: ${nameOf()}`,
            caption:
              "Modelled value of what was bought, less its price and fee, on the judged auctions. First those who pay the " +
              "market price, then those who pay their bid. Random purchases are in the table: at most as many as those of whom they " +
              "are named after, for they stop when the money is gone.",
            rows,
            what: "Bidder",
            value: "Profit",
            label,
            zero: 0,
            empty: "Nobody played in this setting.",
          }),
          seedForest({
            title: `Profit compared with ${words}: ${nameOf()}`,
            caption:
              "The same auctions, seed by seed. Right of the line more is earned than by whom it is compared with.",
            rows: against.rows,
            what: "Bidder",
            value: "Profit",
            label: against.label,
            zero: 0,
            empty: "Nobody is compared in this setting.",
          }),
          table(`Bidders: ${nameOf()}`, COLUMNS, sorted(players)),
        ];
      }),
    ];
  },
};
