// What was run on which series, by which programs, and how to run it again.
import { box, makingOf } from "../lib/provenance.js";
import { isWalkforward, walkforwardOf } from "../walkforward.js";

const listed = (list) => (Array.isArray(list) ? list.join(", ") : null);

export default {
  id: "configuration",
  title: "Configuration and provenance",
  holds: isWalkforward,
  draw(document) {
    const { config } = walkforwardOf(document);
    return [
      makingOf(document, [
        ["Series", config.series?.file],
        ["Column of prices", config.series?.price],
        ["SHA-256 of the series", config.series?.sha256],
        ["Periods per year", config.periods_per_year],
        ["Seeds", listed(config.seeds)],
      ]),
      config.settings ? box("Settings of networks, losses and windows", config.settings) : null,
      box("Configuration", { ...config, settings: undefined }),
      document.seconds ? box("Seconds", document.seconds) : null,
    ];
  },
};
