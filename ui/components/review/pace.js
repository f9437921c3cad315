// How far a session is and how fast: remembered in this browser, so that it goes on later.

//: Pauses longer than this do not count as work.
const LONGEST_GAP_MS = 60_000;
//: The pace is that of the last so many decisions.
const RECENT = 30;

export class Pace {
  #storage;
  #gaps = [];
  #last = null;
  done = 0;

  /** `name` tells one session from another. */
  constructor(name) {
    this.#storage = `maskpose.session.${name}`;
    try {
      this.done = Number(localStorage.getItem(this.#storage)) || 0;
    } catch {
      // without storage a session begins anew when the page is loaded
    }
  }

  count(by) {
    const now = performance.now();
    if (by > 0 && this.#last !== null) {
      this.#gaps = [...this.#gaps, Math.min(now - this.#last, LONGEST_GAP_MS)].slice(-RECENT);
    }
    this.#last = now;
    this.#set(Math.max(0, this.done + by));
  }

  startOver() {
    this.#set(0);
  }

  /** Faces an hour, or null where there are too few to tell. */
  get facesPerHour() {
    if (this.#gaps.length < 3) return null;
    const mean = this.#gaps.reduce((sum, gap) => sum + gap, 0) / this.#gaps.length;
    return Math.round(3_600_000 / Math.max(1, mean));
  }

  #set(done) {
    this.done = done;
    try {
      localStorage.setItem(this.#storage, String(done));
    } catch {
      // see the constructor
    }
  }
}
