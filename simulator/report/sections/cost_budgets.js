// What to train with when so much money is there.
import { costOf, isCost, leftNote, listed, lossText, moneyText, nameNode, objects } from "../cost.js";
import { missing, paragraph } from "../lib/dom.js";
import { number } from "../lib/format.js";
import { table } from "../lib/table.js";
import { timeText } from "../lib/units.js";

function rowsOf(study) {
  return objects(study.document.budgets).map((budget) => {
    const known = budget.point !== null && budget.point !== undefined;
    return {
      dollars: number(budget.dollars),
      loss: number(budget.loss),
      seconds: number(budget.seconds),
      name: known
        ? (study.byId.get(budget.point)?.name ?? "a point that is not here")
        : "nothing is known for so little money",
      clipped: budget.clipped === true,
    };
  });
}

export default {
  id: "budgets",
  title: "The best point for a budget",
  holds: isCost,
  draw(document) {
    const study = costOf(document);
    const rows = rowsOf(study);
    if (rows.length === 0)
      return missing("This document has no budgets: it has no loss curves, or none were asked for (`--budget`).");
    const columns = [
      { label: "Budget", text: (row) => moneyText(study, row.dollars), raw: (row) => row.dollars },
      { label: "The best point", text: (row) => row.name, node: (row) => nameNode(row.name) },
      { label: "Loss", number: true, text: (row) => lossText(row.loss), raw: (row) => row.loss },
      { label: "Time", number: true, text: (row) => timeText(row.seconds), raw: (row) => row.seconds },
      {
        label: "Ends before",
        title: "The curve ends before the budget does",
        text: (row) => (row.clipped ? "yes" : ""),
      },
    ];
    return [
      table("Budgets", columns, listed(rows)),
      leftNote(rows),
      paragraph(
        "The point whose loss is least after so much money, of those that were measured. Where its curve ends before the budget does, " +
          "what training on would give is not known, and another point may be better.",
        "footnote",
      ),
    ];
  },
};
