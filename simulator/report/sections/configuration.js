// What was run, so that it can be run again and checked.
import { el } from "../lib/dom.js";
import { brief, number } from "../lib/format.js";
import { box, facts } from "../lib/provenance.js";
import { table } from "../lib/table.js";
import { isRun, runOf } from "../run.js";

function trainingTable(run) {
  if (run.training.length === 0) return null;
  const columns = [
    { label: "Model", text: (t) => t.ref },
    { label: "Seconds", number: true, text: (t) => brief(number(t.seconds)), raw: (t) => t.seconds },
    { label: "Steps", number: true, text: (t) => t.speed?.steps },
    { label: "Device", text: (t) => t.speed?.device },
    { label: "Kept epoch", number: true, text: (t) => t.metrics?.epoch },
    { label: "Teacher", text: (t) => t.teacher?.name },
    { label: "SHA-256 of the artifact", text: (t) => t.sha256 },
  ];
  return [el("h3", null, "Where the models come from"), table("Training", columns, run.training)];
}

export default {
  id: "configuration",
  title: "Configuration and provenance",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    const { config, demo, outcomes_sha256: sha256, seconds, seed, versions = {} } = document;
    return [
      facts([
        ["Vickrey", [versions.vickrey, versions.commit && `commit ${versions.commit}`].filter(Boolean).join(", ")],
        ["Seed", seed],
        ["Auctions", document.auctions],
        ["Welfare judged by", run.reference],
        ["SHA-256 of the outcomes", sha256],
        ["Seconds to play", brief(number(seconds?.play))],
      ]),
      run.baseline
        ? el(
            "p",
            { class: "footnote" },
            "Every comparison can be computed again from the outcomes file: ",
            el(
              "code",
              null,
              `vickrey eval compare OUTCOMES OUTCOMES --models ${run.student},${run.baseline} --metric welfare`,
            ),
          )
        : null,
      trainingTable(run),
      config ? box("Configuration of the simulation", config) : null,
      demo?.train_config ? box("Training configuration of the primary model", demo.train_config) : null,
      demo?.log ? box("Log", demo.log) : null,
      box("Versions and seconds", { versions, seconds: seconds ?? {} }),
    ];
  },
};
