// What was compared over which time, which losses differ from the one they are compared with, and whether anybody beats buy
// and hold.
import { el, paragraph } from "../lib/dom.js";
import { brief, fixed, number, plural } from "../lib/format.js";
import { table } from "../lib/table.js";
import { notesOf, tile, tilesOf } from "../lib/tiles.js";
import { costText, isWalkforward, METRICS, nameOf, percentOf, sideOf, walkforwardOf, written } from "../walkforward.js";

const JUDGED = ["ir", "ir2"];
const NONE_OF_THEM = "none";

// Of pairs of results and what an interval says of them, by the side of 0 that it lies on.
function sides(pairs) {
  const of = (side) => pairs.filter(([, over]) => sideOf(over) === side).map(([result]) => result);
  return {
    above: of("above"),
    below: of("below"),
    judged: pairs.filter(([, over]) => sideOf(over) !== "unknown").length,
  };
}

function verdictsOf(study) {
  return study.costs.flatMap(({ key, cost }) => {
    const results = study.results.filter(({ costKey }) => costKey === key);
    return JUDGED.map((metric) => ({
      cost,
      metric,
      against: sides(results.filter(({ against }) => against).map((result) => [result, result.against[metric]])),
      hold: sides(results.map((result) => [result, result.over[`${metric}_over_hold`]])),
    }));
  });
}

const count = (list) => (list.length === 0 ? NONE_OF_THEM : fixed(list.length, 0));
const start = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// One sentence for each cost.
function sentence(study, cost, verdicts) {
  const mine = verdicts.filter((one) => one.cost === cost);
  if (mine.every(({ against, hold }) => against.judged + hold.judged === 0)) {
    return `${start(costText(cost))}: nothing can be told from chance, for there are no intervals over seeds.`;
  }
  const differ = mine
    .filter(({ against }) => against.judged > 0)
    .map(({ metric, against: { above, below, judged } }, i) =>
      i === 0
        ? `by ${METRICS[metric].label}, ${count(above)} of ${fixed(judged, 0)} ${above.length < 2 ? "is" : "are"} above ${study.against} and ${count(below)} below`
        : `by ${METRICS[metric].label}, ${count(above)} above and ${count(below)} below`,
    );
  const beaten = mine
    .filter(({ hold }) => hold.judged > 0)
    .map(({ metric, hold }) => `${count(hold.above)} of ${fixed(hold.judged, 0)} by ${METRICS[metric].label}`);
  const parts = [
    differ.length > 0 ? `${differ.join("; ")}.` : "",
    beaten.length > 0 ? `${differ.length > 0 ? "Above" : "above"} buy and hold, over seeds, on this one path: ${beaten.join(", ")}.` : "",
  ];
  return `${start(costText(cost))}: ${parts.filter(Boolean).join(" ")}`;
}

// Losses with the models that they are said of.
function listed(study, results, judged) {
  if (results.length === 0) return NONE_OF_THEM;
  if (results.length === judged && judged > 2) return `all ${fixed(judged, 0)}`;
  const losses = [...new Set(results.map(({ loss }) => loss))];
  const models = (name) => results.filter(({ loss }) => loss === name).map(({ model }) => model);
  const one = (name) => (models(name).length === study.models.length ? "every model" : models(name).join(", "));
  return losses.map((name) => (study.models.length > 1 ? `${name} (${one(name)})` : name)).join(", ");
}
const verdictTable = (study, verdicts) => {
  const judged = (one, side) => (one.judged === 0 ? "not known" : listed(study, one[side], one.judged));
  return table(
    "Verdicts",
    [
      { label: "Costs", text: ({ cost }) => (cost === 0 ? "none" : percentOf(cost)), raw: ({ cost }) => cost },
      { label: "By", text: ({ metric }) => METRICS[metric].label },
      { label: `Above ${study.against}`, text: ({ against }) => judged(against, "above") },
      { label: `Below ${study.against}`, text: ({ against }) => judged(against, "below") },
      { label: "Above buy and hold", text: ({ hold }) => judged(hold, "above") },
      { label: "Below buy and hold", text: ({ hold }) => judged(hold, "below") },
    ],
    verdicts,
  );
};

