// How training went: the validation metrics after each epoch, and which epoch was kept.
import { chart } from "../lib/chart.js";
import { missing } from "../lib/dom.js";
import { brief, number, whole } from "../lib/format.js";
import { curves } from "../lib/lines.js";
import { cutNote, isRun, runOf, thin } from "../run.js";

const CURVES = [
  {
    id: "validation_welfare",
    title: "Welfare on validation auctions, by epoch",
    axis: (run) => `welfare, ${run.currency} per auction`,
    says: "Mean welfare per auction on the validation set after each pass over the training set; higher is better.",
  },
  {
    id: "validation_logloss",
    title: "Log loss on validation auctions, by epoch",
    axis: () => "log loss, nats",
    says:
      "Mean cross-entropy on the validation set after each pass over the training set; lower is better. A model trained for " +
      "welfare may give some of it away.",
  },
  {
    id: "objective",
    title: "The training objective, by epoch",
    axis: () => "objective / that of the first epoch",
    says:
      "Each model's own objective on the training set, relative to its first pass: losses differ, so that only a curve's " +
      "shape can be compared. A jump is where the rank phase of a loss begins.",
  },
];

function epochsOf(run) {
  return run.models.flatMap((model) => {
    const training = run.training.find(({ ref }) => ref === model.name);
    const epochs = Array.isArray(training?.epochs) ? training.epochs : [];
    const first = number(epochs[0]?.train_value);
    const kept = whole(training?.metrics?.epoch);
    return thin(epochs).map((epoch) => ({
      series: model.key,
      name: model.name,
      x: whole(epoch?.epoch),
      kept: whole(epoch?.epoch) === kept,
      validation_welfare: number(epoch?.validation_welfare),
      validation_logloss: number(epoch?.validation_logloss),
      objective:
        first !== null && first !== 0 && number(epoch?.train_value) !== null ? epoch.train_value / first : null,
    }));
  });
}

function oneChart(run, all, { id, title, axis, says }) {
  const rows = all
    .filter((row) => row.x !== null && row[id] !== null)
    .map((row) => ({
      ...row,
      y: row[id],
      lo: null,
      hi: null,
      say: `${row.name}\nepoch ${row.x}${row.kept ? ", the one that was kept" : ""}\n${title.split(",")[0].toLowerCase()}: ${brief(row[id], 5)}`,
    }));
  const most = Math.max(0, ...run.training.map(({ epochs }) => epochs?.length ?? 0));
  return chart({
    title,
    caption: `${says} A ring marks the epoch whose weights were kept.${cutNote(most, "epoch")}`,
    build: (context) =>
      curves(
        rows,
        {
          x: { title: "epoch", whole: true },
          y: { title: axis(run), nice: true },
          height: 280,
          plain: true,
          marks: rows.filter(({ kept }) => kept),
        },
        context,
      ),
    series: run.series.filter(({ key }) => rows.some(({ series }) => series === key)),
    selection: run.selection,
    columns: [
      { label: "Model", text: (row) => row.name },
      { label: "Epoch", number: true, text: (row) => row.x },
      { label: title.split(",")[0], number: true, text: (row) => brief(row.y, 5), raw: (row) => row.y },
      { label: "Kept", text: (row) => (row.kept ? "yes" : "") },
    ],
    rows,
    empty: "Not in this document.",
  });
}

export default {
  id: "training",
  title: "Training",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    const all = epochsOf(run);
    if (all.length === 0) {
      return missing(
        "There are no training curves in this summary: it holds what was played, not how models were trained. The " +
          "demo adds them; of any run, TensorBoard shows them from its event files.",
      );
    }
    return CURVES.map((curve) => oneChart(run, all, curve));
  },
};
