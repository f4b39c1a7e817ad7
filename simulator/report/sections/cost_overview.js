// What was measured, the cheapest and the fastest of it, and what the table of points says in plain sentences.
import {
  costOf,
  isCost,
  isMeasured,
  lossText,
  moneyText,
  onTarget,
  positive,
  shareText,
  targetText,
  textOf,
  unique,
} from "../cost.js";
import { el, missing, paragraph } from "../lib/dom.js";
import { brief, fixed, number, plural } from "../lib/format.js";
import { notesOf, tile, tilesOf } from "../lib/tiles.js";
import { countText, timeText } from "../lib/units.js";

const MOST_SENTENCES = 40;

const statusText = (count, status) =>
  `${fixed(count, 0)} ${status === "does not fit" && count > 1 ? "do not fit" : status}`;

const leastOf = (points, of) => points.reduce((a, b) => (a === null || of(b) < of(a) ? b : a), null);
const greatestOf = (points, what) =>
  leastOf(
    points.filter((point) => positive(point[what]) !== null),
    (point) => -point[what],
  );

function measuredParagraph(study) {
  const { points, measured, models, curves } = study;
  const others = unique(points.filter((point) => !isMeasured(point)).map(({ status }) => status));
  const count = (status) => points.filter((point) => point.status === status).length;
  const devices = unique(points.map(({ device_name: name, device }) => name ?? device)).filter((name) => name !== null);
  const parts = [
    `${fixed(measured.length, 0)} of ${plural(points.length, "point")}`,
    ...others.slice(0, 5).map((status) => statusText(count(status), status)),
    plural(models.length, "model"),
    devices.length > 0 ? devices.slice(0, 5).join(", ") : null,
    plural(curves.length, "loss curve"),
  ];
  return paragraph(`Measured: ${parts.filter(Boolean).join("; ")}.`, "played");
}

function verdict(study) {
  const reach = onTarget(study);
  const cheapest = leastOf(reach, ({ target }) => target.dollars);
  const fastest = leastOf(reach, ({ target }) => target.seconds);
  if (cheapest === null) {
    return `No point is known to reach ${targetText(study)}, so that nothing can be said of what it costs.`;
  }
  const spent = ({ target }) => `${moneyText(study, target.dollars)} and ${timeText(target.seconds)}`;
  if (cheapest === fastest) {
    return `${cheapest.name} is the cheapest and the fastest way to ${targetText(study)}: ${spent(cheapest)}.`;
  }
  return (
    `${cheapest.name} is the cheapest way to ${targetText(study)}: ${spent(cheapest)}. ` +
    `The fastest is ${fastest.name}: ${spent(fastest)}.`
  );
}

const placeholder = ({ currency }) =>
  `Prices are placeholders: they came with the program, and are nobody's offer. What is said in ${currency} is as right as they are; ` +
  "give your own with --prices.";

function tiles(study) {
  const reach = onTarget(study);
  const cheapest = leastOf(reach, ({ target }) => target.dollars);
  const soonest = leastOf(reach, ({ target }) => target.seconds);
  const thrifty = greatestOf(study.measured, "examples_per_dollar");
  const fastest = greatestOf(study.measured, "examples_per_second");
  return tilesOf(
    [
      cheapest && [
        `Cheapest way to ${targetText(study)}`,
        brief(cheapest.target.dollars),
        `${study.currency} and ${timeText(cheapest.target.seconds)}`,
        cheapest.name,
      ],
      soonest && [
        `Fastest way to ${targetText(study)}`,
        timeText(soonest.target.seconds),
        `and ${moneyText(study, soonest.target.dollars)}`,
        soonest.name,
      ],
      thrifty && [
        "Cheapest examples",
        brief(1e9 / thrifty.examples_per_dollar),
        `${study.currency} for a billion`,
        thrifty.name,
      ],
      fastest && [
        "Most examples per second",
        countText(fastest.examples_per_second),
        fastest.dollars_per_hour === null
          ? "at a price that is not known"
          : `at ${moneyText(study, fastest.dollars_per_hour)} an hour`,
        fastest.name,
      ],
    ]
      .filter(Boolean)
      .map((one) => tile(...one)),
  );
}

function sentences(study) {
  const all = Array.isArray(study.document.sentences)
    ? study.document.sentences.map(textOf).filter((text) => text !== null)
    : [];
  if (all.length === 0) return missing("This document has no sentences computed from its points.");
  const left = all.length - MOST_SENTENCES;
  return [
    el("h3", null, "What the table of points says"),
    notesOf(all.slice(0, MOST_SENTENCES)),
    left > 0 ? paragraph(`Of ${all.length} sentences the first ${MOST_SENTENCES} are shown.`, "footnote") : null,
  ];
}

function notes(study) {
  const { target, targetGiven, curves, measured } = study;
  const error = study.planner.held_out?.median_error;
  const uncurved = measured.filter(({ curve }) => curve === null).length;
  const reach = new Set(onTarget(study));
  const unreached = measured.filter((point) => point.curve !== null && !reach.has(point)).length;
  const metric = curves.map((curve) => curve.metric).find((text) => text !== null);
  return notesOf(
    [
      "Examples are candidates of auctions. A point is timed for a few seconds, several times; what a loss takes is the examples that " +
        "the curve of its model needs for it, at that rate. A curve is trained once for each model, batch and optimizer of tables.",
      target === null
        ? null
        : targetGiven
          ? `The target loss, ${lossText(target)}, was given.`
          : `The target loss, ${lossText(target)}, is the median of what the curves come down to, for none was given.`,
      metric ? `Loss is ${metric}, the least so far.` : null,
      uncurved > 0
        ? `${plural(uncurved, "measured point")} ${uncurved === 1 ? "has" : "have"} no loss curve, so that only the speed is known.`
        : null,
      unreached > 0
        ? `${plural(unreached, "measured point")} ${unreached === 1 ? "does" : "do"} not reach the target loss within the curve.`
        : null,
      number(error) === null
        ? null
        : `The planner's fit is off by less than ${shareText(error)} for half of the points that it has not seen.`,
      study.left > 0
        ? `Of ${fixed(study.points.length + study.left, 0)} points the first ${fixed(study.points.length, 0)} are shown.`
        : null,
      study.curvesLeft > 0
        ? `Of ${fixed(curves.length + study.curvesLeft, 0)} loss curves the first ${fixed(curves.length, 0)} are shown.`
        : null,
    ].filter(Boolean),
  );
}

export default {
  id: "overview",
  title: null,
  holds: isCost,
  draw(document) {
    const study = costOf(document);
    return [
      measuredParagraph(study),
      el("div", { class: "verdict" }, paragraph(verdict(study))),
      study.placeholder ? paragraph(placeholder(study), "played") : null,
      tiles(study),
      sentences(study),
      notes(study),
    ];
  },
};
