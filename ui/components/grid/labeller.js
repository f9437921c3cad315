// One key, many faces: labels go through the outbox, what the grid shows follows at once.
//
// Events: "change" (how faces look), "say" (detail: one line for people), "undone" (detail: face
// ids). A gesture is one operation however many faces it is about, and is undone as one.

import { facesOf } from "../shared/outbox.js";
import { counted, describe, tally } from "../shared/words.js";
import { saidIn } from "./faces.js";
import { UnderWay } from "./under_way.js";
import { changeFor, inWords } from "./verdicts.js";

export class Labeller extends EventTarget {
  #faces;
  #outbox;
  #annotator;
  #underWay = new UnderWay();
  #steps = new Map(); // operation id of an undo or redo → what to call when it is answered
  #contested = new Map(); // face id → {wish, theirs}
  #heldBack = [];
  #turn = Promise.resolve(); // an undo must be answered before anything else is said

  constructor(faces, outbox, annotator, signal) {
    super();
    this.#faces = faces;
    this.#outbox = outbox;
    this.#annotator = annotator;
    const on = (type, act) => outbox.addEventListener(type, ({ detail }) => act(detail), { signal });
    on("stored", (detail) => this.#stored(detail));
    on("refused", (detail) => this.#refused(detail));
    on("conflict", (detail) => this.#conflict(detail));
  }

  isOnItsWay(faceId) {
    return this.#underWay.has(faceId);
  }

  isContested(faceId) {
    return this.#contested.has(faceId);
  }

  /** The faces on which others were faster: [face id, {wish, theirs}]. */
  get contested() {
    return [...this.#contested];
  }

  /** Say the same of all these faces. */
  label(faceIds, verdict) {
    this.#turn = this.#turn.then(() => {
      const wishes = new Map();
      const versions = new Map();
      for (const id of faceIds) {
        const face = this.#faces.get(id);
        const wish = face && changeFor(verdict, face);
        if (!wish) continue;
        wishes.set(id, wish);
        versions.set(id, face.version);
      }
      const words = `${counted(wishes.size, "face")}: ${inWords(verdict)}`;
      if (!wishes.size) return this.#say(`nothing to say about ${counted(faceIds.length, "face")}`);
      this.#send(wishes, versions, words);
      this.#say(words);
    });
  }

  /** Flag these faces; where all are flagged, take the flags off. */
  flag(faceIds) {
    if (!faceIds.length) return;
    const flagged = !faceIds.every((id) => this.#faces.get(id).is_flagged);
    const words = `${counted(faceIds.length, "face")}: ${flagged ? "flagged" : "not flagged any more"}`;
    this.#outbox.send("POST", "/flags", { face_ids: faceIds, flagged }, { words });
    for (const face_id of faceIds) this.#faces.put({ face_id, is_flagged: flagged });
    this.#say(words);
    this.#changed();
  }

  undo() {
    this.#step("undo");
  }

  redo() {
    this.#step("redo");
  }

  /** What becomes of the contested faces: "mine" changes them, "theirs" leaves them. */
  decide(keeps) {
    const wishes = new Map(this.contested.map(([id, { wish }]) => [id, wish]));
    const versions = new Map(this.contested.map(([id, { theirs }]) => [id, theirs.version]));
    this.#contested.clear();
    this.#heldBack.splice(0).forEach((op) => this.#outbox.settle(op));
    if (keeps === "mine") this.#send(wishes, versions, counted(wishes.size, "face changed", "faces changed"));
    this.#say(
      keeps === "mine"
        ? counted(wishes.size, "face changed to yours", "faces changed to yours")
        : counted(wishes.size, "face left as it is", "faces left as they are"),
    );
  }

  /** One operation: what is wished of each face, on top of the version that was on the screen. */
  #send(wishes, versions, words) {
    const changes = [...wishes].map(([face_id, wish]) => ({
      face_id,
      base_version: versions.get(face_id),
      ...wish,
    }));
    this.#foresee(changes);
    this.#underWay.add(this.#post(changes, words));
    this.#changed();
  }

  #post(changes, words) {
    return this.#outbox.send("POST", "/annotations", { changes }, { words });
  }

  /** Show what the server will say when all goes well. */
  #foresee(changes) {
    for (const { face_id, base_version, mask = null, rejected = false } of changes) {
      this.#faces.put({
        face_id,
        version: base_version + 1,
        annotator: this.#annotator,
        annotated_at: new Date().toISOString(),
        ...saidIn({ mask, rejected }),
      });
    }
  }

  #step(kind) {
    this.#turn = this.#turn.then(
      () =>
        new Promise((resolve) => {
          const op = this.#outbox.send("POST", `/annotations/${kind}`, {}, { words: kind });
          this.#steps.set(op.id, resolve);
        }),
    );
  }

  #stored({ op, reply }) {
    this.#underWay.remove(op);
    const events = Array.isArray(reply) ? reply : [];
    const last = events.filter((event) => !this.isOnItsWay(event.face_id));
    this.#faces.apply(last);
    if (this.#steps.has(op.id)) {
      const far = events.filter((event) => this.#faces.placeOf(event.face_id) === undefined).length;
      const elsewhere = far ? `, ${far} of them not in this grid` : "";
      const done = op.path.endsWith("undo") ? "Undone" : "Done again";
      const now = tally(events.map(({ label }) => describe(label)));
      this.#say(`${done}: ${counted(events.length, "face")}${elsewhere}, now ${now}`);
      this.#tell("undone", events.map((event) => event.face_id));
      this.#answered(op);
    }
    this.#changed();
  }

  #refused({ op, problem }) {
    this.#underWay.remove(op);
    this.#say(problem.message);
    this.#answered(op);
    this.#faces.refresh(facesOf(op)).catch(() => {}); // what was foreseen did not happen
  }

  /** Others were faster: their faces wait for a decision, the rest of the gesture goes on. */
  #conflict({ op, conflicts, later }) {
    const theirs = new Map(conflicts.map((conflict) => [conflict.face_id, conflict]));
    for (const held of [op, ...later]) {
      this.#underWay.remove(held);
      this.#heldBack.push(held);
      const changes = held.body.changes ?? []; // none: an undo from another page
      for (const { face_id, base_version, ...wish } of changes) {
        if (theirs.has(face_id)) this.#contested.set(face_id, { wish, theirs: theirs.get(face_id) });
      }
      const rest = changes.filter(({ face_id }) => !theirs.has(face_id));
      if (rest.length) this.#underWay.add(this.#post(rest, held.words));
    }
    for (const { face_id, version, annotator, created_at, ...label } of conflicts) {
      this.#faces.put({ face_id, version, annotator, annotated_at: created_at, ...saidIn(label) });
    }
    this.#changed();
  }

  #answered(op) {
    this.#steps.get(op.id)?.();
    this.#steps.delete(op.id);
  }

  #say(text) {
    this.#tell("say", text);
  }

  #changed() {
    this.#tell("change", null);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
