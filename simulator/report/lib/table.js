// Tables that can be copied: as they are seen for text (Markdown, LaTeX), with all digits for programs (TSV).
import { announce, button, el } from "./dom.js";
import { anyText, NONE } from "./format.js";

const MOST_ROWS = 500; // that are shown; what is copied holds all

// columns: [{label, title, number, text(row) -> what is seen, raw(row) -> all digits}]; `raw` defaults to `text`.
const rawOf = (column, row) => {
  const value = (column.raw ?? column.text)(row);
  return value === null || value === undefined ? "" : anyText(value);
};
const plain = (value) => anyText(value ?? NONE).replace(/\u00ad/g, "");

export function tsv(columns, rows) {
  const line = (cells) => cells.map((cell) => plain(cell).replace(/[\t\r\n]+/g, " ")).join("\t");
  return (
    [line(columns.map((c) => c.label)), ...rows.map((row) => line(columns.map((c) => rawOf(c, row))))].join("\n") + "\n"
  );
}

export function markdown(columns, rows) {
  const cell = (text) =>
    plain(text)
      .replace(/\\/g, "\\\\")
      .replace(/\|/g, "\\|")
      .replace(/</g, "&lt;")
      .replace(/[\r\n]+/g, " ");
  const line = (cells) => `| ${cells.map(cell).join(" | ")} |`;
  return (
    [
      line(columns.map((c) => c.label)),
      `|${columns.map((c) => (c.number ? "---:" : "---")).join("|")}|`,
      ...rows.map((row) => line(columns.map((c) => c.text(row)))),
    ].join("\n") + "\n"
  );
}

const TEX = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "&": "\\&",
  "%": "\\%",
  $: "\\$",
  "#": "\\#",
  _: "\\_",
  "{": "\\{",
  "}": "\\}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "−": "$-$",
  "–": "--",
  "\u00a0": "~",
  "±": "$\\pm$",
  "×": "$\\times$",
  "…": "\\ldots{}",
};

// The tabular of booktabs.
export function latex(columns, rows) {
  const cell = (text) =>
    plain(text)
      .replace(/[\\~^&%$#_{}<>−–\u00a0±×…]/g, (c) => TEX[c])
      .replace(/[\r\n]+/g, " ");
  const line = (cells) => `${cells.map(cell).join(" & ")} \\\\`;
  return (
    [
      `\\begin{tabular}{${columns.map((c) => (c.number ? "r" : "l")).join("")}}`,
      "\\toprule",
      line(columns.map((c) => c.label)),
      "\\midrule",
      ...rows.map((row) => line(columns.map((c) => c.text(row)))),
      "\\bottomrule",
      "\\end{tabular}",
    ].join("\n") + "\n"
  );
}

// Old browsers, and pages opened from disk in some, have no clipboard to write to.
function copyBySelection(text) {
  const area = el("textarea", { class: "unseen", "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

async function copy(text, node) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyBySelection(text);
  }
  const was = node.textContent;
  node.textContent = done ? "Copied" : "Not allowed";
  announce(done ? "The table was copied." : "The browser does not let this page copy.");
  setTimeout(() => (node.textContent = was), 1500);
}

function copyButtons(label, columns, rows) {
  const formats = [
    ["TSV", tsv],
    ["Markdown", markdown],
    ["LaTeX", latex],
  ];
  const buttons = formats.map(([name, write]) =>
    button(name, `Copy the table "${label}" as ${name}`, (event) => copy(write(columns, rows), event.currentTarget)),
  );
  return el("div", { class: "tools" }, el("span", null, "Copy as"), buttons);
}

function cellOf(column, row, index) {
  const text = anyText(column.text(row) ?? NONE);
  const content = column.node ? column.node(row) : text.length > 40 ? el("span", { class: "long" }, text) : text;
  if (index === 0) return el("th", { scope: "row" }, content);
  return el("td", column.number ? { class: "number" } : null, content);
}

// `mark(row)`: whether a row stands out.
export function table(label, columns, rows, { mark } = {}) {
  const head = columns.map((c) =>
    el("th", { scope: "col", title: c.title, class: c.number ? "number" : null }, c.label),
  );
  const body = rows.slice(0, MOST_ROWS).map((row) =>
    el(
      "tr",
      mark?.(row) ? { class: "primary" } : null,
      columns.map((column, i) => cellOf(column, row, i)),
    ),
  );
  const left = rows.length - body.length;
  return el(
    "div",
    { class: "table" },
    el(
      "div",
      { class: "scroll", role: "region", "aria-label": label, tabindex: "0" },
      el("table", { "aria-label": label }, el("thead", null, el("tr", null, head)), el("tbody", null, body)),
    ),
    left > 0 ? el("p", { class: "footnote" }, `${left} more rows are not shown; a copy holds them.`) : null,
    copyButtons(label, columns, rows),
  );
}
