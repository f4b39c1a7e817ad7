// What `./dev demo --live` adds: which candidates were tried on live traffic, what was found, and what the gate decided.
import { paragraph } from "../lib/dom.js";
import { anyText, fixed, inPercent, interval, number, whole } from "../lib/format.js";
import { table } from "../lib/table.js";
import { isRun } from "../run.js";

const roundsOf = (document) => (Array.isArray(document.live?.rounds) ? document.live.rounds : []);

function arms(rounds) {
  const rows = rounds.flatMap((round) =>
    (round.online?.models ?? []).map((model) => ({ ...model, candidate: round.candidate })),
  );
  const count = (field) => ({ number: true, text: (row) => fixed(whole(row[field]), 0), raw: (row) => row[field] });
  const digits = (field, decimals) => ({
    number: true,
    text: (row) => fixed(number(row[field]), decimals),
    raw: (row) => row[field],
  });
  const columns = [
    { label: "Trial of", text: (row) => row.candidate },
    { label: "Version", text: (row) => row.ref },
    { label: "Auctions", title: "Auctions that it decided.", ...count("auctions") },
    { label: "Clicks", title: "Clicks that came of them.", ...count("clicks") },
    { label: "Welfare", title: "What the clicks were worth to advertisers, by auction.", ...digits("welfare", 4) },
    { label: "Revenue", title: "What they paid, by auction.", ...digits("revenue", 4) },
    { label: "Calibration", title: "Clicks predicted of what was shown, by those that came.", ...digits("calibration", 3) },
  ];
  return table("Versions on live traffic", columns, rows);
}

function conditionRange(condition) {
  const range = interval(condition.ci95);
  if (!range) return "not defined";
  if (/ in /.test(condition.condition)) return `${fixed(range[0], 3)} to ${fixed(range[1], 3)}`;
  return inPercent(null, range).rangeText;
}

function decisions(rounds) {
  const rows = rounds.flatMap((round) =>
    (round.decision?.conditions ?? []).map((condition) => ({ ...condition, candidate: round.candidate })),
  );
  const columns = [
    { label: "Trial of", text: (row) => row.candidate },
    { label: "Condition", text: (row) => anyText(row.condition) },
    { label: "95 % interval", text: conditionRange },
    { label: "Holds", text: (row) => (row.holds ? "yes" : "no") },
  ];
  return table("Conditions of promotion", columns, rows);
}

function sentenceOf({ candidate, learned_from: auctions, decision }) {
  const was = decision?.promoted
    ? `promoted: it took the place of ${decision.incumbent}`
    : `rolled back: it was not shown to be good enough to replace ${decision?.incumbent}`;
  return `${candidate}, trained on ${fixed(whole(auctions), 0)} auctions of the server's own log, was ${was}.`;
}

export default {
  id: "live",
  title: "Promotion on live traffic",
  holds: (document) => isRun(document) && roundsOf(document).length > 0,
  draw(document) {
    const rounds = roundsOf(document);
    const explored = fixed(100 * (number(document.live.explore) ?? 0), 0);
    return [
      paragraph(
        `Decided on clicks alone, of traffic of which ${explored} % gave its slot to a candidate drawn at random. ` +
          `${anyText(document.live.serving)} serves now.`,
      ),
      ...rounds.map((round) => paragraph(sentenceOf(round))),
      arms(rounds),
      decisions(rounds),
    ];
  },
};
