// What was studied, how much of it there is, and how many of its claims are met.
import { paragraph } from "../lib/dom.js";
import { fixed, plural, whole } from "../lib/format.js";
import { MOST_SCENARIOS } from "../lib/grid.js";
import { notesOf, tile, tilesOf } from "../lib/tiles.js";
import { isStudy, studyOf } from "../study.js";

const KINDS = [
  ["paper", "Claims of the paper", "what the method promises"],
  ["goal", "Goals", "set before the study"],
  ["heroic", "Heroic goals", "beyond what was promised"],
];

function tiles(document) {
  const of = (kind) => document.claims.filter((claim) => claim?.kind === kind);
  const one = ([kind, name, meaning]) => {
    const judged = of(kind).filter(({ holds }) => typeof holds === "boolean");
    const met = judged.filter(({ holds }) => holds).length;
    const open = of(kind).length - judged.length;
    return tile(
      name,
      `${met} of ${judged.length}`,
      judged.length === 1 ? "holds" : "hold",
      open > 0 ? `${meaning}; ${open} not measured` : meaning,
    );
  };
  return tilesOf(KINDS.filter(([kind]) => of(kind).length > 0).map(one));
}

// Fresh auctions of a market, as its seeds say: one number, or from the least to the most; null: none says it.
function auctionsIn(scenarios) {
  const losses = scenarios.flatMap((scenario) => scenario.losses);
  const seeds = losses.flatMap((loss) => (Array.isArray(loss.seeds) ? loss.seeds : []));
  const known = seeds.map((seed) => whole(seed?.auctions)).filter((auctions) => auctions !== null);
  if (known.length === 0) return null;
  const [lo, hi] = known.reduce(([a, b], auctions) => [Math.min(a, auctions), Math.max(b, auctions)], [Infinity, 0]);
  return lo === hi ? fixed(lo, 0) : `${fixed(lo, 0)} to ${fixed(hi, 0)}`;
}

// A control's small difference needs more of them.
function auctionsPlayed({ scenarios }) {
  const of = (control) => auctionsIn(scenarios.filter((scenario) => Boolean(scenario.control) === control));
  const [markets, controls] = [of(false), of(true)];
  if (markets === null && controls === null) return null;
  const text = `${markets ?? controls} fresh auctions played in each market`;
  const alike = markets === null || controls === null || markets === controls;
  return alike ? text : `${text}, ${controls} where it is a control`;
}

const MOST_NAMES = 5;
function listed(names) {
  const left = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(", ") + (left > 0 ? ` and ${fixed(left, 0)} more` : "");
}

// Keys of a mapping, those of mappings in it as a.b.
const keysOf = (settings, before = "") =>
  Object.entries(settings ?? {}).flatMap(([key, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? keysOf(value, `${before}${key}.`)
      : [before + key],
  );

// Whether losses differ in more than what they are trained by: variants and tuned losses may.
function sameTraining({ scenarios }) {
  const named = (does) => [
    ...new Set(
      scenarios.flatMap(({ losses }) =>
        losses.filter(({ settings }) => keysOf(settings).some(does)).map(({ name }) => String(name)),
      ),
    ),
  ];
  const networks = named((key) => key.startsWith("model."));
  const lengths = named((key) => key === "optimizer.epochs" || key === "optimizer.batch_auctions");
  if (networks.length + lengths.length === 0) {
    return "In a scenario every loss trains the same network for as many steps.";
  }
  const parts = [
    networks.length > 0 ? `another network for ${listed(networks)}` : null,
    lengths.length > 0 ? `other epochs or batches for ${listed(lengths)}` : null,
  ];
  return (
    "In a scenario losses train the same network for as many steps, but where their settings say otherwise: " +
    `${parts.filter(Boolean).join("; ")}.`
  );
}

export default {
  id: "overview",
  title: null,
  holds: isStudy,
  draw(document) {
    const study = studyOf(document);
    const config = document.config ?? {};
    const seeds = Array.isArray(config.seeds) ? config.seeds.length : null;
    const parts = [
      plural(document.scenarios.length, "scenario"),
      plural(study.names.length, "way") + " to train",
      seeds === null ? null : plural(seeds, "seed"),
      auctionsPlayed(study),
    ].filter(Boolean);
    return [
      paragraph(`Studied: ${parts.join(", ")}.`, "played"),
      tiles(document),
      notesOf(
        [
          sameTraining(study),
          "What a loss is compared with, the baseline, is the better of the two log losses: logloss@click or logloss@teacher, chosen in each seed " +
            "by welfare on validation.",
          "Welfare is judged by the true click probabilities, which synthetic markets know, on auctions that no model was trained, " +
            "validated or chosen on.",
          study.left > 0 ? `Of ${document.scenarios.length} scenarios the first ${MOST_SCENARIOS} are shown.` : null,
        ].filter(Boolean),
      ),
    ];
  },
};
