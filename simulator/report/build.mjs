// Builds the page of all reports: script, libraries and their licences in one HTML file, with a place for the data.
//
//   node build.mjs NODE_MODULES OUT.html
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [modules, out] = process.argv.slice(2).map((path) => resolve(path));

async function bundle() {
  const { build } = createRequire(join(modules, "x.js"))("esbuild");
  const result = await build({
    entryPoints: [join(here, "main.js")],
    bundle: true,
    minify: true,
    format: "iife",
    target: ["chrome105", "firefox110", "safari16"],
    charset: "utf8",
    legalComments: "none",
    nodePaths: [modules],
    absWorkingDir: here,
    write: false,
    metafile: true,
    logLevel: "warning",
  });
  return { text: result.outputFiles[0].text, inputs: Object.keys(result.metafile.inputs) };
}

// The packages that the bundle was made of, by name.
function packagesOf(inputs) {
  const names = inputs.map((path) => path.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]).filter(Boolean);
  return [...new Set(names)].sort();
}

// Every licence asks that its text goes with every copy. One without a text ends the build.
function noticesOf(packages) {
  const byText = new Map();
  for (const name of packages) {
    const folder = join(modules, name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
    if (!file) throw new Error(`${name} has no licence file in ${folder}`);
    const text = readFileSync(join(folder, file), "utf8").trim();
    byText.set(text, [...(byText.get(text) ?? []), name]);
  }
  return [...byText].map(([text, names]) => `${names.join(", ")}:\n\n${text}`).join("\n\n---\n\n");
}

const { text, inputs } = await bundle();
const notices = noticesOf(packagesOf(inputs)).replaceAll("*/", "* /");
const script = `/*! The libraries in this page and their licences.\n\n${notices}\n*/\n${text}`
  // The bundler's output has these only inside strings, regular expressions and comments, where the escape is the same.
  .replace(/<(?=\/script|!--)/gi, "\\x3c");
const parts = { "{{style}}": readFileSync(join(here, "style.css"), "utf8"), "{{bundle}}": script };
const page = readFileSync(join(here, "template.html"), "utf8").replace(
  /\{\{(style|bundle)\}\}/g,
  (name) => parts[name],
);
if (page.split("{{data}}").length !== 2) throw new Error("the page must have one place for the data");
writeFileSync(`${out}.part`, page);
renameSync(`${out}.part`, out);
