// A forest plot of a study: rows with points for seeds.
import { chart } from "./chart.js";
import { forest, forestColumns } from "./forest.js";

const SEEDS =
  "Diamonds are means over seeds and bars their 95 % intervals by Student's t; each small circle is one seed.";

// rows: of study.js, rowOf.
export function seedForest({ title, caption, rows, what, label, value, zero, empty }) {
  const known = rows.filter((row) => row.value !== null || row.points.length > 0);
  const unknown = rows.length - known.length;
  const one = known.length > 0 && known.every(({ seeds }) => seeds < 2) ? " With one seed there is no interval." : "";
  return chart({
    title,
    caption:
      `${caption} ${SEEDS}${one}` +
      (unknown > 0 ? ` Not defined, hence not drawn: ${unknown} of ${rows.length} rows.` : ""),
    build: (context) => forest(known, label, context, zero),
    columns: [...forestColumns(what, "", value), { label: "Seeds", number: true, text: (row) => row.seeds }],
    rows: known,
    empty,
  });
}
