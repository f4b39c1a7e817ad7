// What was played, what came of it in a sentence, and the numbers that people look for first.
import { missing, paragraph } from "../lib/dom.js";
import { fixed, inPercent, number, plural, whole } from "../lib/format.js";
import { notesOf, tile, tilesOf } from "../lib/tiles.js";
import { auctionsOf, isRun, MOST_MODELS, runOf, sentence } from "../run.js";

function played(run) {
  const { config = {}, demo } = run.document;
  const market = config.market?.scenario ? `synthetic market ${config.market.scenario}` : null;
  const replay = config.replay?.db ? `the log ${config.replay.db}, snapshot ${config.replay.snapshot_id}` : null;
  const source = demo?.log?.source ?? market ?? replay ?? "source not stated";
  const parts = [
    `${auctionsOf(run.document)} (${source})`,
    `mechanism ${config.mechanism ?? "not stated"}`,
    `scorer ${config.scorer ?? "not stated"}`,
    plural(run.document.models.length, "model"),
  ];
  return paragraph(`Played: ${parts.join(", ")}.`, "played");
}

function differenceTile(name, comparison, meaning) {
  const shown = inPercent(comparison?.relative, comparison?.relative_ci95);
  return tile(name, shown.valueText, `95 % interval: ${shown.rangeText}`, meaning);
}

function tiles(run) {
  const find = (metric) => run.comparisons(metric).find(run.isPrimary);
  const welfare = find("welfare");
  if (!welfare) return null;
  const regret = find("regret");
  const removed = inPercent(regret?.regret_removed, regret?.regret_removed_ci95);
  const student = run.models.find(({ name }) => name === run.student);
  const list = [
    differenceTile("Welfare", welfare, `${run.student} against ${run.baseline}`),
    regret
      ? tile(
          "Regret removed",
          removed.valueText.replace(/^\+/, ""),
          `95 % interval: ${removed.rangeText.replace(/\+/g, "")}`,
          "share of what the baseline loses to a perfect ranking",
        )
      : tile("Regret removed", "not known", "", "where welfare is judged by clicks nobody knows the perfect ranking"),
    differenceTile("Revenue", find("revenue"), "what winners pay, against the same baseline"),
    tile(
      "Calibration of winners",
      fixed(number(student?.winner_calibration), 3),
      "1 is calibrated, more is too high",
      `predictions of ${run.student} over clicks, on the ads that won`,
    ),
  ];
  return tilesOf(list);
}

function remarks(run) {
  const { demo, missing: lost, shard } = run.document;
  const notes = (demo?.notes ?? []).map(String);
  if (!run.named && run.baseline) {
    notes.push(`The baseline of the headline is the best of the other models in this run, ${run.baseline}.`);
  }
  if (!demo) notes.push(`Welfare is judged by ${run.reference}.`);
  if (demo?.quick) notes.push("This was a quick run: fewer auctions, so wider intervals, than in a full one.");
  if (whole(lost) > 0) notes.push(`Calls failed: ${plural(lost, "outcome")} missing over all models.`);
  if (shard) notes.push(`This is shard ${shard} of a run, not all of it.`);
  if (run.left > 0) notes.push(`Of ${run.document.models.length} models the first ${MOST_MODELS} are shown.`);
  return notes;
}

function verdict(run) {
  const comparison = run.comparisons("welfare").find(run.isPrimary);
  const text = run.document.demo?.verdict ?? (comparison ? sentence(comparison) : null);
  return text === null
    ? missing("This run has one model, or no comparison of welfare: simulate two models or more to compare them.")
    : paragraph(text, "verdict");
}

export default {
  id: "overview",
  title: null,
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    return [played(run), verdict(run), tiles(run), notesOf(remarks(run))];
  },
};
