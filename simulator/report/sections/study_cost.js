// What training costs for what it removes.
import { chart } from "../lib/chart.js";
import { el } from "../lib/dom.js";
import { brief, inPercent, number } from "../lib/format.js";
import { chosen, picker } from "../lib/grid.js";
import { domainOf } from "../lib/lines.js";
import { scatter } from "../lib/scatter.js";
import { table } from "../lib/table.js";
import { isStudy, studyOf } from "../study.js";

function rowsOf(study) {
  const scenario = study.scenarios.find(({ name }) => name === study.choice.scenario);
  const claims = study.document.claims.filter(
    (claim) => claim?.kind === "cost" && claim.where === study.choice.scenario,
  );
  return (scenario?.losses ?? []).map((loss) => {
    const own = number(loss.over_seeds?.cpu_seconds?.mean);
    const teacher = number(loss.over_seeds?.teacher_cpu_seconds?.mean);
    const removed = loss.over_seeds?.regret_removed;
    const cost = claims.find((claim) => claim.loss === loss.name);
    return {
      series: String(loss.name),
      name: String(loss.name),
      x: own === null ? null : own + (teacher ?? 0),
      own,
      teacher,
      y: number(removed?.mean) === null ? null : 100 * removed.mean,
      shown: inPercent(removed?.mean, removed?.t95),
      perPoint: number(cost?.value),
      note: cost?.note ?? null,
    };
  });
}

const costs = (rows, context) =>
  scatter(
    rows.map((row) => ({
      ...row,
      shown: null,
      say:
        `${row.name}\n${brief(row.x)} CPU seconds${row.teacher ? `, of them ${brief(row.teacher)} for the teacher` : ""}\n` +
        `regret removed ${row.shown.valueText}\n95 % interval ${row.shown.rangeText}`,
    })),
    {
      x: {
        title: "CPU seconds of training, teacher included",
        log: true,
        domain: domainOf(
          rows.map((row) => row.x),
          1.3,
        ),
        format: "~g",
      },
      y: { title: "regret removed, %", zero: true, padding: 12 },
      level: { y: 0 },
      height: 320,
    },
    context,
  );

export default {
  id: "cost",
  title: "Cost",
  holds: isStudy,
  draw(document) {
    const study = studyOf(document);
    const columns = [
      { label: "Loss", text: (r) => r.name, node: (r) => [r.name, r.note ? el("small", null, r.note) : ""] },
      { label: "CPU seconds", number: true, text: (r) => brief(r.own), raw: (r) => r.own },
      { label: "of its teacher", number: true, text: (r) => brief(r.teacher), raw: (r) => r.teacher },
      {
        label: "Regret removed",
        number: true,
        text: (r) => r.shown.valueText,
        raw: (r) => (r.y === null ? "" : r.y / 100),
      },
      { label: "95 % interval", number: true, text: (r) => r.shown.rangeText },
      { label: "CPU seconds per point", number: true, text: (r) => brief(r.perPoint), raw: (r) => r.perPoint },
    ];
    return [
      el("div", { class: "controls" }, picker(study, "scenario")),
      chosen(study, () => {
        const all = rowsOf(study);
        const rows = all.filter((row) => row.x > 0 && row.y !== null);
        const series = study.series.filter(({ key }) => rows.some((row) => row.series === key));
        return [
          chart({
            title: `Regret removed for CPU seconds of training in ${study.choice.scenario}`,
            caption:
              "Each symbol is a loss: further left is cheaper, higher removes more of the better log loss's regret. Means over seeds. A teacher is " +
              "counted in full for every loss that uses it, though losses of a seed share it. The time axis is logarithmic.",
            build: (context) => costs(rows, context),
            series,
            columns,
            rows,
            empty: "This study has no CPU seconds (--no-seconds), or no regret removed in this scenario.",
          }),
          el(
            "div",
            null,
            el("h3", null, `CPU seconds for a point of regret removed in ${study.choice.scenario}`),
            table("Cost", columns, all),
            el(
              "p",
              { class: "footnote" },
              "A point is a hundredth of the better log loss's regret. Not given for a loss that removes none.",
            ),
          ),
        ];
      }),
    ];
  },
};
