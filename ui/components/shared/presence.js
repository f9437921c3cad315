// Whether other tabs of this browser are at the same place.

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
