// Colours and symbols, in one place: CSS variables on the page, values in images that are saved.

// Okabe and Ito's colours, told apart without red and green, darker on white to reach a contrast of 3:1.
export const LIGHT = {
  page: "#ffffff",
  ink: "#1b1f24",
  muted: "#57606a",
  line: "#d0d7de",
  shade: "#f3f5f7",
  accent: "#0b5cad",
  good: "#0072b2",
  bad: "#c04f00",
  series1: "#0072b2",
  series2: "#c04f00",
  series3: "#00805d",
  series4: "#b0578d",
  series5: "#8a6d00",
  series6: "#1b1f24",
  series7: "#6e7781",
};
export const DARK = {
  page: "#14181d",
  ink: "#e6e9ed",
  muted: "#a3adb8",
  line: "#3a424c",
  shade: "#1e242b",
  accent: "#6cb6ff",
  good: "#56b4e9",
  bad: "#ff8c4a",
  series1: "#56b4e9",
  series2: "#ff8c4a",
  series3: "#2fc79c",
  series4: "#e39cc6",
  series5: "#f0e442",
  series6: "#e6e9ed",
  series7: "#9aa4ae",
};
const COLOURS = 7;

// Eight symbols and seven colours: no pair repeats among 56 series. Paths of the keys are in a box of 16 by 16.
const SYMBOLS = [
  ["circle", "M8 3a5 5 0 1 1 0 10a5 5 0 1 1 0-10z"],
  ["square", "M3.5 3.5h9v9h-9z"],
  ["triangle-up", "M8 3l5.5 9.5h-11z"],
  ["diamond", "M8 2l5 6l-5 6l-5-6z"],
  ["cross", "M6 2.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5z"],
  ["triangle-down", "M8 13l5.5-9.5h-11z"],
  ["triangle-right", "M13 8l-9.5 5.5v-11z"],
  ["triangle-left", "M3 8l9.5 5.5v-11z"],
];
const DASHES = [
  [1, 0],
  [7, 3],
  [2, 2],
  [9, 3, 2, 3],
  [4, 4],
];

const variables = (palette) =>
  Object.entries(palette)
    .map(([name, value]) => `--${name}:${value};`)
    .join("");

// The style sheet that defines the variables. Paper is white.
export const paletteCss = () =>
  `:root{${variables(LIGHT)}}@media screen and (prefers-color-scheme:dark){:root{${variables(DARK)}}}`;

// How a chart names a colour: by variable on the page, so that it follows the theme without being drawn again; by value
// in a saved image.
export const onPage = (name) => `var(--${name})`;
export const onPaper = (name) => LIGHT[name];

export const colourName = (index) => `series${(index % COLOURS) + 1}`;
export const symbolOf = (index) => SYMBOLS[index % SYMBOLS.length][0];
export const symbolPath = (symbol) => SYMBOLS.find(([name]) => name === symbol)[1];
export const dashOf = (index) => DASHES[index % DASHES.length];
