// Every claim with what was found.
import { isArithmetic, written } from "../arithmetic.js";
import { el, missing } from "../lib/dom.js";
import { interval } from "../lib/format.js";
import { table } from "../lib/table.js";

const MOST_CLAIMS = 500;
const LOOKS = { holds: ["yes", "✓ "], "does not hold": ["no", "✗ "] };

const shown = (claim) => written(claim.metric, claim.value, claim.t95, true);

const COLUMNS = [
  {
    label: "Claim",
    text: (c) => `${c.loss} ${c.claim}: ${c.task}, ${c.split}`,
    node: (c) => [`${c.loss} ${c.claim}`, el("small", null, `${c.task}, ${c.split}`)],
  },
  {
    label: "Found",
    text: (c) => c.verdict,
    node: (c) => el("span", { class: LOOKS[c.verdict]?.[0] }, LOOKS[c.verdict]?.[1] ?? "", String(c.verdict ?? "")),
  },
  { label: "Difference", number: true, text: (c) => shown(c).valueText, raw: (c) => c.value },
  {
    label: "95 % interval",
    number: true,
    text: (c) => shown(c).rangeText,
    raw: (c) => interval(c.t95)?.join(" "),
  },
];

export default {
  id: "claims",
  title: "Claims",
  holds: isArithmetic,
  draw(document) {
    const claims = (Array.isArray(document.claims) ? document.claims : []).slice(0, MOST_CLAIMS);
    if (claims.length === 0) {
      return missing("Nothing was claimed: the study lacks cross-entropy, or every number-token loss.");
    }
    return [
      table("Claims", COLUMNS, claims, { mark: (claim) => claim.verdict === "holds" }),
      el(
        "p",
        { class: "footnote" },
        "Differences to cross-entropy of the same seed, with Student's t over the seeds. Not told apart: the interval holds 0, which few seeds or no " +
          "difference may be the reason of; how wide it is says how large a difference could be.",
      ),
    ];
  },
};
