// What was run, by which programs, and how to run it again.
import { isArithmetic } from "../arithmetic.js";
import { box, makingOf } from "../lib/provenance.js";

export default {
  id: "configuration",
  title: "Configuration and provenance",
  holds: isArithmetic,
  draw(document) {
    const { config = {}, seconds } = document;
    return [makingOf(document, []), box("Configuration", config), seconds ? box("Seconds", seconds) : null];
  },
};
