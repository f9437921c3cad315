// Labels that met those of others on the server: held until a person has decided about each face.

import { newId } from "./api.js";
import { forget, keep } from "./kept.js";
import { facesOf } from "./operations.js";

export class Contested {
  #held = []; // operations, in the order in which they were said
  #faces = new Map(); // face id → what is there now, as the server said it

  get size() {
    return this.#faces.size;
  }

  has(faceId) {
    return this.#faces.has(faceId);
  }

  /** {faceId, theirs, mine}: `mine` is what the person said and did not take back, if anything. */
  get all() {
    const wishes = wishesOf(this.#held);
    return [...this.#faces].map(([faceId, theirs]) => ({ faceId, theirs, mine: wishes.get(faceId) }));
  }

  /** What is there now on those of these faces about which nobody has decided. */
  among(faceIds) {
    return faceIds.flatMap((id) => this.#faces.get(id) ?? []);
  }

  add(held, conflicts) {
    this.#held.push(...held);
    for (const theirs of conflicts) this.#faces.set(theirs.face_id, theirs);
  }

  /** Nothing is left to decide about these faces. */
  settle(faceIds) {
    for (const id of faceIds) this.#faces.delete(id);
    for (const op of this.#held) {
      narrow(op, (id) => this.#faces.has(id));
      if (facesOf(op).length) keep(op);
      else forget(op);
    }
    this.#held = this.#held.filter((op) => facesOf(op).length);
  }
}

/** What an operation says of `faces`, as one of its own; the rest of it stays where it is. */
export function splitOff(op, faces) {
  const part = structuredClone(op);
  part.id = part.body.client_op_id = newId();
  part.of = op.id;
  narrow(part, (id) => faces.has(id));
  narrow(op, (id) => !faces.has(id));
  keep(part);
  keep(op);
  return part;
}

/** Leave in an operation only what is about some faces. */
function narrow(op, isAbout) {
  if (op.body.changes) op.body.changes = op.body.changes.filter(({ face_id }) => isAbout(face_id));
  if (op.faces) op.faces = op.faces.filter(isAbout);
}

/** face id → what was said of it and not taken back, as one change. */
function wishesOf(ops) {
  const takenBack = new Set();
  for (const { path, body } of ops) {
    if (path.endsWith("/undo")) takenBack.add(body.gesture);
    if (path.endsWith("/redo")) takenBack.delete(body.gesture);
  }
  const wishes = new Map();
  for (const { id, of, body } of ops) {
    if (takenBack.has(of ?? id)) continue;
    for (const { face_id, base_version, ...wish } of body.changes ?? []) {
      const before = wishes.get(face_id);
      wishes.set(face_id, wish.rejected || before?.rejected ? wish : { ...before, ...wish });
    }
  }
  return wishes;
}
