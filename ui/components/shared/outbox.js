// Labels on their way to the server: kept in this browser until the server has them.
//
//   const outbox = openOutbox({ studio, annotator });      // both from `ui.page_components`
//   outbox.addEventListener("change", () => show(outbox.waiting, outbox.obstacle));
//   outbox.addEventListener("stored", ({ detail }) => …);   // {op, reply}
//   outbox.addEventListener("refused", ({ detail }) => …);  // {op, problem}: will never be stored
//   outbox.addEventListener("aside", ({ detail }) => …);    // {ops, problem}: see `aside`
//   outbox.addEventListener("conflict", ({ detail }) => …); // {held, conflicts}: see `conflicts`
//   outbox.addEventListener("decided", ({ detail }) => …);  // {decided, op}: see `decide`
//   outbox.send("POST", "/annotations", { changes: [{ face_id, base_version, mask }] }, { words: "face 12: masked" });
//
// `send` returns at once; the operation is written to localStorage first, so a reload loses
// nothing. Operations go out one after another in the order they were made, each with a
// `client_op_id`, so that sending one twice does nothing twice. What a closed tab left behind is
// sent by the next one. Pages of one tab share one outbox: what waits for a decision when a page is
// left is found by the next.

import { ApiProblem, Unreachable, call, newId } from "./api.js";
import { Contested, splitOff } from "./contested.js";
import { forget, keep, stored } from "./kept.js";
import { facesOf, isBlindStep, isLabel, overlap, versionsAfter } from "./operations.js";
import { hasGone, isGone, liveAs } from "./presence.js";
import { counted, describe } from "./words.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
//: Where the answer asks for a pause of its own.
const LONGEST_ASKED_MS = 60_000;
//: So often in a row the server may fail over one operation before the others go on without it.
const MOST_FAULTS = 3;

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
  #contested = new Contested();
  #aside = []; // {op, problem}
  #faults = 0; // of the first operation
  #isSending = false;
  #isLooking = true; // for what closed tabs have left behind
  #pauseMs = 0;
  #obstacle = ""; // of the last pause
  #wake = () => {};

  constructor(studio, annotator) {
    super();
    this.#studio = studio;
    this.#annotator = annotator;
    liveAs(this.#tab);
    addEventListener("online", () => this.#wake());
    addEventListener("focus", () => this.#wake());
    addEventListener("beforeunload", (event) => {
      if (this.#holdsAnything) event.preventDefault();
    });
    this.#adoptOrphans();
  }

  /** How many operations the server does not have yet. */
  get waiting() {
    return this.#queue.length;
  }

  /** Whether everything that was ever said here is known to be with the server. */
  get isEmpty() {
    return !this.#isLooking && !this.#holdsAnything;
  }

  /** The faces on which others were faster, until a person has decided: {faceId, theirs, mine}. */
  get conflicts() {
    return this.#contested.all.filter(({ mine }) => mine);
  }

  isContested(faceId) {
    return this.#contested.has(faceId);
  }

  /** What the server fails over each time, though it answers: {op, problem}. Kept like the rest. */
  get aside() {
    return this.#aside;
  }

  /** Whether the last attempt to reach the server failed. */
  get isOffline() {
    return this.#pauseMs > 0;
  }

  /** Why it failed, in words for a person: nobody answered, or what somebody else than the studio
   * said; empty where it did not fail. */
  get obstacle() {
    return this.isOffline ? this.#obstacle : "";
  }

  /** Whether an operation that the server does not have yet is about this face. */
  concerns(faceId) {
    const ops = [...this.#queue, ...this.#aside.map(({ op }) => op)];
    return ops.some((op) => facesOf(op).includes(faceId));
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

  /** A person has decided about contested faces: "mine" goes out again, on top of what is there now,
   * "theirs" stays. */
  decide(faceIds, keeps) {
    const decided = this.#contested.all.filter(({ faceId }) => faceIds.includes(faceId));
    if (!decided.length) return;
    const op = keeps === "mine" ? this.#overrule(decided) : null;
    this.#contested.settle(faceIds);
    this.#tell("decided", { decided, op });
    this.#changed();
  }

  /** Try again what was put aside, before everything else. */
  retryAside() {
    this.#queue.unshift(...this.#aside.splice(0).map(({ op }) => op));
    this.#changed();
    this.#drain();
  }

  /** The person does not want any more what was put aside. */
  dropAside() {
    for (const { op, problem } of this.#aside.splice(0)) {
      forget(op);
      this.#tell("refused", { op, problem });
    }
    this.#changed();
  }

  /** Resolves when nothing waits any more, or the server cannot be reached. */
  async settled() {
    while ((this.#isLooking || this.waiting) && !this.isOffline) {
      await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
    }
  }

  get #holdsAnything() {
    return this.waiting > 0 || this.#contested.size > 0 || this.#aside.length > 0;
  }

  #add(op) {
    if (isLabel(op)) this.#standOnWaiting(op);
    this.#queue.push(op);
    op.place = this.#queue.length;
    keep(op);
    this.#changed();
    this.#drain();
  }

  /** A label is for the version that those before it will leave, whatever its page knew of them. */
  #standOnWaiting(op) {
    const versions = versionsAfter([...this.#aside.map((one) => one.op), ...this.#queue]);
    for (const change of op.body.changes ?? []) {
      change.base_version = versions.get(change.face_id) ?? change.base_version;
    }
  }

  async #drain() {
    if (this.#isSending) return;
    this.#isSending = true;
    await null; // whoever has sent something knows its operation before hearing of it
    try {
      while (this.#queue.length) await this.#sendFirst();
    } finally {
      this.#isSending = false;
    }
  }

  async #sendFirst() {
    const op = this.#queue[0];
    const undecided = isLabel(op) ? this.#contested.among(facesOf(op)) : [];
    const aside = this.#aside.find((one) => overlap(one.op, op));
    if (undecided.length) return this.#hold(undecided);
    if (aside) return this.#putAside(op, aside.problem);
    try {
      const reply = await call(op.method, op.path, op.body, op.annotator);
      this.#pauseMs = 0;
      if (isBlindStep(op)) this.#moveUp(reply);
      this.#leave(op);
      this.#tell("stored", { op, reply });
    } catch (error) {
      if (error instanceof Unreachable) await this.#pause(error);
      else if (!(error instanceof ApiProblem)) throw error;
      else if (error.status >= 500) await this.#failed(op, error);
      else this.#refused(op, error);
    }
  }

  /** The server answers, and fails: it may do better in a moment, or never. */
  async #failed(op, problem) {
    this.#pauseMs = 0;
    this.#faults += 1;
    this.#changed();
    if (this.#faults < MOST_FAULTS) await this.#rest(FIRST_PAUSE_MS);
    else if (isBlindStep(op)) this.#refused(op, problem); // later it would take back something else
    else this.#putAside(op, problem);
  }

  /** What was said later about the same faces stands on it, and stays with it. */
  #putAside(op, problem) {
    this.#faults = 0;
    const ops = this.#queue.filter((one) => one === op || overlap(one, op));
    this.#queue = this.#queue.filter((one) => !ops.includes(one));
    this.#aside.push(...ops.map((one) => ({ op: one, problem })));
    this.#tell("aside", { ops, problem });
    this.#changed();
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
    } else if (op.path === "/opinions") {
      this.#askAgain(op, conflicts);
    } else {
      this.#hold(conflicts);
    }
  }

  /** An opinion holds whatever the label has become: it goes out again for the present one. */
  #askAgain(op, conflicts) {
    const now = new Map(conflicts.map(({ face_id, version }) => [face_id, version]));
    for (const change of op.body.changes) change.base_version = now.get(change.face_id) ?? change.base_version;
    keep(op);
  }

  /** Others were faster on some faces. All that waits to be said of these was said without knowing:
   * it is held, and the rest of each operation keeps its place. */
  #hold(conflicts) {
    const faces = new Set(conflicts.map(({ face_id }) => face_id));
    const isTouched = (op) => isLabel(op) && facesOf(op).some((face) => faces.has(face));
    const isWhole = (op) => facesOf(op).every((face) => faces.has(face));
    const touched = this.#queue.filter(isTouched);
    this.#queue = this.#queue.filter((op) => !(isTouched(op) && isWhole(op)));
    const held = touched.map((op) => (isWhole(op) ? op : splitOff(op, faces)));
    this.#contested.add(held, conflicts);
    this.#tell("conflict", { held, conflicts });
    const takenBack = this.#contested.all.filter(({ mine }) => !mine);
    this.decide(takenBack.map(({ faceId }) => faceId), "theirs"); // nothing to ask
    this.#changed();
  }

  /** The person has seen the other labels and wants the own ones: a new gesture on top of them. */
  #overrule(decided) {
    const changes = decided.map(({ faceId, theirs, mine }) => ({
      ...mine,
      face_id: faceId,
      base_version: theirs.version,
    }));
    const [{ faceId, mine }] = decided;
    const words = decided.length > 1 ? counted(decided.length, "face changed", "faces changed") : `face ${faceId}: ${describe(mine)}`;
    return this.send("POST", "/annotations", { changes }, { words });
  }

  /** An undo or redo whose faces nobody knew beforehand: what was said after it of one of them stands
   * on the version that it has made. */
  #moveUp(reply) {
    const moved = new Set(reply.map(({ face_id }) => face_id));
    for (const op of this.#queue) {
      const changes = (op.body.changes ?? []).filter(({ face_id }) => moved.has(face_id));
      for (const change of changes) change.base_version += 1;
      if (changes.length) keep(op);
    }
  }

  #leave(op) {
    this.#queue = this.#queue.filter((next) => next !== op);
    this.#faults = 0;
    forget(op);
    this.#changed();
  }

  /** Wait longer each time; a connection that comes back ends the wait. */
  async #pause({ message, afterMs }) {
    this.#obstacle = message;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2 || FIRST_PAUSE_MS);
    this.#changed();
    await this.#rest(Math.max(this.#pauseMs, Math.min(LONGEST_ASKED_MS, afterMs)));
  }

  #rest(ms) {
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, ms);
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
