// What is predicted of points that nobody has measured, by which formula, and how far that was off where one can tell.
import {
  costOf,
  isCost,
  leftNote,
  listed,
  moneyText,
  nameNode,
  objectOf,
  objects,
  predictionsOf,
  shareText,
  textOf,
} from "../cost.js";
import { el, missing, paragraph } from "../lib/dom.js";
import { brief, fixed, NONE, number, plural } from "../lib/format.js";
import { table } from "../lib/table.js";
import { countText, timeText } from "../lib/units.js";

const MOST_CHARACTERS = 300; // of an error

function groupsOf(study) {
  return objects(study.planner.groups).map((group) => ({
    name: textOf(group.group) ?? "not named",
    points: number(group.points),
    coefficients: objectOf(group.coefficients),
    held: objectOf(group.held_out),
    beyond: objectOf(group.extrapolation),
    why: textOf(group.why),
  }));
}

const error = (label, part, key, title) => ({
  label,
  title,
  number: true,
  text: (row) => shareText(row[part][key]),
  raw: (row) => number(row[part][key]),
});

const whatOf = (row) => textOf(row.beyond.what);

const ERRORS = [
  { label: "Group", text: (row) => row.name },
  {
    label: "Points",
    number: true,
    text: (row) => (row.points === null ? null : fixed(row.points, 0)),
    raw: (row) => row.points,
  },
  error(
    "Median error",
    "held",
    "median_error",
    "Relative, of the time of a step, each point predicted by a fit without it",
  ),
  error("90 % are below", "held", "p90_error", "The 90th percentile of the same errors"),
  error("Median beyond", "beyond", "median_error", "Of larger batches than those that were fitted"),
  error("90 % beyond", "beyond", "p90_error", "The 90th percentile of the same errors"),
  { label: "What is beyond", text: whatOf, node: (row) => nameNode(whatOf(row) ?? NONE) },
];

const COEFFICIENTS = [
  ["overhead_seconds", "A step", "Seconds that every step takes"],
  ["seconds_per_candidate", "A candidate", "Seconds of each candidate"],
  ["seconds_per_flop", "10¹² FLOPs", "Seconds of so many operations of the model's products", 1e12],
  ["seconds_per_parameter", "10⁶ parameters", "Seconds of the optimizer for so many", 1e6],
  ["seconds_per_row_value", "10⁶ values of rows", "Seconds of the optimizer for so many numbers of tables' rows", 1e6],
  ["latency_seconds", "A round", "Seconds of an exchange of all processes"],
  ["seconds_per_byte", "10⁹ bytes", "Seconds of sending so many", 1e9],
];
const FITTED = [
  { label: "Group", text: (row) => row.name },
  ...COEFFICIENTS.map(([key, label, title, scale = 1]) => ({
    label,
    title,
    number: true,
    text: ({ coefficients }) => (number(coefficients[key]) === null ? null : timeText(scale * coefficients[key])),
    raw: ({ coefficients }) => number(coefficients[key]),
  })),
  {
    label: "Threads, e",
    title: "The exponent: 0, more threads bring nothing; 1, each brings as much as the first",
    number: true,
    text: ({ coefficients }) => brief(number(coefficients.threads_exponent), 2),
    raw: ({ coefficients }) => number(coefficients.threads_exponent),
  },
  { label: "Why none", text: (row) => row.why, node: (row) => nameNode(row.why ?? "") },
];

const BEYOND =
  "Errors are shares of the measured time of a step. Median and 90 %: each point by a fit of the others. Beyond: the largest batches, by a fit of the " +
  "smaller ones. How far off a prediction of more workers or of another device is, neither says.";

function heldOut(study) {
  const { median_error: median, p90_error: most, points } = objectOf(study.planner.held_out);
  if (number(median) === null)
    return missing(
      "The error of the fit is not in this document, so that nobody can tell what its predictions are worth.",
    );
  return paragraph(
    `Of ${number(points) === null ? "points" : plural(points, "point")} that the fit has not seen, half of the predicted times of a step are off by less than ` +
      `${shareText(median)}${number(most) === null ? "" : `, nine of ten by less than ${shareText(most)}`}.`,
  );
}

const statusText = ({ error: why }) => (why === null ? "predicted" : `not predicted: ${why.slice(0, MOST_CHARACTERS)}`);

const predictionColumns = (study) => {
  const money = (value) => moneyText(study, value);
  const amount = (label, of, text) => ({ label, number: true, text: (p) => text(of(p)), raw: of });
  return [
    { label: "Point", text: (p) => p.name, node: (p) => nameNode(p.name) },
    { label: "Status", text: statusText, node: (p) => (p.error === null ? statusText(p) : nameNode(statusText(p))) },
    { label: "From", text: (p) => p.from },
    amount("Step", (p) => p.step_seconds, timeText),
    amount("Examples/s", (p) => p.examples_per_second, countText),
    amount("Communication", (p) => p.communication_share, shareText),
    amount("Price of an hour", (p) => p.dollars_per_hour, money),
    amount("Examples for the money", (p) => p.examples_per_dollar, countText),
    amount("Time to the target", (p) => p.target?.seconds ?? null, timeText),
    amount("Money to the target", (p) => p.target?.dollars ?? null, money),
    { label: "Note", text: (p) => p.note ?? "", node: (p) => nameNode(p.note ?? "") },
  ];
};

function predictions(study) {
  const list = predictionsOf(study);
  const head = el("h3", null, "Predicted, not measured");
  if (list.length === 0)
    return [head, missing("Nothing was to be predicted; `--predict workers=64`, say, asks for it.")];
  return [
    head,
    table("Predictions", predictionColumns(study), listed(list)),
    leftNote(list),
    paragraph(
      "Nobody has run these points: every number of this table comes from the formula, and is in no other part of this page.",
      "footnote",
    ),
  ];
}

export default {
  id: "planner",
  title: "Planner",
  holds: isCost,
  draw(document) {
    const study = costOf(document);
    const groups = groupsOf(study);
    const formula = textOf(study.planner.formula);
    if (groups.length === 0 && formula === null && predictionsOf(study).length === 0) {
      return missing("This document has no planner: nothing was fitted to its points, and nothing predicted.");
    }
    return [
      paragraph(
        "The time of a step is taken for a sum: what every step takes, what each candidate takes, the operations of the model's products, the optimizer's way " +
          "through the parameters, and calls to other processes with the bytes that they carry. A fit of each group says what each of these takes.",
      ),
      formula ? el("pre", { tabindex: "0" }, formula) : null,
      heldOut(study),
      groups.length > 0
        ? [
            el("h3", null, "How far the fit is off"),
            table("Errors of the fit", ERRORS, listed(groups)),
            leftNote(groups),
            paragraph(BEYOND, "footnote"),
          ]
        : null,
      groups.length > 0 ? [el("h3", null, "What the fit found"), table("Coefficients", FITTED, listed(groups))] : null,
      predictions(study),
    ];
  },
};
