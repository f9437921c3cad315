// One key, many faces: labels go through the outbox, what the grid shows follows at once.
//
// Events: "change" (how faces look), "say" (detail: one line for people), "undone" (detail: face
// ids). A gesture is one operation however many faces it is about, and is undone as one.

import { facesOf } from "../shared/operations.js";
import { counted, describe, tally } from "../shared/words.js";
import { saidIn } from "./faces.js";
import { UnderWay } from "./under_way.js";
import { changeFor, inWords } from "./verdicts.js";

export class Labeller extends EventTarget {
  #faces;
  #outbox;
  #annotator;
  #underWay = new UnderWay();
  #steps = new Set(); // operation ids of undos and redos
  #last = null; // the gesture that an undo is about; null, the server knows

  constructor(faces, outbox, annotator, signal) {
    super();
    this.#faces = faces;
    this.#outbox = outbox;
    this.#annotator = annotator;
    const on = (type, act) => outbox.addEventListener(type, ({ detail }) => act(detail), { signal });
    on("stored", (detail) => this.#stored(detail));
    on("refused", (detail) => this.#refused(detail));
    on("aside", ({ ops }) => this.#asOnServer(ops));
    on("conflict", (detail) => this.#conflict(detail));
    on("decided", (detail) => this.#decided(detail));
  }

  isOnItsWay(faceId) {
    return this.#underWay.has(faceId);
  }

  isContested(faceId) {
    return this.#outbox.isContested(faceId);
  }

  /** The faces on which others were faster, on whichever page: {faceId, theirs, mine}. */
  get contested() {
    return this.#outbox.conflicts;
  }

  /** Say the same of all these faces. */
  label(faceIds, verdict) {
    const changes = [];
    for (const face_id of faceIds) {
      const face = this.#faces.get(face_id);
      const wish = face && changeFor(verdict, face);
      if (wish) changes.push({ face_id, base_version: face.version, ...wish });
    }
    if (!changes.length) return this.#say(`nothing to say about ${counted(faceIds.length, "face")}`);
    const words = `${counted(changes.length, "face")}: ${inWords(verdict)}`;
    this.#goesOut(this.#outbox.send("POST", "/annotations", { changes }, { words }));
    this.#say(words);
  }

  /** Flag these faces; where all are flagged, take the flags off. */
  flag(faceIds) {
    if (!faceIds.length) return;
    const flagged = !faceIds.every((id) => this.#faces.get(id).is_flagged);
    const words = `${counted(faceIds.length, "face")}: ${flagged ? "flagged" : "not flagged any more"}`;
    this.#outbox.send("POST", "/flags", { face_ids: faceIds, flagged }, { words, faces: faceIds });
    for (const face_id of faceIds) this.#faces.put({ face_id, is_flagged: flagged });
    this.#say(words);
    this.#changed();
  }

  /** Take back what was done last: where it was done here, that and nothing else. */
  undo() {
    this.#step("undo", this.#last);
  }

  redo() {
    this.#step("redo", null);
  }

  /** What becomes of the contested faces: "mine" changes them, "theirs" leaves them. */
  decide(keeps) {
    this.#outbox.decide(this.contested.map(({ faceId }) => faceId), keeps);
  }

  /** A gesture on its way, on top of the versions that were on the screen. */
  #goesOut(op) {
    this.#last = op;
    this.#foresee(op.body.changes);
    this.#underWay.add(op);
    this.#changed();
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

  /** Of a gesture, or of whichever was the last. The outbox keeps the order: what is said before the
   * answer is about what the step leaves. */
  #step(kind, gesture) {
    const body = gesture ? { gesture: gesture.id } : {};
    const faces = gesture ? facesOf(gesture) : undefined;
    const op = this.#outbox.send("POST", `/annotations/${kind}`, body, { words: kind, faces });
    this.#steps.add(op.id);
    this.#underWay.add(op);
    this.#countUp(facesOf(op));
    this.#last = null;
    this.#changed();
  }

  #countUp(faceIds) {
    for (const face of faceIds.map((id) => this.#faces.get(id)).filter(Boolean)) {
      this.#faces.put({ face_id: face.face_id, version: face.version + 1 });
    }
  }

  #stored({ op, reply }) {
    this.#underWay.remove(op);
    const isStep = this.#steps.delete(op.id);
    const events = Array.isArray(reply) && op.path.startsWith("/annotations") ? reply : [];
    this.#faces.apply(events.filter(({ face_id }) => !this.isOnItsWay(face_id)));
    if (isStep) this.#stepped(op, events);
    this.#changed();
  }

  #stepped(op, events) {
    const here = events.map(({ face_id }) => face_id).filter((id) => this.#faces.get(id));
    // nobody knew that it was about these; they were labelled again meanwhile
    if (!op.faces) this.#countUp(here.filter((id) => this.isOnItsWay(id)));
    const far = events.length - here.length;
    const elsewhere = far ? `, ${far} of them not in this grid` : "";
    const done = op.path.endsWith("undo") ? "Undone" : "Done again";
    const now = tally(events.map(({ label }) => describe(label)));
    this.#say(`${done}: ${counted(events.length, "face")}${elsewhere}, now ${now}`);
    this.#tell("undone", events.map(({ face_id }) => face_id));
  }

  #refused({ op, problem }) {
    this.#steps.delete(op.id);
    this.#say(problem.message);
    this.#asOnServer([op]);
  }

  /** What was foreseen did not happen. */
  #asOnServer(ops) {
    this.#stopped(ops);
    this.#faces.refresh(ops.flatMap(facesOf)).catch(() => {});
  }

  /** Others were faster: their faces wait for a decision, the rest of the gesture goes on. */
  #conflict({ held, conflicts }) {
    this.#stopped(held);
    for (const { face_id, version, annotator, created_at, ...label } of conflicts) {
      this.#faces.put({ face_id, version, annotator, annotated_at: created_at, ...saidIn(label) });
    }
    this.#changed();
  }

  /** These do not go on: an undo is about what came before them. */
  #stopped(ops) {
    for (const op of ops) this.#underWay.remove(op);
    if (ops.includes(this.#last)) this.#last = null;
  }

  #decided({ decided, op }) {
    if (op) this.#goesOut(op);
    this.#say(
      op
        ? counted(decided.length, "face changed to yours", "faces changed to yours")
        : counted(decided.length, "face left as it is", "faces left as they are"),
    );
    this.#changed();
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
