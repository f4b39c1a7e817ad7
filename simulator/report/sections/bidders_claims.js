// Every claim with what was found, and whether it holds.
import { isBidders, METRICS } from "../bidders.js";
import { el, missing } from "../lib/dom.js";
import { decimalsFor, inPercent, interval, number, signed } from "../lib/format.js";
import { table } from "../lib/table.js";

const MOST_CLAIMS = 500;
const SAME = "the same in every seed";
const LOOKS = { holds: ["yes", "✓ "], "does not hold": ["no", "✗ "] };

// As many decimals as the end of the interval needs that is nearest to 0, so that a verdict can be seen.
function decimalsOf(claim) {
  const ends = interval(claim.t95) ?? [];
  const least = METRICS[claim.metric]?.decimals ?? 0;
  const nearest = [...ends].sort((a, b) => Math.abs(a) - Math.abs(b)).slice(0, 1);
  return Math.max(least, Math.min(6, decimalsFor(nearest, 1)));
}
const shown = (claim, value) => (number(value) === null ? null : signed(value, decimalsOf(claim)));
const verdict = (claim) => claim.verdict ?? "not judged";
const label = (claim) => METRICS[claim.metric]?.label ?? claim.metric;

function rangeOf(claim) {
  const ends = interval(claim.t95);
  if (!ends) return null;
  return claim.verdict === SAME || ends[0] === ends[1] ? SAME : ends.map((end) => shown(claim, end)).join(" to ");
}

const COLUMNS = [
  { label: "Claim", text: (c) => c.claim, node: (c) => [c.claim, c.note ? el("small", null, c.note) : ""] },
  {
    label: "Verdict",
    text: verdict,
    node: (c) => el("span", { class: LOOKS[c.verdict]?.[0] }, LOOKS[c.verdict]?.[1] ?? "", verdict(c)),
  },
  { label: "Where", text: (c) => c.where },
  { label: "Of", text: (c) => c.who },
  { label: "Against", text: (c) => c.against },
  { label: "Measured by", text: (c) => `${label(c)}, ${c.better} is better` },
  { label: "Difference", number: true, text: (c) => shown(c, c.value), raw: (c) => c.value },
  { label: "95 % interval", number: true, text: rangeOf, raw: (c) => interval(c.t95)?.join(" ") },
  {
    label: "Relative",
    number: true,
    text: (c) => (number(c.relative) === null ? null : inPercent(c.relative, null).valueText),
    raw: (c) => c.relative,
  },
  { label: "Note", text: (c) => c.note },
];

export default {
  id: "claims",
  title: "Claims",
  holds: isBidders,
  draw(document) {
    const all = (Array.isArray(document.claims) ? document.claims : []).filter((claim) => claim?.claim);
    const claims = all.slice(0, MOST_CLAIMS);
    if (claims.length === 0) {
      return missing("This study makes no claim: its heads and bidders are none of those that there is one about.");
    }
    return [
      table(
        "Claims",
        COLUMNS.filter((column) => column.label !== "Note"),
        claims,
      ),
      el(
        "p",
        { class: "footnote" },
        "A claim holds where the whole interval of the difference says so; it does not hold where the interval says the " +
          "contrary; with 0 inside, the two are not told apart by so many seeds. What is the same in every seed, as where nothing " +
          "is trained, is one observation, and judged by no interval." +
          (all.length > claims.length ? ` ${all.length - claims.length} more claims are not shown.` : ""),
      ),
    ];
  },
};
