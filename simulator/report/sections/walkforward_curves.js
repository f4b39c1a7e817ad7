// Equity and drawdown over the time out of sample, below each other with the same time axis.
import { chart } from "../lib/chart.js";
import { el, missing } from "../lib/dom.js";
import { brief, fixed, number, plural, SPACE } from "../lib/format.js";
import { chosen } from "../lib/grid.js";
import { domainOf } from "../lib/lines.js";
import { timeline } from "../lib/timeline.js";
import {
  chosenResults,
  costOf,
  costText,
  HOLD,
  isWalkforward,
  MOST_POINTS,
  moment,
  percentOf,
  pickers,
  walkforwardOf,
} from "../walkforward.js";

const numbers = (list) => (Array.isArray(list) ? list.map(number) : []);

// Where points stand: in milliseconds where every time is known, else by their number.
function timesOf(document) {
  const all = Array.isArray(document.curves?.time) ? document.curves.time : [];
  const texts = all.slice(0, MOST_POINTS).map(String);
  const moments = texts.map(moment);
  const dated = texts.length > 0 && moments.every((at) => at !== null);
  const every = number(document.curves?.every) ?? 1;
  return {
    texts,
    left: all.length - texts.length,
    dated,
    every,
    at: dated ? moments : texts.map((_, i) => (i + 1) * every),
  };
}

// What is drawn of the chosen model at the chosen costs: [{key, name, equity, ...}].
function curvesOf(study) {
  const hold = study.hold(study.choice.cost)?.curve;
  return [
    { key: HOLD, name: "buy and hold", curve: hold },
    ...chosenResults(study).map(({ loss, curve, seeds }) => ({
      key: `loss ${loss}`,
      name: loss,
      curve,
      seeds: seeds.length,
    })),
  ]
    .filter(({ curve }) => curve !== null && typeof curve === "object")
    .map(({ curve, ...one }) => ({
      ...one,
      equity: numbers(curve.equity),
      least: numbers(curve.equity_least),
      greatest: numbers(curve.equity_greatest),
      drawdown: numbers(curve.drawdown),
      deepest: numbers(curve.drawdown_greatest),
    }));
}

function equityRows({ texts, at }, curves) {
  return curves.flatMap(({ key, name, equity, least, greatest, seeds }) =>
    texts.flatMap((time, i) => {
      const y = equity[i] ?? null;
      if (!(y > 0)) return []; // lost: a logarithm has no place for 0
      const many = seeds > 1 && least[i] > 0 && greatest[i] > 0;
      const range = many ? `\nseeds from ${brief(least[i])} to ${brief(greatest[i])}` : "";
      const say = `${name}\n${time}\nequity ${brief(y, 4)}${range}`;
      return [{ series: key, name, time, x: at[i], y, lo: many ? least[i] : null, hi: many ? greatest[i] : null, say }];
    }),
  );
}

function drawdownRows({ texts, at, every }, curves) {
  const of = every > 1 ? `deepest of ${every} periods` : "drawdown";
  return curves.flatMap(({ key, name, drawdown, deepest, seeds }) =>
    texts.flatMap((time, i) => {
      const share = drawdown[i] ?? null;
      if (share === null) return [];
      const many = seeds > 1 && (deepest[i] ?? null) !== null;
      const range = many ? `\ngreatest of a seed ${percentOf(deepest[i], 1)}` : "";
      const say = `${name}\n${time}\n${of}: ${percentOf(share, 1)}${range}`;
      const y = -100 * share;
      return [{ series: key, name, time, x: at[i], y, lo: many ? -100 * deepest[i] : null, hi: many ? y : null, say }];
    }),
  );
}

const timeColumns = (label, written) => [
  { label: "Loss", text: (row) => row.name },
  { label: "Time", text: (row) => row.time },
  { label, number: true, text: written, raw: (row) => row.y },
];

function charts(study, times) {
  const curves = curvesOf(study);
  const where = `${study.choice.model}, ${costText(costOf(study))}`;
  const [equity, drawdown] = [equityRows(times, curves), drawdownRows(times, curves)];
  const x = { dated: times.dated, domain: [times.at[0], times.at.at(-1)] };
  const series = (rows) => study.series.filter(({ key }) => rows.some((row) => row.series === key));
  const shown = (rows, context) => rows.filter((row) => context.series.some(({ key }) => key === row.series));
  const domain = (rows) =>
    domainOf(
      [1, ...rows.flatMap((row) => [row.y, row.lo, row.hi])].filter((value) => value > 0),
      1.03,
    );
  const thinned =
    (times.every > 1 ? ` A point stands for ${plural(times.every, "period")}.` : "") +
    (times.left > 0
      ? ` Of ${times.texts.length + times.left} points of a curve the first ${times.texts.length} are drawn.`
      : "");
  const many = study.seeds > 1;
  const lost = curves.filter(({ equity: values }) => values.some((value) => value === 0)).map(({ name }) => name);
  return [
    chart({
      title: `Equity out of sample: ${where}`,
      caption:
        "What 1 at the start has become, on a logarithmic axis: where a line is steeper, more is earned." +
        (many ? " Lines are geometric means over the seeds, bands reach from the least seed to the greatest." : "") +
        thinned +
        (lost.length > 0 ? ` Where a seed has lost everything the mean is 0, and no line: ${lost.join(", ")}.` : ""),
      build: (context) =>
        timeline(
          equity,
          {
            x,
            y: { title: "equity", log: true, domain: domain(shown(equity, context)), format: "~g" },
            level: 1,
            height: 360,
          },
          context,
        ),
      series: series(equity),
      selection: study.selection,
      columns: timeColumns("Equity", (row) => brief(row.y, 4)),
      rows: equity,
      empty: "There is no equity of this model at these costs in this document.",
    }),
    chart({
      title: `Drawdown out of sample: ${where}`,
      caption:
        "How far equity is below its highest so far." +
        (many
          ? " Lines are means over the seeds of each one's drawdown, bands reach down to the seed that lost most."
          : "") +
        (times.every > 1
          ? ` A point is the deepest since the point before, so that the lowest ${many ? "of a band" : "point"} is the maximum drawdown.`
          : ""),
      build: (context) =>
        timeline(drawdown, { x, y: { title: "drawdown, %", zero: true, nice: true }, height: 220 }, context),
      series: series(drawdown),
      selection: study.selection,
      columns: timeColumns("Drawdown", (row) => `${fixed(row.y, 1)}${SPACE}%`),
      rows: drawdown,
      empty: "There is no drawdown of this model at these costs in this document.",
    }),
  ];
}

export default {
  id: "curves",
  title: "Equity and drawdown",
  holds: isWalkforward,
  draw(document) {
    const study = walkforwardOf(document);
    const times = timesOf(document);
    if (times.texts.length === 0) {
      return missing(
        "This document has no curves: it was written before there were any. The same `vickrey study walkforward` on the same folder adds them, " +
          "and trains nothing again.",
      );
    }
    return [
      el("div", { class: "controls" }, pickers(study)),
      chosen(study, () => el("div", { class: "stack" }, charts(study, times))),
    ];
  },
};
