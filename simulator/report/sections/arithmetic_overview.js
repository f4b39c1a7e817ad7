// What was studied, which claims hold, and how much chance alone would tell apart.
import { arithmeticOf, isArithmetic } from "../arithmetic.js";
import { paragraph } from "../lib/dom.js";
import { brief, fixed, number, plural } from "../lib/format.js";
import { notesOf, tile, tilesOf } from "../lib/tiles.js";

function countsOf(document) {
  const claims = Array.isArray(document.claims) ? document.claims : [];
  const of = (verdict) => claims.filter((claim) => claim?.verdict === verdict).length;
  return { all: claims.length, hold: of("holds"), not: of("does not hold"), open: of("not told apart") };
}

function verdict({ all, hold, not, open }) {
  if (all === 0) return null;
  if (open === all) return `None of the ${fixed(all, 0)} claims can be told from chance, neither way.`;
  const parts = [
    `Of ${plural(all, "claim")} ${hold === 0 ? "none" : fixed(hold, 0)} ${hold < 2 ? "holds" : "hold"}`,
    not > 0 ? `of ${fixed(not, 0)} the opposite was found` : "of none the opposite was found",
    `${fixed(open, 0)} cannot be told from chance`,
  ];
  return `${parts.join(", ")}.`;
}

function tiles(document, counts) {
  const { intervals, miss_zero: miss, by_chance: chance } = document.chance ?? {};
  const list = [];
  if (counts.all > 0) {
    list.push(
      tile("Claims that hold", `${counts.hold} of ${counts.all}`, "", "better answers to what was not trained on"),
      tile("The opposite", `${counts.not} of ${counts.all}`, "", "the interval lies on the other side of 0"),
    );
  }
  if (number(intervals) !== null && intervals > 0) {
    list.push(
      tile(
        "Told apart",
        `${fixed(miss, 0)} of ${fixed(intervals, 0)}`,
        `${brief(chance, 2)} by chance`,
        "differences in accuracy and mean error, of all splits, whose interval misses 0",
      ),
    );
  }
  return tilesOf(list);
}

export default {
  id: "overview",
  title: null,
  holds: isArithmetic,
  draw(document) {
    const study = arithmeticOf(document);
    const counts = countsOf(document);
    const seeds = Array.isArray(study.config.seeds) ? plural(study.config.seeds.length, "seed") : null;
    const parts = [
      study.tasks.join(" and "),
      `${fixed(study.losses.length, 0)} ${study.losses.length === 1 ? "loss" : "losses"} of digits`,
      seeds,
    ].filter(Boolean);
    const said = verdict(counts);
    return [
      paragraph(`Studied: ${parts.join(", ")}.`, "played"),
      said ? paragraph(said, "verdict") : null,
      tiles(document, counts),
      notesOf(
        [
          `A small transformer writes the results of generated problems digit by digit. Losses are compared with ${study.against} of the same ` +
            "seed: the same problems, batches and first weights.",
          "Claims are what number-token losses promise, the same in every study, of problems that were not trained on: interpolation, in the trained " +
            "range, and extrapolation, above it. One holds where the 95 % interval lies on its side of 0.",
          "An answer that is no number counts as 0 in errors. A few answers with a digit too many or too few decide most of the mean absolute error; " +
            "the median is beside it.",
          study.failed > 0 ? `${plural(study.failed, "training")} exploded and count nowhere.` : null,
          study.left > 0 ? `${plural(study.left, "result")} of the document are not shown.` : null,
        ].filter(Boolean),
      ),
    ];
  },
};
