// What was run, by which programs, and how to run it again.
import { box, makingOf } from "../lib/provenance.js";
import { isStudy, studyOf } from "../study.js";

export default {
  id: "configuration",
  title: "Configuration and provenance",
  holds: isStudy,
  draw(document) {
    const study = studyOf(document);
    const { config = {}, seconds } = document;
    const settings = study.scenarios.map(({ name, network, baselines, losses }) => ({
      scenario: name,
      network,
      baselines,
      losses: losses.map((loss) => ({ name: loss.name, tuned: loss.tuned, settings: loss.settings })),
    }));
    return [
      makingOf(document, [["Tuned by", config.tuned]]),
      box("Configuration", config),
      box("Networks, baselines and settings of losses", settings),
      seconds ? box("Seconds", seconds) : null,
    ];
  },
};
