// The faces of a grid: read page by page in their order, which stays while people label them.

import { get } from "../shared/api.js";

//: A grid ends here; more faces are better filtered.
export const MOST_FACES = 10_000;
const PAGE = 500;
//: The first page is short, so that something is there at once.
const FIRST_PAGE = 100;
const ROOT = "/api/v1";
//: The greatest entropy of three classes, in nats.
const NO_IDEA = Math.log(3);

export class Faces extends EventTarget {
  #items = [];
  #places = new Map(); // face id → place
  #turn = 0;
  isLoading = false;
  total = 0; // to the filter, here or not

  get count() {
    return this.#items.length;
  }

  at(index) {
    return this.#items[index];
  }

  placeOf(faceId) {
    return this.#places.get(faceId);
  }

  get(faceId) {
    return this.#items[this.#places.get(faceId)];
  }

  /** Read the faces of a filter (JSON) in an order; "change" after each page, throws as `get`. */
  async load(filter, order) {
    const turn = ++this.#turn;
    this.#items = [];
    this.#places.clear();
    this.isLoading = true;
    this.#changed();
    try {
      const counting = get(`/faces/count?${new URLSearchParams({ filter })}`);
      let path = `/faces?${new URLSearchParams({ filter, order, limit: FIRST_PAGE })}`;
      while (path && this.count < MOST_FACES) {
        const page = await get(path);
        if (turn !== this.#turn) return; // other faces were asked for meanwhile
        this.#add(page.items);
        path = page.next?.slice(ROOT.length).replace(/limit=\d+/, `limit=${PAGE}`);
      }
      const { faces } = await counting;
      if (turn === this.#turn) this.total = faces;
    } finally {
      if (turn === this.#turn) {
        this.isLoading = false;
        this.#changed();
      }
    }
  }

  /** Read some faces again, as the server has them now. */
  async refresh(faceIds) {
    for (let start = 0; start < faceIds.length; start += PAGE) {
      const filter = JSON.stringify({ face_ids: faceIds.slice(start, start + PAGE) });
      const page = await get(`/faces?${new URLSearchParams({ filter, order: "newest", limit: PAGE })}`);
      page.items.forEach((item) => this.put(item));
    }
    this.#changed();
  }

  /** What is known anew of a face, if it is here: some of its fields. */
  put(fields) {
    const place = this.#places.get(fields.face_id);
    if (place !== undefined) this.#items[place] = { ...this.#items[place], ...fields };
  }

  /** Take over what an answer of /annotations says. */
  apply(events) {
    for (const { face_id, version, annotator, created_at, label } of events) {
      this.put({ face_id, version, annotator, annotated_at: created_at, ...saidIn(label) });
    }
    this.#changed();
  }

  #add(items) {
    for (const item of items.slice(0, MOST_FACES - this.count)) {
      this.#places.set(item.face_id, this.#items.length);
      this.#items.push(item);
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The fields of a face that a label decides. */
export function saidIn({ mask, rejected }) {
  return { label: mask, is_labelled: rejected || mask !== null };
}

/** What people say of a face, in words. */
export function labelOf(face) {
  if (!face.is_labelled) return "no label";
  return face.label ?? "not a face";
}

/** What the student says of a face, in words. */
export function opinionOf(face) {
  if (!face.predicted) return "no opinion";
  return `${face.predicted} ${Math.round(face.confidence * 100)} %`;
}

export function isContradicted(face) {
  return face.is_labelled && face.label !== null && face.predicted !== null && face.label !== face.predicted;
}

/** Why a face is where it is in an order; "" where the order has no score. */
export function scoreOf(face, order) {
  const percent = (share) => `${Math.round(share * 100)} %`;
  if (order === "entropy" && face.entropy !== null) return `doubt ${percent(face.entropy / NO_IDEA)}`;
  if (order === "disagreement" && face.disagreement !== null) {
    return `disagreement ${percent(face.disagreement)}`;
  }
  if (order === "label_error" && face.label_error !== null) {
    const reason = face.label_error_reason ? `: ${face.label_error_reason}` : "";
    return `suspicion ${percent(face.label_error)}${reason}`;
  }
  return "";
}