function studied(study) {
  const { series } = study.config;
  const [first, last] = [study.windows[0]?.out_of_sample?.first, study.windows.at(-1)?.out_of_sample?.last];
  const periods = study.results
    .flatMap(({ seeds }) => seeds.map((seed) => number(seed.periods)))
    .find((n) => n !== null);
  const parts = [
    series?.file ? `${series.file}${series.price ? `, column ${series.price}` : ""}` : null,
    plural(study.models.length, "model"),
    `${fixed(study.losses.length, 0)} ${study.losses.length === 1 ? "loss" : "losses"}`,
    plural(study.seeds, "seed"),
    study.windows.length > 0 ? plural(study.windows.length, "window") : null,
    first && last ? `out of sample from ${first} to ${last}` : null,
    periods ? plural(periods, "period") : null,
  ];
  return paragraph(`Compared: ${parts.filter(Boolean).join(", ")}.`, "played");
}

function tiles(study) {
  return tilesOf(
    study.costs.flatMap(({ key, cost }) => {
      const hold = study.hold(key);
      const known = study.results.filter(({ costKey, over }) => costKey === key && number(over.ir?.mean) !== null);
      const best = known.reduce((a, b) => (a === null || b.over.ir.mean > a.over.ir.mean ? b : a), null);
      const shown = best && written("ir", best.over.ir.mean, best.over.ir.t95);
      return [
        hold &&
          tile(
            `Buy and hold, ${costText(cost)}`,
            written("ir", hold.ir).valueText,
            `IR*; IR** ${written("ir2", hold.ir2).valueText}`,
            `ARC ${percentOf(hold.arc) ?? "not known"}, maximum drawdown ${percentOf(hold.max_drawdown) ?? "not known"}`,
          ),
        best &&
          tile(
            `Greatest mean IR*, ${costText(cost)}`,
            shown.valueText,
            shown.lo === null ? "interval not defined" : `95 % interval ${shown.rangeText}`,
            `${nameOf(study, best)}; the best of ${fixed(known.length, 0)} looks better than it is`,
          ),
      ].filter(Boolean);
    }),
  );
}

function notes(study, verdicts) {
  const intervals = verdicts.reduce((sum, { against }) => sum + against.judged, 0);
  const held = verdicts.some(({ hold }) => hold.judged > 0);
  const seeds = study.results.flatMap((result) => result.seeds);
  const bankrupt = seeds.filter((seed) => seed.bankrupt !== null && seed.bankrupt !== undefined).length;
  const diverged = seeds.reduce((sum, seed) => sum + (number(seed.diverged) ?? 0), 0);
  return notesOf(
    [
      "Candidates, epochs and thresholds were chosen on each window's validation part, at the first of the costs but for thresholds, which are chosen " +
        "at each; what is shown is out of sample, all windows behind one another.",
      study.seeds > 1
        ? "Intervals are Student's t of 95 % over the seeds: what other initial weights would give on this series. Nothing is said of other series or times."
        : "With one seed there are no intervals: nothing is said of what other initial weights would give.",
      intervals > 0
        ? `The table holds ${fixed(intervals, 0)} intervals of differences to ${study.against}: if no loss differed, about ${brief(0.05 * intervals, 2)} of them would leave out 0 by chance.`
        : null,
      held
        ? "Nothing like this is known of intervals of differences to buy and hold, which has no seeds: networks without skill, too, agree on the luck of this " +
          "path, so that far more of them leave out 0."
        : null,
      "IR* = ARC / ASD, the annualised compounded return over the annualised standard deviation; IR** = IR* x |ARC| / maximum drawdown.",
      bankrupt > 0
        ? `Bankrupt, with an equity of 0 from there on: ${fixed(bankrupt, 0)} of ${plural(seeds.length, "run")}.`
        : null,
      diverged > 0 ? `${plural(diverged, "training")} diverged, and kept the best epoch before.` : null,
      study.left > 0
        ? `Of ${study.document.results.length} results the first ${study.results.length} are shown.`
        : null,
    ].filter(Boolean),
  );
}

export default {
  id: "overview",
  title: null,
  holds: isWalkforward,
  draw(document) {
    const study = walkforwardOf(document);
    const verdicts = verdictsOf(study);
    return [
      studied(study),
      el(
        "div",
        { class: "verdict" },
        study.costs.map(({ cost }) => paragraph(sentence(study, cost, verdicts))),
      ),
      tiles(study),
      el("h3", null, "By the intervals over seeds"),
      verdictTable(study, verdicts),
      notes(study, verdicts),
    ];
  },
};
