// What was studied, how much of it there is, and how many of its claims hold.
import { biddersOf, isBidders } from "../bidders.js";
import { paragraph } from "../lib/dom.js";
import { fixed, number, plural } from "../lib/format.js";
import { notesOf, tile, tilesOf } from "../lib/tiles.js";

const KINDS = [
  ["forecast", "Forecasts", "number-token losses against cross-entropy, and what is known of a price at all"],
  ["decision", "Decisions", "gmadl against mse, the truthful bid and chance, at the second price"],
  ["bid", "Bids", "bids by a distribution at the first price"],
  ["pacing", "Pacing", "with a tight budget"],
];

const SAME = "the same in every seed";

function tiles(claims) {
  const one = ([kind, name, meaning]) => {
    const of = claims.filter((claim) => claim?.kind === kind);
    const count = (verdict) => of.filter((claim) => claim.verdict === verdict).length;
    const [no, open] = [count("does not hold"), count("not told apart")];
    const judged = count("holds") + no + open;
    const same = count(SAME); // one observation, so not judged
    const sames = same > 0 ? `${same} ${SAME}` : null;
    const rest = [no > 0 ? `${no} not` : null, open > 0 ? `${open} not told apart` : null, sames]
      .filter(Boolean)
      .join(", ");
    if (judged === 0 && sames) return tile(name, "–", sames, meaning);
    if (judged === 0) return tile(name, "–", "not judged", "an interval needs two seeds");
    return tile(name, `${count("holds")} of ${judged}`, `hold${rest ? `; ${rest}` : ""}`, meaning);
  };
  return tilesOf(KINDS.filter(([kind]) => claims.some((claim) => claim?.kind === kind)).map(one));
}

// What a log with floors says of rows that are not taken as they are.
function aside(log) {
  const of = (key) => number(log[key]) ?? 0;
  const said = (n, what) => (n > 0 ? ` ${fixed(n, 0)} ${n === 1 ? "is" : "are"} ${what}.` : "");
  return (
    said(of("left_out"), "left out of the newer log, since the training log goes on after them") +
    said(of("raised"), "counted as paid at their floor, a little above what they are said to have paid")
  );
}

export default {
  id: "overview",
  title: null,
  holds: isBidders,
  draw(document) {
    const view = biddersOf(document);
    const { config = {}, log = {} } = document;
    const rows = (value) => (number(value) === null ? "?" : fixed(value, 0));
    const seeds = Array.isArray(config.seeds) ? config.seeds.length : null;
    const players = new Set(view.bidders.map(({ name }) => name)).size;
    const parts = [
      plural(view.heads.length, "head"),
      `${plural(players, "bidder")} in ${plural(view.settings.length, "setting")} of fee, budget and pacing`,
      seeds === null ? null : plural(seeds, "seed"),
    ].filter(Boolean);
    return [
      paragraph(
        `Studied: ${parts.join(", ")}. ${rows(log.train_rows)} impressions trained on, ${rows(log.validation_rows)} chosen on, ` +
          `${rows(log.test_rows)} newer ones judged on.${aside(log)}`,
        "played",
      ),
      tiles(Array.isArray(document.claims) ? document.claims : []),
      notesOf(
        [
          "Claims are the same for every log, whatever comes out. Each is judged by the 95 % interval of a difference, seed by " +
            "seed; nothing is corrected for how many claims there are.",
          "Intervals are over seeds: they say what another training on this log would give. The log's own noise is in none of " +
            "them, and nothing is said of other logs or times.",
          "Prices and money are in the unit of the log's prices. Profit is by the modelled value of a click: few clicks make " +
            "that by clicks noisy.",
          view.left > 0 ? `${fixed(view.left, 0)} rows of this document are too many to be shown.` : null,
        ].filter(Boolean),
      ),
    ];
  },
};
