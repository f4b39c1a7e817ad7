// The report of a document that is embedded in the page: its sections, drawn one below the other.
import { drawAll } from "./lib/chart.js";
import { el, missing } from "./lib/dom.js";
import { paletteCss } from "./lib/theme.js";
import { SECTIONS } from "./sections/index.js";

// One section that fails leaves the others readable, and says so.
function drawn(section, document) {
  try {
    return section.draw(document);
  } catch (error) {
    console.error(`section ${section.id}:`, error);
    return missing(
      "This part could not be drawn; the browser's console says why. The document may be from another version.",
    );
  }
}

function contents(sections) {
  const links = sections
    .filter(({ title }) => title)
    .map(({ id, title }) => el("li", null, el("a", { href: `#${id}` }, title)));
  return el("nav", { "aria-label": "Contents" }, el("ul", null, links));
}

function report() {
  const { title, document: data } = JSON.parse(document.getElementById("data").textContent);
  document.head.append(el("style", null, paletteCss()));
  document.title = title;
  const sections = SECTIONS.filter((section) => section.holds(data));
  const main = document.getElementById("report");
  main.append(el("header", null, el("h1", null, title)), contents(sections));
  for (const section of sections) {
    const heading = section.title ? el("h2", { id: `${section.id}-title` }, section.title) : null;
    const part = el("section", { id: section.id, "aria-labelledby": heading ? heading.id : null }, heading);
    main.append(part);
    const nodes = [drawn(section, data)].flat(Infinity).filter(Boolean);
    part.append(...nodes);
  }
}

// A closed <details> does not print; numbers of charts stay closed, for there are many.
addEventListener("beforeprint", () => {
  for (const node of document.querySelectorAll("details.box")) node.open = true;
});

report();
drawAll().then(() => document.documentElement.setAttribute("data-drawn", "true"));
