// What was decided in this visit, in order, to be taken back and done again.

/** A decision: {kind: "label" | "skip", face, wish, words, op, before: {said, decision}, isStored}. */
export class Decisions {
  #done = [];
  #undone = [];

  get canTakeBack() {
    return this.#done.length > 0;
  }

  get canRepeat() {
    return this.#undone.length > 0;
  }

  /** A new decision ends what could be done again; a repeated one does not. */
  add(decision, isRepeated = false) {
    this.#done.push(decision);
    if (!isRepeated) this.#undone = [];
  }

  /** The last one, which is no longer decided; undefined where none is left. */
  takeBack() {
    return this.#done.pop();
  }

  /** A decision that was taken back can be done again. */
  keepForRepeat(decision) {
    this.#undone.push(decision);
  }

  /** The one that was taken back last. */
  repeat() {
    return this.#undone.pop();
  }

  markStored(opId) {
    const found = [...this.#done, ...this.#undone].find(({ op }) => op.id === opId);
    if (found) found.isStored = true;
  }

  forget(opId) {
    this.#done = this.#done.filter(({ op }) => op.id !== opId);
  }

  forgetAll() {
    this.#done = [];
  }

  /** After a conflict: `op` stands for what was decided on this face; null, nothing of it counts. */
  settle(faceId, op) {
    const own = this.#done.findLast(({ face }) => face.face_id === faceId);
    this.#done = this.#done.filter((one) => one.face.face_id !== faceId || (op && one === own));
    if (own && op) Object.assign(own, { op, isStored: false });
  }
}
