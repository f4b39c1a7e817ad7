// Prices, devices and settings, what was left out and why, and how to run it again.
import { costOf, isCost, leftNote, listed, moneyText, objectOf, objects, textOf } from "../cost.js";
import { el, missing, paragraph } from "../lib/dom.js";
import { fixed, number, whole } from "../lib/format.js";
import { box, makingOf } from "../lib/provenance.js";
import { table } from "../lib/table.js";
import { bytesText } from "../lib/units.js";

function prices(study) {
  const rows = Object.entries(objectOf(study.prices.devices)).map(([name, price]) => ({ name, price: number(price) }));
  const head = el("h3", null, "Prices");
  if (rows.length === 0) return [head, missing("The prices are not in this document.")];
  return [
    head,
    table(
      "Prices",
      [
        { label: "Device", text: (row) => row.name },
        { label: "An hour", number: true, text: (row) => moneyText(study, row.price), raw: (row) => row.price },
      ],
      listed(rows),
    ),
    leftNote(rows),
    paragraph(
      `Of one core, or of one GPU with its share of the host; a name that the GPU's name contains goes before its kind.${
        study.placeholder ? " These are placeholders, nobody's offer." : ""
      }`,
      "footnote",
    ),
  ];
}

function devices(study) {
  const rows = objects(study.document.devices);
  if (rows.length === 0) return null;
  const memory = (row) => (typeof row.memory_bytes === "string" ? whole(row.memory_bytes) : number(row.memory_bytes));
  return [
    el("h3", null, "Devices"),
    table(
      "Devices",
      [
        { label: "Device", text: (row) => textOf(row.device_name) },
        { label: "Kind", text: (row) => textOf(row.device) },
        { label: "Index", number: true, text: (row) => (number(row.index) === null ? "" : fixed(row.index, 0)) },
        { label: "Cores", number: true, text: (row) => (number(row.cores) === null ? "" : fixed(row.cores, 0)) },
        { label: "Memory", number: true, text: (row) => bytesText(memory(row)), raw: memory },
      ],
      listed(rows),
    ),
    leftNote(rows),
  ];
}

function leftOut(study) {
  const rows = objects(study.document.left_out).map(({ point, why }) => ({
    point: textOf(point) ?? "not named",
    why: textOf(why),
  }));
  if (rows.length === 0) return null;
  return [
    el("h3", null, "Left out"),
    table(
      "Left out",
      [
        { label: "Point", text: (row) => row.point },
        { label: "Why", text: (row) => row.why },
      ],
      listed(rows),
    ),
    leftNote(rows),
  ];
}

export default {
  id: "configuration",
  title: "Configuration and provenance",
  holds: isCost,
  draw(document) {
    const study = costOf(document);
    return [
      makingOf({ ...document, command: textOf(document.command), provenance: objectOf(document.provenance) }, []),
      prices(study),
      devices(study),
      leftOut(study),
      box("Settings", study.config),
      document.seconds ? box("Seconds", document.seconds) : null,
    ];
  },
};
