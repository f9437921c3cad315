// What became of the gestures that were sent: stored, or refused for good.

import { facesOf } from "../shared/operations.js";
import { describe } from "../shared/words.js";

/** Tells "change", and "say" with a sentence for people. */
export class Replies extends EventTarget {
  #deck;
  #decisions;
  #anyUndo = new Set(); // ids of undos for which the server chose what to take back

  constructor(outbox, { deck, decisions }, signal) {
    super();
    this.#deck = deck;
    this.#decisions = decisions;
    const on = (type, act) => outbox.addEventListener(type, ({ detail }) => act(detail), { signal });
    on("stored", (detail) => this.#stored(detail));
    on("refused", (detail) => this.#refused(detail));
  }

  /** The reply to this operation will say what was undone. */
  expectUndo(op) {
    this.#anyUndo.add(op.id);
  }

  async #stored({ op, reply }) {
    this.#decisions.markStored(op.id);
    if (this.#anyUndo.delete(op.id)) await this.#undoneByServer(reply);
    this.#tell("change");
  }

  async #undoneByServer(steps) {
    const [{ face_id, before, label }] = steps;
    const more = steps.length > 1 ? ` and ${steps.length - 1} more` : "";
    const face = await this.#deck.fetch(face_id).catch(() => null);
    if (face) {
      face.decision = null;
      this.#deck.show(face);
    }
    this.#tell("say", `Undone: face ${face_id}${more} was ${describe(before)}, now ${describe(label)}.`);
  }

  /** The server said no for good: show what is there instead. */
  async #refused({ op, problem }) {
    const isStep = op.path.startsWith("/annotations/"); // undo or redo: what follows is unsure
    if (isStep) this.#decisions.forgetAll();
    else this.#decisions.forget(op.id);
    for (const faceId of facesOf(op)) {
      const face = await this.#deck.fetch(faceId).catch(() => null);
      if (face?.decision?.op.id === op.id) face.decision = null;
    }
    this.#tell("say", `Not stored: ${op.words}. ${problem.message}`);
  }

  #tell(type, detail = null) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
