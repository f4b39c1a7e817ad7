// Building the page. Whatever comes from data becomes text, never markup.

export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg"; // a name, not an address: nothing is loaded

export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const paragraph = (text, type) => el("p", type ? { class: type } : null, text);

// What is not in the document, said where a reader looks for it.
// Commands stand between backticks.
export const missing = (text) =>
  el(
    "p",
    { class: "missing" },
    text.split("`").map((part, i) => (i % 2 === 1 ? el("code", null, part) : part)),
  );

export function button(text, label, act) {
  return el("button", { type: "button", "aria-label": label, onclick: act }, text);
}

// What a screen reader says and nobody sees.
let announcer = null;
export function announce(text) {
  if (!announcer) {
    announcer = el("div", { class: "unseen", role: "status", "aria-live": "polite" });
    document.body.append(announcer);
  }
  announcer.textContent = text;
}

// Hands a file to the reader's browser.
export function save(name, href) {
  const link = el("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

// A name as part of an id or a file's name.
export const slug = (text) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60) || "part";
