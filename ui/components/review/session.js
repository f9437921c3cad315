// What a person does with the faces of a deck, without anything of the screen.

import { get } from "../shared/api.js";
import { describe } from "../shared/words.js";
import { Decisions } from "./decisions.js";
import { Deck } from "./deck.js";
import { changed, labelOf } from "./labels.js";
import { Pace } from "./pace.js";
import { Replies } from "./replies.js";
import { Sender } from "./sender.js";
import { nextInWords, nowIs } from "./sentences.js";

/** Tells "change" when something to be seen has changed, and "say" with a sentence for people. */
export class Session extends EventTarget {
  deck;
  pace;
  outbox;
  isBlind;
  isSecond; // opinions on labels of others, kept beside them
  size; // faces that make a session, or null
  queueProgress = null; // {left, done} when the page was opened
  doneHere = 0; // since then
  last = null; // the last decision
  #sender;
  #decisions = new Decisions();
  #replies;
  #stop = new AbortController();

  constructor({ queue, studio, annotator }, outbox) {
    super();
    this.outbox = outbox;
    this.isSecond = queue.second_opinion;
    this.isBlind = queue.blind || queue.second_opinion;
    this.size = queue.size;
    this.#sender = new Sender(outbox, this.isSecond);
    this.pace = new Pace(`${studio} ${annotator} ${JSON.stringify(queue)}`);
    this.deck = new Deck(queue, {
      desk: `${studio} ${annotator}`,
      isBusy: (faceId) => outbox.concerns(faceId),
      room: () => (this.size === null ? Infinity : this.size - this.pace.done - this.deck.undecided.length),
    });
    this.#listen();
    this.#begin(queue);
  }

  get face() {
    return this.deck.face;
  }

  get isFinished() {
    return this.size !== null && this.pace.done >= this.size;
  }

  /** Whether what models and others say of the present face may be seen. */
  get isOpen() {
    return !this.isBlind || Boolean(this.face?.isRevealed);
  }

  get canUndo() {
    return this.#decisions.canTakeBack || !this.isSecond;
  }

  get canRedo() {
    return this.#decisions.canRepeat;
  }

