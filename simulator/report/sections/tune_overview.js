// What was searched, whether anything better than the defaults was found, and whether it is better on fresh auctions.
import { paragraph } from "../lib/dom.js";
import { brief, fixed, plural } from "../lib/format.js";
import { MOST_SCENARIOS } from "../lib/grid.js";
import { notesOf, tile, tilesOf } from "../lib/tiles.js";
import { gainOf, isTune, tuneOf } from "../tune.js";

const seedsOf = (list) => (Array.isArray(list) ? plural(list.length, "seed") : "seeds not stated");
const METHODS = { random: "random search", halving: "successive halving" };

function searched({ document, config, names, full }) {
  const parts = [
    METHODS[config.method] ?? `method ${config.method ?? "not stated"}`,
    plural(document.scenarios.length, "scenario"),
    `${fixed(names.length, 0)} ${names.length === 1 ? "loss" : "losses"}`,
    config.budget
      ? `a budget of ${plural(config.budget, "full training")} for each loss on each of ${seedsOf(config.seeds)}`
      : null,
    full > 0 ? `${plural(full, "epoch")} in a full one` : null,
  ];
  return paragraph(`Searched: ${parts.filter(Boolean).join(", ")}.`, "played");
}

// Of the searches that selected something else than the defaults: how many gain on fresh auctions, by their intervals.
function outcome(tune) {
  const better = tune.searches.filter(({ selected, stays }) => selected && !stays);
  const rows = better.map((search) => gainOf(search, search.name, false));
  return {
    better: better.length,
    tested: rows.filter(({ gain }) => gain !== null).length,
    gained: rows.filter(({ lo }) => lo !== null && lo > 0).length,
    lost: rows.filter(({ hi }) => hi !== null && hi < 0).length,
    open: rows.filter(({ gain, lo }) => gain !== null && lo === null).length,
  };
}

function verdict(tune, { better, tested, gained, lost, open }) {
  const of = tune.searches.length;
  const found =
    `Settings that validate better than the defaults were found in ${fixed(better, 0)} of ${fixed(of, 0)} ` +
    (of === 1 ? "search" : "searches");
  if (better === 0 || tested === 0) return `${found}.`;
  if (open === tested) return `${found}; with one test seed nothing says whether they gain on fresh auctions.`;
  return (
    `${found}; on fresh auctions ${gained === 0 ? "none" : fixed(gained, 0)} of these ` +
    `${gained < 2 ? "gains" : "gain"} more than chance gives` +
    (lost > 0 ? `, and ${fixed(lost, 0)} ${lost === 1 ? "loses" : "lose"}.` : ".")
  );
}

// The same for every loss, or from the least to the most.
function spentOf(searches) {
  const known = searches.map(({ spent }) => spent).filter((spent) => spent !== null);
  if (known.length === 0) return ["not known", ""];
  const [lo, hi] = [Math.min(...known), Math.max(...known)];
  if (lo === hi) return [brief(lo), "the same for every loss"];
  return [`${brief(lo)} to ${brief(hi)}`, "not the same for every loss"];
}

function tiles(tune, { better, tested, gained, open }) {
  const trials = tune.searches.reduce((sum, search) => sum + search.trials.length, 0);
  const failed = tune.searches.reduce((sum, search) => sum + search.failed, 0);
  const [spent, alike] = spentOf(tune.searches);
  return tilesOf([
    tile(
      "Better on validation",
      `${better} of ${tune.searches.length}`,
      "searches",
      "selected something else than the defaults",
    ),
    tile(
      "Better on fresh auctions",
      tested > open ? `${gained} of ${tested - open}` : "not known",
      "of these",
      "the 95 % interval of the gain is above 0",
    ),
    tile("Spent by each loss", spent, "full trainings on each seed", alike),
    tile("Settings tried", fixed(trials, 0), "in all searches", `${plural(failed, "training")} of them failed`),
  ]);
}

export default {
  id: "overview",
  title: null,
  holds: isTune,
  draw(document) {
    const tune = tuneOf(document);
    const found = outcome(tune);
    const { config } = tune;
    const fresh = config.auctions ? `${fixed(config.auctions, 0)} fresh auctions of each of ` : "fresh auctions of ";
    return [
      searched(tune),
      tune.searches.length > 0 ? paragraph(verdict(tune, found), "verdict") : null,
      tiles(tune, found),
      notesOf(
        [
          "Selected is what has the best score on validation, of all that was trained in full: the mean over seeds of welfare as a share of the " +
            "best possible. Where nothing is better, the defaults stay.",
          `Selected settings and defaults were then trained anew and played on ${fresh}${seedsOf(config.test_seeds)} that chose nothing: only ` +
            "those say what tuning gained, since a best of many looks better on what it was chosen by than it is.",
          tune.left > 0 ? `Of ${document.scenarios.length} scenarios the first ${MOST_SCENARIOS} are shown.` : null,
        ].filter(Boolean),
      ),
    ];
  },
};
