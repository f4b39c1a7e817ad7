// A grid: scenarios with losses, as every document of `vickrey study` has them, and the reader's choice among them.
import { drawAll, looks } from "./chart.js";
import { choiceOf, pickerOf } from "./choice.js";
import { el } from "./dom.js";

export const MOST_SCENARIOS = 50;
export const MOST_LOSSES = 50;
const STUDENT = "welfare_rank@teacher"; // what is shown first, where it is there

const objects = (list) => (Array.isArray(list) ? list.filter((one) => one !== null && typeof one === "object") : []);

// {scenarios, names: of all losses, series: of them, left: how many scenarios are not shown, choice}
export function gridOf(document) {
  const scenarios = document.scenarios.slice(0, MOST_SCENARIOS).map((scenario) => ({
    ...scenario,
    name: String(scenario.name),
    losses: objects(scenario.losses).slice(0, MOST_LOSSES),
  }));
  const names = [...new Set(scenarios.flatMap(({ losses }) => losses.map(({ name }) => String(name))))];
  return {
    scenarios,
    names,
    series: names.map((name, i) => ({ key: name, name, ...looks(i) })),
    left: document.scenarios.length - scenarios.length,
    choice: firstOf(scenarios, names),
  };
}

export const scenarioOf = (grid) => grid.scenarios.find(({ name }) => name === grid.choice.scenario);

// What the reader looks at: one scenario and one loss for all sections.
function firstOf(scenarios, names) {
  const rank = (name) => (name === STUDENT ? 2 : name.startsWith("welfare_rank") ? 1 : 0);
  const first = names.reduce((a, b) => (a === undefined || rank(b) > rank(a) ? b : a), undefined);
  return choiceOf({ scenario: scenarios.find(({ control }) => !control)?.name ?? scenarios[0]?.name, loss: first });
}

// A picker of the choice. Every one on the page shows the same.
export function picker(grid, what) {
  const names = what === "scenario" ? grid.scenarios.map(({ name }) => name) : grid.names;
  const options = names.map((name) => ({ value: name, text: name }));
  return pickerOf(grid.choice, what, what === "scenario" ? "Scenario" : "Loss", options);
}

// Nodes that are made anew when the choice changes.
export function chosen(grid, make) {
  const place = el("div", { class: "chosen" });
  const fill = () => place.replaceChildren(...[make()].flat(Infinity).filter(Boolean));
  fill();
  grid.choice.listen(() => {
    fill();
    drawAll();
  });
  return place;
}
