// What a document was made of, in boxes that open.
import { el } from "./dom.js";
import { anyText, brief, number } from "./format.js";
import { table } from "./table.js";

const MOST_CHARACTERS = 100_000; // of one box

export function box(title, content) {
  const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
  const cut =
    text.length > MOST_CHARACTERS
      ? `${text.slice(0, MOST_CHARACTERS)}\n… ${text.length - MOST_CHARACTERS} characters more`
      : text;
  return el("details", { class: "box" }, el("summary", null, title), el("pre", { tabindex: "0" }, cut));
}

// pairs: [[what, value]]; what is not known is left out.
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el(
    "dl",
    { class: "facts" },
    known.map(([name, value]) => [el("dt", null, name), el("dd", null, anyText(value))]),
  );
}

// What every document of `vickrey study` says of its making. `more`: facts that are its own.
export function makingOf({ command, provenance, seconds }, more) {
  const { machine, programs } = provenance ?? {};
  const list = Object.entries(programs ?? {}).map(([name, program]) => ({ ...program, name }));
  const columns = [
    { label: "Program", text: (p) => p.name },
    { label: "Version", text: (p) => p.version },
    { label: "Commit", text: (p) => p.commit },
    { label: "LibTorch", text: (p) => p.libtorch },
    { label: "SHA-256", text: (p) => p.sha256 },
  ];
  return [
    facts([
      ["Processor", machine?.processor],
      ["System", machine?.system],
      ["CPU seconds in all", seconds ? brief(number(seconds.total)) : null],
      ...more,
    ]),
    command
      ? [el("h3", null, "The command that gives this file again"), el("pre", { tabindex: "0" }, anyText(command))]
      : null,
    list.length > 0 ? table("Programs", columns, list) : null,
  ];
}
