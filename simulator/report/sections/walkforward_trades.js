// How often positions change, by loss, its parameters and costs.
import { chart } from "../lib/chart.js";
import { el } from "../lib/dom.js";
import { forest } from "../lib/forest.js";
import { fixed, interval, number } from "../lib/format.js";
import { chosen } from "../lib/grid.js";
import { costText, isWalkforward, percentOf, pickers, settingsOf, walkforwardOf } from "../walkforward.js";

const MOST_ROWS = 60;

function rowsOf(study) {
  const mine = study.results.filter(({ model }) => model === study.choice.model);
  const order = ({ loss, costKey }) =>
    study.losses.indexOf(loss) * study.costs.length + study.costs.findIndex(({ key }) => key === costKey);
  return [...mine]
    .sort((a, b) => order(a) - order(b))
    .map((result) => {
      const { mean, t95 } = result.over.trades ?? {};
      // A number of trades is not below 0, whatever Student's t says of it.
      const ends = interval(t95)?.map((end) => Math.max(0, end));
      const of = `${result.loss}, ${result.model}, ${costText(result.cost)}`;
      const rangeText = ends ? `${fixed(ends[0], 0)} to ${fixed(ends[1], 0)}` : "interval not defined";
      return {
        result,
        name:
          study.costs.length > 1 ? `${result.loss}, ${costText(result.cost).replace("costs of ", "")}` : result.loss,
        primary: result.costKey === study.choice.cost,
        value: number(mean),
        lo: ends?.[0] ?? null,
        hi: ends?.[1] ?? null,
        valueText: fixed(mean, 0),
        rangeText,
        settings: settingsOf(study, result.loss),
        points: result.seeds
          .filter((seed) => number(seed.trades) !== null)
          .map((seed) => ({ value: seed.trades, say: `${of}, seed ${seed.seed}\n${fixed(seed.trades, 0)} trades` })),
        say: `${of}\nmean ${fixed(mean, 0)} trades\n95 % interval ${rangeText}`,
      };
    })
    .filter(({ value }) => value !== null);
}

const shareOf = (key) => (row) => percentOf(row.result.over[key]?.mean, 1);

const COLUMNS = [
  { label: "Loss and costs", text: (row) => row.name },
  { label: "Settings of its own", text: (row) => row.settings },
  { label: "Trades", number: true, text: (row) => row.valueText, raw: (row) => row.value },
  { label: "95 % interval", number: true, text: (row) => row.rangeText },
  { label: "Long", number: true, text: shareOf("share_long"), raw: (row) => row.result.over.share_long?.mean },
  { label: "Short", number: true, text: shareOf("share_short"), raw: (row) => row.result.over.share_short?.mean },
  { label: "Flat", number: true, text: shareOf("share_flat"), raw: (row) => row.result.over.share_flat?.mean },
];

export default {
  id: "trades",
  title: "Number of trades",
  holds: isWalkforward,
  draw(document) {
    const study = walkforwardOf(document);
    return [
      el("div", { class: "controls" }, pickers(study)),
      chosen(study, () => {
        const all = rowsOf(study);
        const rows = all.slice(0, MOST_ROWS);
        return chart({
          title: `Trades by loss and costs: ${study.choice.model}`,
          caption:
            "Changes of the position out of sample, from long to short is one. Diamonds are means over seeds and bars their 95 % intervals by Student's t; each " +
            "small circle is one seed. The chosen costs are in colour. Numbers has the parameters of each loss, and the shares of time that it was long and short." +
            (all.length > rows.length ? ` Of ${all.length} rows the first ${rows.length} are drawn.` : ""),
          build: (context) => forest(rows, "trades", context),
          columns: COLUMNS,
          rows,
          empty: "The number of trades is not in this document.",
        });
      }),
    ];
  },
};
