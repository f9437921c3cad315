// Operations in this browser's storage, and which of its tabs still live.

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

/** Held while this tab lives: others can tell whose labels are orphans. */
export function liveAs(tab) {
  navigator.locks?.request(tabLock(tab), () => new Promise(() => {}));
}

/** Without locks (plain http of another machine) every other tab counts as gone: two tabs may send
 * the same operation then, which its id makes harmless. */
export async function isGone(tab) {
  if (!navigator.locks) return true;
  return navigator.locks.request(tabLock(tab), { ifAvailable: true }, (lock) => lock !== null);
}

/** Resolves when the tab is closed; one that was left a moment ago may take that moment. */
export async function hasGone(tab) {
  await navigator.locks.request(tabLock(tab), () => {});
}

const tabLock = (tab) => `maskpose.tab.${tab}`;
