// What was searched, by which programs, and how to search it again.
import { box, makingOf } from "../lib/provenance.js";
import { isTune, tuneOf } from "../tune.js";

const listed = (list) => (Array.isArray(list) ? list.join(", ") : null);

export default {
  id: "configuration",
  title: "Configuration and provenance",
  holds: isTune,
  draw(document) {
    const { config, scenarios } = tuneOf(document);
    const networks = scenarios.map(({ name, network }) => ({ scenario: name, network }));
    return [
      makingOf(document, [
        ["Seeds that tuned", listed(config.seeds)],
        ["Seeds that tested", listed(config.test_seeds)],
        ["Seed of the draws", config.search_seed],
        ["Rungs, as trials x epochs", listed(Array.isArray(config.rungs) ? config.rungs.map((rung) => rung?.join?.(" x ")) : null)],
      ]),
      config.space ? box("The space that was searched", config.space) : null,
      box("Configuration", { ...config, space: undefined }),
      box("Networks", networks),
      document.seconds ? box("Seconds", document.seconds) : null,
    ];
  },
};
