// Which tabs of this browser still live, and whether others are at the same place.

/** Be there until `signal`, or until the tab is gone in whatever way. */
export function beAt(place, signal) {
  const left = new Promise((resolve) => signal.addEventListener("abort", resolve));
  navigator.locks?.request(lockOf(place), { mode: "shared" }, () => left);
}

/** Without locks (plain http of another machine) every other tab counts as gone. */
export async function isAloneAt(place) {
  if (!navigator.locks) return true;
  const { held } = await navigator.locks.query();
  return held.filter(({ name }) => name === lockOf(place)).length <= 1;
}

const lockOf = (place) => `maskpose.place.${place}`;

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
