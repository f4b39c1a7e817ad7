// What was run, by which programs, and how to run it again.
import { isBidders } from "../bidders.js";
import { box, makingOf } from "../lib/provenance.js";

export default {
  id: "configuration",
  title: "Configuration and provenance",
  holds: isBidders,
  draw(document) {
    const { config = {}, log = {}, seconds } = document;
    return [
      makingOf(document, [
        ["Log", config.log?.file],
        ["Judged on", config.test?.file ?? (config.test_share ? `the newest ${config.test_share} of its rows` : null)],
        ["Value of a click", log.value_per_click],
        ["What heads see", Array.isArray(log.features) ? log.features.join(", ") : null],
      ]),
      box("Configuration", config),
      box("The log", log),
      seconds ? box("Seconds", seconds) : null,
    ];
  },
};
