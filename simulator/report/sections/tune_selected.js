// What was selected for each loss in each scenario: its scores beside the defaults', and its settings.
import { el, missing } from "../lib/dom.js";
import { brief } from "../lib/format.js";
import { chosen, picker } from "../lib/grid.js";
import { table } from "../lib/table.js";
import { gainOf, isTune, scoreOrNone, searchesOf, settingText, trialName, tuneOf } from "../tune.js";

const COLUMNS = [
  { label: "Scenario", text: (s) => s.scenario },
  { label: "Loss", text: (s) => s.name },
  { label: "Selected", text: (s) => (s.stays ? "defaults" : s.selected ? trialName(s.selected) : "not known") },
  {
    label: "Validation",
    number: true,
    title: "Welfare as a share of the best possible, mean over the seeds that tuned",
    text: (s) => scoreOrNone(s.score),
    raw: (s) => s.score,
  },
  { label: "Validation, defaults", number: true, text: (s) => scoreOrNone(s.defaultScore), raw: (s) => s.defaultScore },
  {
    label: "Fresh auctions",
    number: true,
    title: "Welfare as a share of the best possible, mean over the test seeds",
    text: (s) => scoreOrNone(s.test.selected),
    raw: (s) => s.test.selected,
  },
  { label: "Fresh, defaults", number: true, text: (s) => scoreOrNone(s.test.default), raw: (s) => s.test.default },
  { label: "Gain", number: true, text: (s) => gainOf(s).valueText, raw: (s) => gainOf(s).gain },
  { label: "95 % interval", number: true, text: (s) => gainOf(s).rangeText, raw: (s) => s.test.t95?.join(" ") },
  {
    label: "Spent",
    number: true,
    title: "Full trainings on each seed",
    text: (s) => brief(s.spent),
    raw: (s) => s.spent,
  },
  { label: "Trials", number: true, text: (s) => s.trials.length },
  { label: "Failed", number: true, text: (s) => s.failed },
];

// What a space says of a key for a loss: {log: [0.005, 0.2]} as "log 0.005 to 0.2".
function rangeText(space, search, key) {
  const losses = space?.losses ?? {};
  const found = losses[search.name]?.[key] ?? losses[search.name.split("@")[0]]?.[key] ?? space?.common?.[key];
  const [kind, values] = Object.entries(found ?? {})[0] ?? [];
  if (!Array.isArray(values)) return "";
  const texts = values.map(settingText);
  return kind === "choice" ? texts.join(", ") : `${texts.join(" to ")}${kind === "uniform" ? "" : `, ${kind}`}`;
}

// A row for each setting of each selected trial of the scenario.
function settingsTable(tune) {
  const searches = searchesOf(tune);
  const rows = searches.flatMap((search) =>
    search.settings.map(([key, value]) => ({
      loss: search.name,
      key,
      value: settingText(value),
      range: rangeText(tune.config.space, search, key),
    })),
  );
  const stays = searches.filter(({ settings }) => settings.length === 0).map(({ name }) => name);
  const title = `Settings that were selected in ${tune.choice.scenario}`;
  return [
    el("h3", null, title),
    rows.length > 0
      ? table(
          title,
          [
            { label: "Loss", text: (r) => r.loss },
            { label: "Setting", text: (r) => r.key },
            { label: "Selected", number: true, text: (r) => r.value },
            { label: "Searched", text: (r) => r.range },
          ],
          rows,
        )
      : missing("No setting was selected here: the defaults are as good as anything that was tried."),
    rows.length > 0 && stays.length > 0
      ? el("p", { class: "footnote" }, `The defaults were selected for ${stays.join(", ")}.`)
      : null,
  ];
}

export default {
  id: "selected",
  title: "What was selected",
  holds: isTune,
  draw(document) {
    const tune = tuneOf(document);
    if (tune.searches.length === 0) return missing("No loss was searched for: this document's scenarios have none.");
    return [
      table("Selected", COLUMNS, tune.searches, { mark: ({ stays }) => !stays }),
      el(
        "p",
        { class: "footnote" },
        "Scores are welfare as a share of the best possible. Gains are in percentage points of it, with Student's t over the test seeds. Rows that " +
          "are shaded selected something else than the defaults.",
      ),
      el("div", { class: "controls" }, picker(tune, "scenario")),
      chosen(tune, () => settingsTable(tune)),
    ];
  },
};
