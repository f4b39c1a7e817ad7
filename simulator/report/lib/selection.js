// Which of many series charts show: one choice for all charts that have them.

// `keys` in order; the first `most` are shown at the beginning. At least one stays. A listener that answers false is told
// of no more changes.
export function selectionOf(keys, most) {
  const shown = new Set(keys.slice(0, most));
  let listeners = [];
  return {
    shown,
    listen: (listener) => listeners.push(listener),
    toggle(key) {
      if (!shown.has(key)) shown.add(key);
      else if (shown.size > 1) shown.delete(key);
      listeners = listeners.filter((listener) => listener() !== false);
    },
  };
}
