// Numbers and names for people.

export const NONE = "–";
export const SPACE = "\u00a0";

export const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
// Of a value of whatever type.
export const anyText = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : String(value));
// int64 are texts in JSON.
export const whole = (value) => (value === null || value === undefined || value === "" ? null : number(Number(value)));

export function fixed(value, decimals) {
  if (number(value) === null) return NONE;
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals, signDisplay: "negative" };
  return value.toLocaleString("en", digits).replace("-", "−");
}

export function signed(value, decimals) {
  const text = fixed(value, decimals);
  return value > 0 && Number(value.toFixed(decimals)) > 0 ? `+${text}` : text;
}

export function plural(count, noun) {
  return `${fixed(Number(count), 0)} ${noun}${Number(count) === 1 ? "" : "s"}`;
}

// Decimals that show the largest value with so many significant digits.
export function decimalsFor(values, digits) {
  const largest = Math.max(...values.filter((value) => number(value) !== null).map(Math.abs));
  if (!(largest > 0) || !Number.isFinite(largest)) return digits - 1;
  return Math.min(8, Math.max(0, digits - 1 - Math.floor(Math.log10(largest))));
}

// One decimal, or more where a value would else look like zero or the interval like a point.
export function percentDecimals(values) {
  const shown = values.filter((value) => Math.abs(value) >= 5e-5);
  for (let decimals = 1; decimals < 4; decimals++) {
    const rounded = shown.map((value) => Number(value.toFixed(decimals)));
    const vanished = rounded.includes(0);
    const merged = shown.length > 1 && new Set(rounded).size === 1 && new Set(shown).size > 1;
    if (!vanished && !merged) return decimals;
  }
  return 4;
}

// Significant digits, for single values of any size.
export function brief(value, digits = 3) {
  if (number(value) === null) return NONE;
  if (value === 0) return "0";
  return Number(value.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: digits }).replace("-", "−");
}

export const percent = (share, digits = 3) =>
  number(share) === null ? NONE : `${brief(100 * share, digits)}${SPACE}%`;

// [lo, hi], or null where it is not defined.
export function interval(pair) {
  return Array.isArray(pair) && pair.length === 2 && pair.every((end) => number(end) !== null) ? pair : null;
}

// A value and its interval: numbers for charts, text for people, a number written by `text`.
export function inWords(value, range, text) {
  const ends = interval(range);
  return {
    value: number(value),
    lo: ends?.[0] ?? null,
    hi: ends?.[1] ?? null,
    valueText: number(value) === null ? "not defined" : text(value),
    rangeText: ends ? `${text(ends[0])} to ${text(ends[1])}` : "interval not defined",
  };
}

// A share and its interval in percent: numbers for charts, text for people. Differences of shares are in `points`.
export function inPercent(share, range, unit = "%") {
  const value = number(share) === null ? null : 100 * share;
  const ends = interval(range)?.map((end) => 100 * end) ?? null;
  const decimals = percentDecimals([value, ...(ends ?? [])].filter((x) => x !== null));
  const text = (x) => signed(x, decimals);
  return {
    value,
    lo: ends?.[0] ?? null,
    hi: ends?.[1] ?? null,
    valueText: value === null ? "not defined" : `${text(value)}${SPACE}${unit}`,
    rangeText: ends ? `${text(ends[0])} to ${text(ends[1])}${SPACE}${unit}` : "interval not defined",
  };
}

// A name that fits: what tells names apart is often at their end, so the middle goes.
export function short(name, characters) {
  const letters = [...String(name)];
  if (letters.length <= characters) return letters.join("");
  const tail = Math.floor((characters - 1) / 2);
  return `${letters.slice(0, characters - 1 - tail).join("")}…${letters.slice(letters.length - tail).join("")}`;
}

// The 95 % interval of a share of which `count` of `of` were seen: Wilson's score interval,
// (p + z^2/2n ± z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
export function wilson(share, of) {
  if (!(of > 0) || number(share) === null) return null;
  const z = 1.959963984540054;
  const centre = share + (z * z) / (2 * of);
  const half = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  const scale = 1 + (z * z) / of;
  return [Math.max(0, (centre - half) / scale), Math.min(1, (centre + half) / scale)];
}
