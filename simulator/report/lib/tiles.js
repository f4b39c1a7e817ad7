// What overviews are made of: the numbers that people look for first, and what to know about them.
import { el } from "./dom.js";

export function tile(name, value, range, meaning) {
  return el(
    "div",
    { class: "tile" },
    el("dt", null, name),
    el(
      "dd",
      null,
      el("strong", null, value),
      el("span", { class: "range" }, range),
      el("span", { class: "meaning" }, meaning),
    ),
  );
}

// Nothing where there are none.
export const tilesOf = (list) => (list.length > 0 ? el("dl", { class: "tiles" }, list) : null);

export function notesOf(texts) {
  if (texts.length === 0) return null;
  return el(
    "ul",
    { class: "notes" },
    texts.map((text) => el("li", null, text)),
  );
}
