// What a reader looks at, for all sections at once, and the pickers of it.
import { el } from "./dom.js";

// values: {what: value}. Those who listen are told of every change.
export function choiceOf(values) {
  const listeners = [];
  return {
    ...values,
    listen: (listener) => listeners.push(listener),
    set(what, value) {
      this[what] = value;
      for (const listener of listeners) listener();
    },
  };
}

// A picker of `what` of a choice. Every one on the page shows the same. options: [{value: a text, text}]
export function pickerOf(choice, what, label, options) {
  const list = el(
    "select",
    { onchange: () => choice.set(what, list.value) },
    options.map(({ value, text }) => el("option", { value }, text)),
  );
  const show = () => (list.value = choice[what]);
  show();
  choice.listen(show);
  return el("label", null, label, list);
}
