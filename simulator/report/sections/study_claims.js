// Every claim with what was found, and whether it holds.
import { el, missing } from "../lib/dom.js";
import { brief, inPercent, interval, number } from "../lib/format.js";
import { table } from "../lib/table.js";
import { isStudy } from "../study.js";

const MOST_CLAIMS = 500;
const WORDS = { true: ["holds", "yes", "✓ "], false: ["does not hold", "no", "✗ "] };

function found(claim) {
  const value = number(claim.value);
  if (value === null) return "not measured";
  if (claim.unit === "share") return inPercent(value, claim.ci95).valueText;
  const unit = { factor: "", seeds: " seeds", "cpu seconds per point": " s per point" }[claim.unit] ?? ` ${claim.unit}`;
  return brief(value) + unit;
}

function rangeOf(claim) {
  const ends = interval(claim.ci95);
  if (!ends) return null;
  return claim.unit === "share" ? inPercent(claim.value, ends).rangeText : ends.map((end) => brief(end)).join(" to ");
}

function verdict(claim) {
  return WORDS[claim.holds]?.[0] ?? (claim.goal ? "not measured" : "no goal");
}

const COLUMNS = [
  { label: "Claim", text: (c) => c.claim, node: (c) => [c.claim, c.note ? el("small", null, c.note) : ""] },
  { label: "Kind", text: (c) => c.kind },
  { label: "Scenario", text: (c) => c.where },
  { label: "Loss", text: (c) => c.loss },
  { label: "Against", text: (c) => c.against, title: "baseline: the better log loss; rival: the best bid_logloss" },
  { label: "Found", number: true, text: found, raw: (c) => c.value },
  { label: "95 % interval", number: true, text: rangeOf, raw: (c) => interval(c.ci95)?.join(" ") },
  { label: "Goal", text: (c) => c.goal },
  {
    label: "Holds",
    text: verdict,
    node: (c) => el("span", { class: WORDS[c.holds]?.[1] }, WORDS[c.holds]?.[2] ?? "", verdict(c)),
  },
  { label: "Auctions", number: true, text: (c) => c.auctions, title: "Paired test auctions behind it, over all seeds" },
  { label: "Note", text: (c) => c.note },
];

export default {
  id: "claims",
  title: "Claims and goals",
  holds: isStudy,
  draw(document) {
    const claims = document.claims.filter((claim) => claim?.kind !== "cost").slice(0, MOST_CLAIMS);
    if (claims.length === 0) return missing("This study makes no claim: none of its scenarios and losses has one.");
    const seen = COLUMNS.filter(({ label }) => label !== "Note");
    return [
      table("Claims", seen, claims),
      el(
        "p",
        { class: "footnote" },
        "Intervals are Student's t over seeds. A claim that does not hold may be false, or have too few seeds and auctions " +
          "behind it: its interval says which.",
      ),
    ];
  },
};