  /** Give the present face a label: {mask}, {pose}, both, or {rejected: true}; on to the next.
   * False where the face cannot be seen yet. */
  label(wish) {
    const { face } = this;
    if (!face || !this.#isSeen(face)) return false;
    const words = `Face ${face.face_id}: ${describe(wish)}`;
    const before = beforeOf(face);
    const op = this.#sender.label(face, wish, words);
    face.said = changed(face.said, wish);
    this.#decide({ kind: "label", face, wish, words, op, before, isStored: false });
    return true;
  }

  /** Leave the present face to others. */
  skip() {
    const { face } = this;
    if (!face) return;
    const words = `Face ${face.face_id}: skipped`;
    const op = this.#sender.mark(face, "skip", words);
    this.#decide({ kind: "skip", face, words, op, before: beforeOf(face), isStored: false });
  }

  /** Mark the present face for a talk, or take the mark away. */
  flag() {
    const { face } = this;
    if (!face) return;
    face.is_flagged = !face.is_flagged;
    const words = `Face ${face.face_id}: ${face.is_flagged ? "flagged" : "no longer flagged"}`;
    this.#sender.mark(face, face.is_flagged ? "flag" : "unflag", words);
    this.say(words);
  }

  undo() {
    const decision = this.#decisions.takeBack();
    if (!decision) {
      this.#undoBeforeThisVisit();
    } else if (this.isSecond && decision.kind === "label") {
      this.#return(decision, `Face ${decision.face.face_id} again: a new opinion replaces the one you gave.`);
    } else {
      this.#takeBack(decision);
      this.#return(decision, `Undone. ${decision.words}; now ${nowIs(decision)}.`);
    }
  }

  redo() {
    const decision = this.#decisions.repeat();
    if (!decision) {
      this.say("Nothing to do again.");
      return;
    }
    const { face, wish, words } = decision;
    if (decision.kind === "skip") {
      this.#sender.mark(face, "skip", words);
    } else {
      this.#sender.step("redo", decision);
      face.said = changed(face.said, wish);
    }
    this.deck.show(face);
    this.#decide(decision, true);
  }

  /** Another session of the same size. */
  goOn() {
    this.pace.startOver();
    this.deck.again();
    this.#changed();
  }

  /** Tell a person something that is not to be overlooked. */
  say(text) {
    this.#tell(text, true);
  }

  close() {
    this.#stop.abort();
    this.deck.close();
  }

  #listen() {
    const { signal } = this.#stop;
    const on = (target, type, act) => target.addEventListener(type, ({ detail }) => act(detail), { signal });
    on(this.deck, "change", () => this.#changed());
    on(this.deck.pictures, "ready", () => this.#changed());
    on(this.outbox, "change", () => this.#maybeReconnected());
    on(this.outbox, "decided", ({ decided, op }) => decided.forEach((one) => this.#decided(one, op)));
    this.#replies = new Replies(this.outbox, { deck: this.deck, decisions: this.#decisions }, signal);
    on(this.#replies, "change", () => this.#changed());
    on(this.#replies, "say", (text) => this.say(text));
  }

  async #begin(queue) {
    // labels of an earlier visit first, or their faces would come again
    await this.outbox.settled();
    this.deck.refill();
    const address = `/queue/progress?queue=${encodeURIComponent(JSON.stringify(queue))}`;
    this.queueProgress = await get(address).catch(() => null);
    this.#changed();
  }

  /** A key before its picture is there would label something unseen. */
  #isSeen(face) {
    const { state } = this.deck.pictures.of(face.face_id);
    if (state === "ready") return true;
    const isMissing = state === "missing";
    this.say(isMissing ? "This picture cannot be shown: skip the face." : "The picture is not there yet: this key did nothing.");
    return false;
  }

  #decide(decision, isRepeated = false) {
    const { face, kind, words } = decision;
    const isNew = face.decision?.kind !== "label";
    face.decision = decision;
    if (kind === "label" && isNew) this.#count(1);
    this.#decisions.add(decision, isRepeated);
    this.last = decision;
    if (this.isBlind && kind === "label") this.#reveal(face);
    this.deck.next();
    this.#tell(`${isRepeated ? "Done again. " : ""}${words}. ${nextInWords(this)}`, isRepeated);
  }

  /** A conflict was decided: `op` carries the own label, null keeps the other one. */
  #decided({ faceId, theirs, mine }, op) {
    const face = this.deck.find(faceId);
    this.#decisions.settle(faceId, op);
    const label = op ? changed(theirs, mine) : labelOf(theirs);
    if (face) Object.assign(face, { version: theirs.version + (op ? 1 : 0), said: label });
    this.say(`Face ${faceId} is ${describe(label)} now.`);
  }

  #takeBack(decision) {
    const { face, kind, words, before } = decision;
    this.#decisions.keepForRepeat(decision);
    if (kind === "skip") {
      this.#sender.mark(face, "unskip", `${words}: undone`);
    } else {
      this.#sender.step("undo", decision);
      face.said = before.said;
    }
  }

  /** Show a face whose decision was taken back. */
  #return({ kind, face, before }, words) {
    if (kind === "label" && before.decision?.kind !== "label") this.#count(-1);
    face.decision = before.decision;
    this.last = null;
    this.deck.show(face);
    this.say(words);
  }

  #count(by) {
    this.pace.count(by);
    this.doneHere += by;
  }

  /** Nothing of this visit is left: the server knows what came before it. */
  #undoBeforeThisVisit() {
    if (this.isSecond) this.say("Nothing to undo.");
    else this.#replies.expectUndo(this.#sender.undoAny());
  }

  /** After a blind decision: what the others say, unless the decision was taken back meanwhile. */
  async #reveal(face) {
    const [found] = await get(`/queue/faces?face_id=${face.face_id}`).catch(() => []);
    if (!found || face.decision?.kind !== "label") return;
    const { said, version, is_flagged } = face; // keys may have changed them since the question
    const first = this.isSecond ? found.said : null; // the label that the opinion is about
    Object.assign(face, found, { said, version, is_flagged, first, isRevealed: true });
    this.#changed();
  }

  #maybeReconnected() {
    if (!this.outbox.isOffline && this.deck.trouble) this.deck.refill();
    this.#changed();
  }

  /** `isNotice`: to be seen too; what happened as expected is only read out. */
  #tell(text, isNotice) {
    this.dispatchEvent(new CustomEvent("say", { detail: { text, isNotice } }));
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

const beforeOf = ({ said, decision = null }) => ({ said, decision });
