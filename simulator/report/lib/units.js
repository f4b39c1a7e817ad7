// Amounts of any size for people, in the unit that suits them.
import { brief, number, SPACE } from "./format.js";

// null where there is none; units: [[from where on, name, what it is worth: default as much]], the smallest first.
function inUnits(value, units) {
  if (number(value) === null) return null;
  const [from, name, worth = from] = units.findLast(([least]) => Math.abs(value) >= least) ?? units[0];
  return value === 0 ? "0" : `${brief(value / worth)}${name === "" ? "" : SPACE}${name}`;
}
const TIMES = [
  [1e-6, "µs"],
  [1e-3, "ms"],
  [1, "s"],
  [120, "min", 60],
  [7200, "h", 3600],
  [172800, "days", 86400],
];
const COUNTS = [
  [1, ""],
  [1e6, "million"],
  [1e9, "billion"],
  [1e12, "trillion"],
];
const BYTES = [
  [1, "bytes"],
  [2 ** 10, "KiB"],
  [2 ** 20, "MiB"],
  [2 ** 30, "GiB"],
  [2 ** 40, "TiB"],
];

export const timeText = (seconds) => inUnits(seconds, TIMES);
export const countText = (count) => inUnits(count, COUNTS);
export const bytesText = (bytes) => inUnits(bytes, BYTES);
