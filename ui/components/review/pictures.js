// Pictures of faces, fetched and decoded before they are needed.

//: Browsers open six connections at most; labels must not wait behind pictures.
const AT_ONCE = 3;

/** `side` in pixels. Tells "ready" with the face id when a picture has come, or never will. */
export class Pictures extends EventTarget {
  #side;
  #known = new Map(); // face id → {image, state: "waiting" | "loading" | "ready" | "missing"}
  #waiting = [];
  #loading = 0;

  constructor(side) {
    super();
    this.#side = side;
  }

  /** The picture of a face; `image` may be shown once `state` is "ready". */
  of(faceId) {
    if (!this.#known.has(faceId)) this.#ask(faceId);
    return this.#known.get(faceId);
  }

  /** Fetch these first, in this order; forget those that are in neither list. */
  want(faceIds, keep) {
    faceIds.forEach((id) => this.of(id));
    const wanted = new Set([...faceIds, ...keep]);
    for (const id of this.#known.keys()) if (!wanted.has(id)) this.#known.delete(id);
    this.#waiting = faceIds.filter((id) => this.#known.get(id).state === "waiting");
    this.#loadNext();
  }

  #ask(faceId) {
    const image = new Image(this.#side, this.#side);
    image.alt = `Face ${faceId}`;
    image.draggable = false;
    this.#known.set(faceId, { image, state: "waiting" });
    this.#waiting.push(faceId);
    this.#loadNext();
  }

  #loadNext() {
    while (this.#loading < AT_ONCE && this.#waiting.length) this.#load(this.#waiting.shift());
  }

  async #load(faceId) {
    const picture = this.#known.get(faceId);
    if (picture?.state !== "waiting") return;
    picture.state = "loading";
    picture.image.src = `/api/v1/faces/${faceId}/crop?side_px=${this.#side}`;
    this.#loading += 1;
    try {
      await picture.image.decode();
      picture.state = "ready";
    } catch {
      picture.state = "missing";
    }
    this.#loading -= 1;
    this.dispatchEvent(new CustomEvent("ready", { detail: faceId }));
    this.#loadNext();
  }
}
