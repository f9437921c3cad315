// Gestures as operations of the outbox; the version of a face counts up with each label.

export class Sender {
  #outbox;
  #isSecond;

  /** `isSecond`: what is said is an opinion beside the label of somebody else. */
  constructor(outbox, isSecond) {
    this.#outbox = outbox;
    this.#isSecond = isSecond;
  }

  /** A label, or in second opinions an opinion; blind unless the others' were seen before. */
  label(face, wish, words) {
    const changes = [{ face_id: face.face_id, base_version: face.version, ...wish }];
    if (this.#isSecond) {
      return this.#outbox.send("POST", "/opinions", { blind: !face.isRevealed, changes }, { words });
    }
    face.version += 1;
    return this.#outbox.send("POST", "/annotations", { changes }, { words });
  }

  /** "skip", "unskip", "flag" or "unflag". */
  mark(face, what, words) {
    const about = { words, faces: [face.face_id] };
    return this.#outbox.send("POST", `/faces/${face.face_id}/${what}`, {}, about);
  }

  /** "undo" or "redo" of a label, and of no other: the server refuses where it is not the last. */
  step(kind, { op, face, words }) {
    face.version += 1;
    const about = { words: `${kind}: ${words}`, faces: [face.face_id] };
    return this.#outbox.send("POST", `/annotations/${kind}`, { gesture: op.id }, about);
  }

  /** Whatever this person did last, on whichever page. */
  undoAny() {
    return this.#outbox.send("POST", "/annotations/undo", {}, { words: "undo" });
  }
}
