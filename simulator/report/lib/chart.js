// A chart: Vega-Lite drawn at the width there is, with what belongs to each one on this page: a legend, points that keys
// can reach and read, its numbers as a table, and images to save.
import { expressionInterpreter } from "vega-interpreter";
import { compile } from "vega-lite";
import { Error as ErrorsOnly, parse, View } from "vega";

import { announce, button, el, missing, save, slug, svg } from "./dom.js";
import { short } from "./format.js";
import { table } from "./table.js";
import { colourName, dashOf, onPage, onPaper, symbolOf, symbolPath } from "./theme.js";

const FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const PAPER_FONT = "Helvetica, Arial, sans-serif";
const PAPER_WIDTH = 720; // of a saved image, pixels
const PNG_SCALE = 3; // so that it is sharp in print
export const NARROW = 560; // below it a chart puts names above rows instead of beside them

function config(paint, font) {
  const text = {
    labelColor: paint("ink"),
    titleColor: paint("ink"),
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: "normal",
    labelFontWeight: "normal",
  };
  return {
    background: null,
    font,
    view: { stroke: null },
    axis: {
      ...text,
      gridColor: paint("line"),
      gridOpacity: 0.7,
      domainColor: paint("muted"),
      tickColor: paint("muted"),
      titlePadding: 8,
      labelOverlap: true,
    },
    legend: { ...text, symbolStrokeColor: paint("ink"), labelLimit: 220, columnPadding: 16 },
    text: { color: paint("ink"), fontSize: 12 },
    rule: { color: paint("muted") },
  };
}

// Nothing is ever loaded: the page's policy forbids it too.
const refuse = () => Promise.reject(new globalThis.Error("a report loads nothing"));
const NO_LOADER = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

function view(spec, paint, font, options) {
  const full = { width: options.width, autosize: { type: "fit-x", contains: "padding" }, padding: 2, ...spec };
  const compiled = compile(full, { config: config(paint, font) }).spec;
  // Expressions are interpreted, never compiled: a page whose policy forbids `eval` can draw them.
  return new View(parse(compiled, null, { ast: true }), {
    expr: expressionInterpreter,
    loader: NO_LOADER,
    logLevel: ErrorsOnly,
    renderer: options.renderer ?? "none",
  });
}

// --- Series: what a legend names, in any chart of the page alike -----------------------------------------------------

// series: [{key, name, colour: a name of theme.js, symbol, dash}]. The encodings of a mark by field `series`, which
// holds the key.
export function bySeries(context, series, { shape = false, dash = false, stroke = false } = {}) {
  const domain = series.map(({ key }) => key);
  const legend = context.saving
    ? {
        title: null,
        orient: "bottom",
        direction: "horizontal",
        columns: 3,
        labelExpr: "names[indexof(keys, datum.value)]",
        symbolOpacity: 1, // whatever a band or a line behind it has
      }
    : null;
  const scale = (range) => ({ domain, range });
  const encoding = (range) => ({ field: "series", type: "nominal", scale: scale(range), legend });
  const colour = encoding(series.map((one) => context.paint(one.colour)));
  return {
    ...(stroke ? { stroke: colour } : { color: colour }),
    ...(shape && { shape: encoding(series.map((one) => one.symbol ?? "circle")) }),
    ...(dash && { strokeDash: encoding(series.map((one) => one.dash ?? [1, 0])) }),
  };
}

// Of points with a field `series`, those whose series the chart shows now.
export const pointsOfShown = (points, context) =>
  points.filter(({ series }) => context.series.some(({ key }) => key === series));

// What `labelExpr` of bySeries looks names up in. Names never stand inside an expression.
export const seriesParams = (series) => [
  { name: "keys", value: series.map(({ key }) => key) },
  { name: "names", value: series.map(({ name }) => short(name, 34)) },
];

// A model's looks, by its place in the document.
export const looks = (index) => ({
  colour: colourName(index),
  symbol: symbolOf(index),
  dash: dashOf(index),
  path: symbolPath(symbolOf(index)),
});

function keyOf(one) {
  const square = "M2 3h12v10h-12z";
  return svg(
    "svg",
    { width: 16, height: 16, viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: one.path ?? square, fill: onPage(one.colour) }),
  );
}

// Names and keys; where `toggle(key)` is given, buttons that show and hide a series.
function legendOf(series, shown, toggle) {
  const item = (one) => {
    const content = [keyOf(one), el("span", null, one.name)];
    if (!toggle) return el("li", null, content);
    return el(
      "li",
      null,
      el(
        "button",
        { type: "button", "aria-pressed": String(shown.has(one.key)), title: one.name, onclick: () => toggle(one.key) },
        content,
      ),
    );
  };
  return el("ul", { class: "legend", "aria-label": "Legend" }, series.map(item));
}

// --- Reading points: pointer and keys --------------------------------------------------------------------------------

let bubble = null;
function showBubble(text, x, y) {
  if (!bubble) {
    bubble = el("div", { class: "bubble", "aria-hidden": "true" });
    document.body.append(bubble);
  }
  bubble.textContent = text;
  bubble.hidden = false;
  const { width, height } = bubble.getBoundingClientRect();
  const room = document.documentElement.clientWidth;
  bubble.style.left = `${Math.max(4, Math.min(x + 12, room - width - 4))}px`;
  bubble.style.top = `${y - height - 12 > 0 ? y - height - 12 : y + 16}px`;
}
function hideBubble() {
  if (bubble) bubble.hidden = true;
}
addEventListener("scroll", hideBubble, { passive: true, capture: true });

