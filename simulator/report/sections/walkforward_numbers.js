// All numbers, of every model, loss and cost.
import { el, missing } from "../lib/dom.js";
import { brief, fixed, interval, number } from "../lib/format.js";
import { table } from "../lib/table.js";
import { isWalkforward, percentOf, walkforwardOf, written } from "../walkforward.js";

const share = (label, key, title) => ({
  label,
  title,
  number: true,
  text: (row) => percentOf(row.mean(key), key.startsWith("share") || key.startsWith("random") ? 1 : 2),
  raw: (row) => row.mean(key),
});
const ratio = (label, key, title) => ({
  label,
  title,
  number: true,
  text: (row) => written("ir", row.mean(key)).valueText.replace("not defined", "–"),
  raw: (row) => row.mean(key),
});
const range = (key) => ({
  label: "95 % interval",
  number: true,
  text: (row) => (row.range(key) ? written(key, row.mean(key), row.range(key)).rangeText.replaceAll("+", "") : null),
  raw: (row) => row.range(key)?.join(" "),
});

const COLUMNS = [
  { label: "Model", text: (row) => row.model },
  { label: "Loss", text: (row) => row.loss },
  { label: "Costs", number: true, text: (row) => percentOf(row.cost), raw: (row) => row.cost },
  share("ARC", "arc", "Annualised return, compounded"),
  range("arc"),
  share("ASD", "asd", "Annualised standard deviation"),
  ratio("IR*", "ir", "ARC / ASD"),
  range("ir"),
  ratio("IR**", "ir2", "IR* x |ARC| / maximum drawdown"),
  range("ir2"),
  share("Maximum drawdown", "max_drawdown"),
  {
    label: "Final equity",
    number: true,
    text: (row) => brief(row.mean("final_equity")),
    raw: (row) => row.mean("final_equity"),
  },
  { label: "Trades", number: true, text: (row) => fixed(row.mean("trades"), 0), raw: (row) => row.mean("trades") },
  share("Long", "share_long", "Share of the periods"),
  share("Short", "share_short", "Share of the periods"),
  share("Random trades it beats", "random_ir_quantile", "By IR*; about 50 % is chance, with costs not exactly: draws trade as often, not as many units"),
];

// Buy and hold first, then the results at the same costs.
function rowsOf(study) {
  return study.costs.flatMap(({ key, cost }) => {
    const hold = study.hold(key);
    const held = hold && { hold: true, model: "buy and hold", cost, mean: (of) => number(hold[of]), range: () => null };
    const results = study.results
      .filter(({ costKey }) => costKey === key)
      .map(({ model, loss, over }) => ({
        model,
        loss,
        cost,
        mean: (of) => number(over[of]?.mean),
        range: (of) => interval(over[of]?.t95),
      }));
    return [held, ...results].filter(Boolean);
  });
}

export default {
  id: "numbers",
  title: "All numbers",
  holds: isWalkforward,
  draw(document) {
    const rows = rowsOf(walkforwardOf(document));
    if (rows.length === 0) return missing("There is no result in this document.");
    return [
      table("Results", COLUMNS, rows, { mark: ({ hold }) => hold }),
      el(
        "p",
        { class: "footnote" },
        "Means over the seeds. Final equity is an arithmetic mean; the curves' is a geometric one.",
      ),
    ];
  },
};
