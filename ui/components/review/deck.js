// The faces of a session: taken from the queue ahead of time, decided one by one.

import { ApiProblem, get, post } from "../shared/api.js";
import { beAt, isAloneAt } from "../shared/presence.js";
import { Pictures } from "./pictures.js";

const FIRST_TAKE = 12;
//: So many undecided faces are kept at hand: forty quick keys find their pictures.
const AHEAD = 60;
//: Pictures behind the present one stay for going back.
const BEHIND = 20;
const CROP_PX = 512;
//: In one request; others are free after five minutes.
const MOST_RELEASED = 400;
const HOLD_EVERY_MS = 100_000;
//: After so long without a key, others may have the faces.
const IDLE_MS = 600_000;

/** Tells "change" when faces or the present place change. `isBusy(faceId)`: a label is on its way. */
export class Deck extends EventTarget {
  faces = [];
  place = 0;
  pictures = new Pictures(CROP_PX);
  trouble = ""; // why no more faces come
  isAtEnd = false;
  #queue;
  #isBusy;
  #room; // () → how many more faces the session wants
  #desk; // where the tabs of one person meet
  #leaves = new AbortController();
  #taking = null;
  #again = new Set(); // held, though they were decided here already
  #lastMove = Date.now();
  #timer;

  constructor(queue, { desk, isBusy, room }) {
    super();
    this.#queue = queue;
    this.#isBusy = isBusy;
    this.#room = room;
    this.#desk = desk;
    beAt(desk, this.#leaves.signal);
    this.#timer = setInterval(() => this.#hold(), HOLD_EVERY_MS);
  }

  get face() {
    return this.faces[this.place] ?? null;
  }

  get undecided() {
    return this.faces.filter((face) => !face.decision);
  }

  /** How many of the present and following faces could be shown at once. */
  get readyAhead() {
    const waits = this.faces.slice(this.place).findIndex(({ face_id }) => this.pictures.of(face_id).state !== "ready");
    return waits < 0 ? this.faces.length - this.place : waits;
  }

  get isTaking() {
    return this.#taking !== null;
  }

  find(faceId) {
    return this.faces.find((face) => face.face_id === faceId);
  }

  /** Take more faces where too few are at hand; resolves when that is done. */
  refill() {
    this.#taking ??= this.#refill().finally(() => {
      this.#taking = null;
      this.#changed();
    });
    return this.#taking;
  }

  /** Look again after the end: others may have given faces back. */
  again() {
    this.isAtEnd = false;
    return this.refill();
  }

  /** To the next face without a decision. */
  next() {
    const after = this.faces.findIndex((face, place) => place > this.place && !face.decision);
    const first = this.faces.findIndex((face) => !face.decision);
    this.#goTo(after >= 0 ? after : first >= 0 ? first : this.faces.length);
  }

  move(by) {
    this.#goTo(Math.max(0, Math.min(this.faces.length, this.place + by)));
  }

  show(face) {
    this.#goTo(this.faces.indexOf(face));
  }

  /** Show a face that is not in the deck, or has changed on the server. */
  async fetch(faceId) {
    const [found] = await get(`/queue/faces?face_id=${faceId}`);
    const known = this.find(faceId);
    if (!found) return known;
    if (known) return Object.assign(known, found);
    this.faces.splice(this.place, 0, found);
    return found;
  }

  /** Others may have what was not decided. */
  close() {
    clearInterval(this.#timer);
    this.#leaves.abort();
    const left = [...ids(this.undecided), ...this.#again].filter((faceId) => !this.#isBusy(faceId));
    if (left.length) post("/queue/release", { face_ids: left.slice(0, MOST_RELEASED) }).catch(() => {});
  }

  #goTo(place) {
    this.place = place;
    this.#lastMove = Date.now();
    this.#changed();
    if (!this.isAtEnd && this.undecided.length < AHEAD) this.refill();
  }

  async #refill() {
    while (!this.isAtEnd) {
      const want = Math.min(AHEAD - this.undecided.length, this.#room());
      if (want <= 0) return;
      const count = this.faces.length ? want : Math.min(want, FIRST_TAKE);
      if (!(await this.#take(count, want))) return;
      this.#changed();
    }
  }

  /** Where nothing is at hand and nothing free, what a lost tab of the same person has held: `most`. */
  async #ask(count, most) {
    const taken = await post("/queue/take", { queue: this.#queue, count });
    if (taken.length || this.undecided.length || !(await isAloneAt(this.#desk))) return taken;
    return post("/queue/take", { queue: this.#queue, count: most, own_too: true });
  }

  /** Whether faces were taken; too few are the end of the queue, and none but those given before. */
  async #take(count, most) {
    try {
      const taken = await this.#ask(count, most);
      this.trouble = "";
      const isNew = ({ face_id }) => !this.find(face_id) && !this.#isBusy(face_id);
      this.isAtEnd = taken.length < count || taken.every(({ face_id }) => this.#again.has(face_id));
      // a queue of all faces gives labelled ones again: held, they are not in the way of the next
      for (const { face_id } of taken.filter((face) => !isNew(face))) this.#again.add(face_id);
      this.faces.push(...taken.filter(isNew));
      return true;
    } catch (error) {
      this.trouble = error instanceof ApiProblem ? error.message : "The server cannot be reached.";
      this.isAtEnd = error instanceof ApiProblem;
      return false;
    }
  }

  async #hold() {
    const mine = this.undecided;
    if (mine.length && Date.now() - this.#lastMove < IDLE_MS && !document.hidden) {
      await post("/queue/hold", { face_ids: ids(mine) }).catch(() => {});
    }
  }

  #changed() {
    const around = this.faces.slice(this.place, this.place + AHEAD);
    const before = this.faces.slice(Math.max(0, this.place - BEHIND), this.place);
    this.pictures.want(ids(around), ids(before));
    this.dispatchEvent(new Event("change"));
  }
}

const ids = (faces) => faces.map(({ face_id }) => face_id);
