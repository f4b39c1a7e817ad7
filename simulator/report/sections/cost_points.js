// Every point with what was measured of it, those that do not fit and that failed among them.
import { costOf, isCost, isMeasured, moneyText, nameNode, shareText } from "../cost.js";
import { el, missing, paragraph } from "../lib/dom.js";
import { brief, fixed, number } from "../lib/format.js";
import { table } from "../lib/table.js";
import { bytesText, countText, timeText } from "../lib/units.js";

const MOST_CHARACTERS = 300; // of an error

const reason = ({ error }) => (error === null ? "" : `: ${error.slice(0, MOST_CHARACTERS)}`);
const statusText = (point) => `${point.status}${isMeasured(point) ? "" : reason(point)}`;

const amount = (label, key, text, title) => ({
  label,
  title,
  number: true,
  text: (p) => text(p[key]),
  raw: (p) => p[key],
});
const briefly = (value) => (number(value) === null ? null : brief(value));
const counted = (value) => (number(value) === null ? null : fixed(value, 0));

const columnsOf = (study) => {
  const money = (value) => moneyText(study, value);
  const target = (label, key, text) => ({
    label,
    number: true,
    text: (p) => text(p.target?.[key] ?? null),
    raw: (p) => p.target?.[key],
  });
  return [
    { label: "Point", text: (p) => p.name, node: (p) => nameNode(p.name) },
    {
      label: "Status",
      text: statusText,
      node: (p) => (isMeasured(p) ? p.status : nameNode([el("span", { class: "no" }, p.status), reason(p)])),
    },
    amount("Parameters", "parameters", countText),
    amount("Batch, auctions", "batch_auctions", counted),
    amount(
      "Examples/s",
      "examples_per_second",
      countText,
      "Candidates of auctions, over all processes: median of the repeats",
    ),
    amount("Spread", "spread", shareText, "Of the repeats: (greatest - least) / median of their rates"),
    amount("Step", "step_seconds", timeText),
    amount(
      "MFU",
      "model_flop_utilisation",
      shareText,
      "FLOPs of the model per second, of what a large matrix product of this precision reaches",
    ),
    amount("FLOP/s", "flops_per_second", countText, "FLOPs of the model's products per second, over all processes"),
    amount("Communication", "communication_share", shareText, "Of the time, in calls to other processes"),
    amount("Sent in a step", "communication_bytes_per_step", bytesText, "By the first process"),
    amount("Waiting", "waiting_share", shareText, "Of the time, for the loader"),
    amount("Cores used", "cores_used", briefly),
    amount("Memory", "host_peak_bytes", bytesText, "Of a process at its peak"),
    amount("Memory of the GPU", "device_peak_bytes", bytesText, "At its peak"),
    amount("Optimizer", "optimizer_bytes", bytesText, "State of the optimizer"),
    amount("Price of an hour", "dollars_per_hour", money),
    amount("Examples for the money", "examples_per_dollar", countText, `Examples per ${study.currency}`),
    amount(
      "Loss for the money",
      "loss_per_dollar",
      briefly,
      `Loss removed from the start of the curve to its end, per ${study.currency}`,
    ),
    target("Time to the target", "seconds", timeText),
    target("Money to the target", "dollars", money),
  ];
};

export default {
  id: "points",
  title: "All points",
  holds: isCost,
  draw(document) {
    const study = costOf(document);
    if (study.points.length === 0) return missing("There is no point in this document.");
    return [
      table("Points", columnsOf(study), study.points, { mark: ({ id }) => study.front.has(id) }),
      paragraph(
        `Shaded: the front of time and money to the target loss. ${
          study.measured.length < study.points.length
            ? "A point that does not fit or failed has no numbers, and its row says why. "
            : ""
        }Point at the head of a column to see what it is; a copy as TSV holds all digits.`,
        "footnote",
      ),
    ];
  },
};
