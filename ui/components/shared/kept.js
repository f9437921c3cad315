// Operations in this browser's storage.

const PREFIX = "maskpose.outbox.";

/** Everything that is kept, in the order in which it was said. */
export function stored() {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => JSON.parse(localStorage.getItem(key)))
      .sort((a, b) => a.at - b.at || a.place - b.place);
  } catch {
    return [];
  }
}

export function keep(op) {
  try {
    localStorage.setItem(PREFIX + op.id, JSON.stringify(op));
  } catch {
    // a full or forbidden storage: the operation is in memory still, and closing the tab warns
  }
}

export function forget(op) {
  try {
    localStorage.removeItem(PREFIX + op.id);
  } catch {
    // see keep
  }
}