const pointed = (_, event, item, text) =>
  item && typeof text === "string" && text !== "" ? showBubble(text, event.clientX, event.clientY) : hideBubble();

const POINTS =
  '[role="graphics-symbol"][aria-label]:not([aria-roledescription="axis"], [aria-roledescription="legend"])';

// Arrow keys walk through the points of a chart that has the focus.
function walk(holder, event) {
  const points = [...holder.querySelectorAll(POINTS)];
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const jump = { Home: 0, End: points.length - 1 }[event.key];
  if (event.key === "Escape") return hideBubble();
  if (points.length === 0 || (step === undefined && jump === undefined)) return undefined;
  event.preventDefault();
  const at = Number(holder.dataset.at ?? -1);
  const next = jump ?? Math.max(0, Math.min(points.length - 1, at + step));
  points[at]?.classList.remove("at");
  points[next].classList.add("at");
  holder.dataset.at = next;
  const box = points[next].getBoundingClientRect();
  const text = points[next].getAttribute("aria-label");
  showBubble(text, box.x + box.width / 2, box.y);
  announce(text.replace(/\n/g, ", "));
  return undefined;
}

// --- The chart -------------------------------------------------------------------------------------------------------

// Charts that are made and not drawn yet: a chart takes the width of its place on the page.
const made = [];
// Draws all that were made since the last call, one after the other, so that the page stays responsive.
export async function drawAll() {
  while (made.length > 0) await made.shift()();
}

// A chart, or a sentence where there is nothing to draw:
//   title     what it shows, in plain words
//   caption   how to read it
//   build     ({paint, width, narrow, saving}) -> Vega-Lite, without width; marks that are to be read have `say`, text
//   series    what the legend names; `selection` ({shown, toggle, listen}) if the reader picks among them
//   columns, rows   the numbers that are drawn, for lib/table.js
//   empty     what is said where rows are empty
export function chart({ title, caption, build, series = [], selection, columns, rows, empty, controls }) {
  if (rows.length === 0) return el("figure", { class: "chart" }, el("h3", null, title), missing(empty));
  const holder = el("div", {
    class: "holder",
    tabindex: "0",
    role: "group",
    "aria-label": `Chart: ${title}. ${caption}`,
    onkeydown: (event) => walk(holder, event),
    onblur: hideBubble,
  });
  let current = null;
  let drawnAt = 0;

  const shownSeries = () => (selection ? series.filter(({ key }) => selection.shown.has(key)) : series);
  const specFor = (context) => {
    const spec = build({ ...context, narrow: context.width < NARROW, series: shownSeries() });
    return { description: title, ...spec, params: [...seriesParams(shownSeries()), ...(spec.params ?? [])] };
  };

  async function drawNow() {
    drawnAt = holder.clientWidth;
    const next = view(specFor({ paint: onPage, width: drawnAt, saving: false }), onPage, FONT, {
      width: drawnAt,
      renderer: "svg",
    });
    const inside = el("div");
    holder.replaceChildren(inside);
    await next.initialize(inside).tooltip(pointed).runAsync();
    current?.finalize();
    current = next;
    delete holder.dataset.at;
    const drawing = holder.querySelector("svg");
    drawing.setAttribute("role", "graphics-document");
    drawing.setAttribute("aria-label", title);
    holder.dataset.drawn = "true";
  }
  // One drawing at a time, and only the latest that was asked for.
  let [busy, again] = [false, false];
  async function draw() {
    if (busy) return void (again = true);
    busy = true;
    do {
      again = false;
      if (holder.clientWidth > 0) await drawNow();
    } while (again);
    busy = false;
  }

  async function image(type) {
    const paper = view(specFor({ paint: onPaper, width: PAPER_WIDTH, saving: true }), onPaper, PAPER_FONT, {
      width: PAPER_WIDTH,
    });
    paper.background(onPaper("page"));
    const name = `${slug(title)}.${type}`;
    if (type === "png") {
      save(name, await paper.toImageURL("png", PNG_SCALE));
    } else {
      const text = await paper.toSVG();
      const href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
      save(name, href);
      setTimeout(() => URL.revokeObjectURL(href), 10_000);
    }
    paper.finalize();
    announce(`Saved as ${name}`);
  }

  const legend = el("div");
  const showLegend = () => {
    if (series.length > 1) legend.replaceChildren(legendOf(series, selection?.shown, selection?.toggle));
  };
  showLegend();
  selection?.listen(() => {
    if (!holder.isConnected) {
      current?.finalize(); // another chart has taken its place
      return false;
    }
    showLegend();
    draw();
    return true;
  });
  made.push(async () => {
    await draw();
    new ResizeObserver(() => {
      if (Math.abs(holder.clientWidth - drawnAt) > 1) draw();
    }).observe(holder);
  });

  const numbers = el(
    "details",
    {
      class: "numbers",
      ontoggle: () => {
        if (numbers.open && numbers.children.length === 1) numbers.append(table(title, columns, rows));
      },
    },
    el("summary", null, "Numbers"),
  );
  const tools = el(
    "div",
    { class: "tools" },
    el("span", null, "Save as"),
    button("PNG", `Save the chart "${title}" as PNG`, () => image("png")),
    button("SVG", `Save the chart "${title}" as SVG`, () => image("svg")),
  );
  return el(
    "figure",
    { class: "chart", "data-title": title },
    el("h3", null, title),
    controls ?? null,
    legend,
    holder,
    el("figcaption", null, caption),
    el("div", { class: "below" }, numbers, tools),
  );
}
