// Labels on their way to the server: kept in this browser until the server has them.
//
//   const outbox = openOutbox({ studio, annotator });      // both from `ui.page_components`
//   outbox.addEventListener("change", () => show(outbox.waiting, outbox.isOffline));
//   outbox.addEventListener("stored", ({ detail }) => …);   // {op, reply}
//   outbox.addEventListener("conflict", ({ detail }) => …); // {op, conflicts, later}: see conflict.js
//   outbox.addEventListener("refused", ({ detail }) => …);  // {op, problem}: will never be stored
//   outbox.send("POST", "/annotations", { changes: [{ face_id, base_version, mask }] }, { words: "face 12: masked" });
//
// `send` returns at once; the operation is written to localStorage first, so a reload loses
// nothing. Operations go out one after another in the order they were made, each with a
// `client_op_id`, so that sending one twice does nothing twice. What a closed tab left behind is
// sent by the next one. Pages of one tab share one outbox.

import { ApiProblem, Unreachable, call, newId } from "./api.js";

const PREFIX = "maskpose.outbox.";
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

const open = new Map();

/** The outbox of a person in a studio; labels of others, or for another home, stay untouched. */
export function openOutbox({ studio, annotator }) {
  const name = `${studio} ${annotator}`;
  if (!open.has(name)) open.set(name, new Outbox(studio, annotator));
  return open.get(name);
}

class Outbox extends EventTarget {
  #studio;
  #annotator;
  #tab = newId();
  #queue = [];
  #undecided = new Map(); // operation id → operation, until a person has decided
  #isSending = false;
  #isLooking = true; // for what closed tabs have left behind
  #pauseMs = 0;
  #wake = () => {};

  constructor(studio, annotator) {
    super();
    this.#studio = studio;
    this.#annotator = annotator;
    // Held while this tab lives: others can tell whose labels are orphans.
    navigator.locks?.request(tabLock(this.#tab), () => new Promise(() => {}));
    addEventListener("online", () => this.#wake());
    addEventListener("focus", () => this.#wake());
    addEventListener("beforeunload", (event) => {
      if (this.waiting || this.undecided) event.preventDefault();
    });
    this.#adoptOrphans();
  }

  /** How many operations the server does not have yet. */
  get waiting() {
    return this.#queue.length;
  }

  /** Whether everything that was ever said here is known to be with the server. */
  get isEmpty() {
    return !this.#isLooking && !this.waiting;
  }

  /** How many conflicts wait for a decision. */
  get undecided() {
    return this.#undecided.size;
  }

  /** Whether the last attempt to reach the server failed. */
  get isOffline() {
    return this.#pauseMs > 0;
  }

  /** Whether an operation that waits is about this face. */
  concerns(faceId) {
    return this.#queue.some((op) => facesOf(op).includes(faceId));
  }

  /** Keep an operation and send it when its turn comes; returns it. `words` say what it is,
   * `faces` whom it is about where the body has no `changes`. */
  send(method, path, body, { words, faces }) {
    const id = newId();
    const op = {
      id,
      method,
      path,
      body: { client_op_id: id, ...body },
      words,
      faces,
      at: Date.now(),
      tab: this.#tab,
      studio: this.#studio,
      annotator: this.#annotator,
    };
    this.#add(op);
    return op;
  }

  /** Forget an operation whose conflict is decided. */
  settle(op) {
    this.#undecided.delete(op.id);
    forget(op);
    this.#changed();
  }

  /** Resolves when nothing waits any more, or the server cannot be reached. */
  async settled() {
    while (!this.isEmpty && !this.isOffline) {
      await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
    }
  }

  #add(op) {
    this.#queue.push(op);
    keep(op, this.#queue.length);
    this.#changed();
    this.#drain();
  }

  async #drain() {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#queue.length) await this.#sendFirst();
    } finally {
      this.#isSending = false;
    }
  }

  async #sendFirst() {
    const op = this.#queue[0];
    try {
      const reply = await call(op.method, op.path, op.body, op.annotator);
      this.#pauseMs = 0;
      this.#leave(op);
      this.#tell("stored", { op, reply });
    } catch (error) {
      if (error instanceof Unreachable) await this.#pause();
      else if (error instanceof ApiProblem) this.#refused(op, error);
      else throw error;
    }
  }

  #refused(op, problem) {
    this.#pauseMs = 0;
    const conflicts = op.body.changes ? (problem.body.conflicts ?? []) : [];
    if (!conflicts.length) {
      this.#leave(op);
      this.#tell("refused", { op, problem });
    } else if (conflicts.every(({ client_op_id }) => client_op_id === op.id)) {
      this.#leave(op); // another tab has sent it in the meantime
      this.#tell("stored", { op, reply: conflicts });
    } else {
      this.#contested(op, conflicts);
    }
  }

