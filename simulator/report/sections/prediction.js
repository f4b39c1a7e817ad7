// Prediction quality beside welfare: whether the model that predicts better is the one that decides better.
import { chart } from "../lib/chart.js";
import { brief, number } from "../lib/format.js";
import { scatter } from "../lib/scatter.js";
import { isRun, runOf } from "../run.js";

const METRICS = [
  {
    id: "auc",
    name: "AUC",
    says: "the probability that a clicked candidate has a higher prediction than one that was not; further right is better",
  },
  {
    id: "logloss",
    name: "Log loss",
    says: "mean cross-entropy of predictions and clicks, in nats; further left is better",
  },
];

export default {
  id: "prediction",
  title: "Prediction quality",
  holds: isRun,
  draw(document) {
    const run = runOf(document);
    return METRICS.map(({ id, name, says }) => {
      const rows = run.models.flatMap((model) => {
        const [x, y] = [number(model[id]), number(model.welfare)];
        if (x === null || y === null) return [];
        return [
          {
            series: model.key,
            name: model.name,
            x,
            y,
            say: `${model.name}\n${name} ${brief(x, 4)}\nwelfare ${brief(y, 4)} ${run.currency} an auction`,
          },
        ];
      });
      return chart({
        title: `${name} and welfare of each model`,
        caption:
          `Each symbol is a model. ${name} is ${says}. Welfare is a mean per auction; higher is better. Models off one ` +
          "rising line show that the two do not measure the same.",
        build: (context) =>
          scatter(
            rows,
            {
              x: { title: name, nice: true, padding: 12 },
              y: { title: `welfare, ${run.currency} per auction`, nice: true, padding: 12 },
            },
            context,
          ),
        series: run.series,
        selection: run.selection,
        columns: [
          { label: "Model", text: (row) => row.name },
          { label: name, number: true, text: (row) => brief(row.x, 5), raw: (row) => row.x },
          {
            label: `Welfare, ${run.currency} per auction`,
            number: true,
            text: (row) => brief(row.y, 5),
            raw: (row) => row.y,
          },
        ],
        rows,
        empty: `${name} is not in this summary: no click of a candidate is known.`,
      });
    });
  },
};
