// What the grid shows: the tiles in view, the line that counts, the decision to make.

import { showDecision } from "./decision.js";
import { cornerOf, layoutOf, step } from "./layout.js";
import { Tiles, tileId } from "./tiles.js";
import { bringIntoView, countsText, fitHeight, rowsInView } from "./viewport.js";

const SIZE_KEY = "maskpose.grid.size";
//: Of a tile; smaller on phones, where two or three should stand side by side.
const USUAL_SIZE = innerWidth < 600 ? 104 : 172;
//: Tiles below this have no room for "model:".
const NARROW_PX = 170;

/** Draws at most once a frame. `point(faceIds)` leads to faces. */
export class Screen {
  scroller;
  canvas;
  layout = layoutOf({ width: 1, wanted: 1, count: 0 });
  trouble = ""; // why the faces cannot be shown
  #root;
  #size;
  #tiles;
  #order;
  #shown; // {faces, selection, labeller, outbox}
  #point;
  #isPlanned = false;

  constructor(root, shown, point) {
    this.#root = root;
    this.#shown = shown;
    this.#point = point;
    this.scroller = root.querySelector(".scroller");
    this.canvas = root.querySelector(".canvas");
    this.#size = root.querySelector(".size input");
    this.#size.value = localStorage.getItem(SIZE_KEY) ?? USUAL_SIZE;
    this.#tiles = new Tiles(this.canvas);
  }

  /** Redraw whenever something to be seen changes, until `signal`. */
  listen(signal) {
    const plan = () => this.plan();
    for (const source of Object.values(this.#shown)) source.addEventListener("change", plan, { signal });
    this.scroller.addEventListener("scroll", plan, { signal, passive: true });
    this.#size.addEventListener("input", () => this.#resize(), { signal });
    addEventListener("resize", () => this.#fit(), { signal });
    const sizes = new ResizeObserver(() => this.#fit());
    sizes.observe(this.#root.querySelector(".grid"));
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  /** Other faces, from the top. */
  startOver(order) {
    this.#order = order;
    this.trouble = "";
    this.#tiles.clear();
    this.scroller.scrollTop = 0;
  }

  /** Where a key leads from the present face; null where it is not about moving. */
  stepFrom(index, key) {
    return step(this.layout, index, key, rowsInView(this.scroller, this.layout));
  }

  bringIntoView(index) {
    bringIntoView(this.scroller, this.layout, index);
  }

  say(text) {
    this.#root.querySelector(".said").textContent = text;
  }

  plan() {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    requestAnimationFrame(() => {
      this.#isPlanned = false;
      if (this.scroller.isConnected) this.#draw();
    });
  }

  #draw() {
    const { faces, selection, labeller, outbox } = this.#shown;
    this.layout = layoutOf({
      width: this.scroller.clientWidth,
      wanted: Number(this.#size.value),
      count: faces.count,
    });
    this.canvas.style.height = `${this.layout.height}px`;
    this.canvas.classList.toggle("narrow", this.layout.tile < NARROW_PX);
    this.#tiles.show(this.layout, this.scroller.scrollTop, this.scroller.clientHeight, {
      order: this.#order,
      faceAt: (index) => faces.at(index),
      isChosen: (index) => selection.has(index),
      isCurrent: (index) => index === selection.current,
      isOnItsWay: (id) => labeller.isOnItsWay(id),
      isContested: (id) => labeller.isContested(id),
    });
    this.scroller.setAttribute("aria-busy", faces.isLoading);
    this.#markCurrent(faces.at(selection.current));
    this.#root.querySelector(".counts").textContent =
      this.trouble || countsText(faces, selection.size, outbox);
    showDecision(this.#root.querySelector(".decision"), labeller, this.#point);
  }

  #markCurrent(face) {
    const id = tileId(face?.face_id);
    if (this.#root.querySelector(`#${id}`)) this.scroller.setAttribute("aria-activedescendant", id);
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  /** Other tile sizes keep the first tile in view where it is. */
  #resize() {
    localStorage.setItem(SIZE_KEY, this.#size.value);
    const before = this.layout;
    const first = Math.round(this.scroller.scrollTop / before.stride.y) * before.columns;
    this.#draw();
    this.scroller.scrollTop = first ? cornerOf(this.layout, first).y - 8 : 0;
  }

  #fit() {
    fitHeight(this.scroller);
    this.plan();
  }
}