  /** What was said later about the same faces was said without knowing: it waits as well. */
  #contested(op, conflicts) {
    const faces = conflicts.map(({ face_id }) => face_id);
    const later = this.#queue
      .slice(1)
      .filter((next) => facesOf(next).some((face) => faces.includes(face)));
    for (const held of [op, ...later]) this.#undecided.set(held.id, held);
    this.#queue = this.#queue.filter((next) => next !== op && !later.includes(next));
    this.#changed();
    this.#tell("conflict", { op, conflicts, later });
  }

  #leave(op) {
    this.#queue = this.#queue.filter((next) => next !== op);
    forget(op);
    this.#changed();
  }

  /** Wait longer each time; a connection that comes back ends the wait. */
  async #pause() {
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2 || FIRST_PAUSE_MS);
    this.#changed();
    await new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, this.#pauseMs);
    });
  }

  /** Send what tabs that are gone have left behind, and later what those that live still leave. */
  async #adoptOrphans() {
    const tabs = [...new Set(this.#ofOtherTabs().map(({ tab }) => tab))];
    const living = [];
    try {
      for (const tab of tabs) if (!(await isGone(tab))) living.push(tab);
      this.#adopt(tabs.filter((tab) => !living.includes(tab)));
    } finally {
      this.#isLooking = false;
      this.#changed();
    }
    for (const tab of living) hasGone(tab).then(() => this.#adopt([tab]));
  }

  #adopt(tabs) {
    for (const op of this.#ofOtherTabs()) if (tabs.includes(op.tab)) this.#add({ ...op, tab: this.#tab });
  }

  #ofOtherTabs() {
    return stored().filter(
      (op) => op.studio === this.#studio && op.annotator === this.#annotator && op.tab !== this.#tab,
    );
  }

  #changed() {
    this.#tell("change", null);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** The faces that an operation is about. */
export function facesOf(op) {
  return op.faces ?? (op.body.changes ?? []).map(({ face_id }) => face_id);
}

const tabLock = (tab) => `maskpose.tab.${tab}`;

/** Without locks (plain http of another machine) every other tab counts as gone: two tabs may send
 * the same operation then, which its id makes harmless. */
async function isGone(tab) {
  if (!navigator.locks) return true;
  return navigator.locks.request(tabLock(tab), { ifAvailable: true }, (lock) => lock !== null);
}

/** Resolves when the tab is closed; one that was left a moment ago may take that moment. */
async function hasGone(tab) {
  await navigator.locks.request(tabLock(tab), () => {});
}

function stored() {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => JSON.parse(localStorage.getItem(key)))
      .sort((a, b) => a.at - b.at || a.place - b.place);
  } catch {
    return [];
  }
}

function keep(op, place) {
  try {
    localStorage.setItem(PREFIX + op.id, JSON.stringify({ ...op, place }));
  } catch {
    // a full or forbidden storage: the operation is in memory still, and closing the tab warns
  }
}

function forget(op) {
  try {
    localStorage.removeItem(PREFIX + op.id);
  } catch {
    // see keep
  }
}
