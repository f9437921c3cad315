// Thousands of faces side by side: select some, press one key. Mounted by `ui/views/grid.py` with
// {studio, annotator, filter, order, verdicts}: `filter` is JSON of db.filters.FaceFilter,
// `verdicts` are {value, title, keys} in the order of the buttons.

import { workAs } from "../shared/api.js";
import { openAside } from "../shared/aside.js";
import { openKeys } from "../shared/keys.js";
import { openOutbox } from "../shared/outbox.js";
import { counted } from "../shared/words.js";
import { showCloser } from "./closer.js";
import { Faces } from "./faces.js";
import { Labeller } from "./labeller.js";
import { listenToPointer } from "./pointer.js";
import { Screen } from "./screen.js";
import { Selection } from "./selection.js";
import { buildTools, usualKeys } from "./tools.js";

const grids = new WeakMap();

export function mount({ data, parentElement }) {
  if (!grids.has(parentElement)) grids.set(parentElement, new Grid(parentElement, data));
  grids.get(parentElement).open(data);
  return () => {
    grids.get(parentElement)?.close();
    grids.delete(parentElement);
  };
}

class Grid {
  #root;
  #stop = new AbortController();
  #faces = new Faces();
  #selection = new Selection();
  #labeller;
  #screen;
  #keys;
  #verdicts;
  #data = {};

  constructor(root, { studio, annotator, verdicts }) {
    this.#root = root;
    workAs(annotator);
    const outbox = openOutbox({ studio, annotator });
    const { signal } = this.#stop;
    this.#labeller = new Labeller(this.#faces, outbox, annotator, signal);
    this.#screen = new Screen(
      root,
      { faces: this.#faces, selection: this.#selection, labeller: this.#labeller, outbox },
      (faceIds) => this.#point(faceIds),
    );
    this.#verdicts = verdicts.map(({ value }) => value);
    this.#keys = openKeys("grid", usualKeys(verdicts));
    buildTools(root, verdicts, this.#keys, (action) => this.#act(action));
    this.#screen.listen(signal);
    openAside(root.querySelector(".decision"), outbox, signal);
    this.#listen(signal);
  }

  /** The page has moved on: nothing is heard any more. */
  close() {
    this.#stop.abort();
  }

  /** Show the faces of a filter in an order; what is there already stays as it is. */
  open(data) {
    if (data.filter === this.#data.filter && data.order === this.#data.order) return;
    this.#data = data;
    const { scroller } = this.#screen;
    this.#selection.reset();
    this.#screen.startOver(data.order);
    this.#faces.load(data.filter, data.order).catch((error) => {
      this.#screen.trouble = `The faces could not be read: ${error.message}`;
      this.#screen.plan();
    });
    if (document.activeElement === document.body) scroller.focus({ preventScroll: true });
  }

  #listen(signal) {
    const { scroller, canvas } = this.#screen;
    this.#labeller.addEventListener("say", ({ detail }) => this.#screen.say(detail), { signal });
    this.#labeller.addEventListener("undone", ({ detail }) => this.#point(detail), { signal });
    scroller.addEventListener("keydown", (event) => this.#move(event), { signal });
    const stopKeys = this.#keys.listen((action) => this.#act(action), {
      isActive: () => this.#isInUse(),
    });
    signal.addEventListener("abort", stopKeys);
    const stopPointer = listenToPointer({
      scroller,
      canvas,
      band: this.#root.querySelector(".band"),
      layout: () => this.#screen.layout,
      indexOf: (event) => this.#faces.placeOf(Number(event.target.closest?.(".tile")?.dataset.face)),
      act: {
        press: (index, event) =>
          event.shiftKey ? this.#selection.extendTo(index) : this.#selection.toggle(index),
        open: (index) => this.#closer(index),
        rectangleBegins: () => this.#selection.beginRectangle(),
        rectangle: (indexes) => this.#selection.rectangle(indexes),
        rectangleEnds: (last) => this.#selection.endRectangle(last ?? this.#selection.current),
      },
    });
    signal.addEventListener("abort", stopPointer);
  }

  /** Not while a dialog is open. */
  #isInUse() {
    return this.#screen.scroller.isConnected && !this.#root.querySelector("dialog[open]");
  }

  #act(action) {
    const selection = this.#selection;
    if (this.#verdicts.includes(action)) this.#label(action);
    else if (action === "flag") this.#labeller.flag(this.#chosen());
    else if (action === "undo") this.#labeller.undo();
    else if (action === "redo") this.#labeller.redo();
    else if (action === "all") this.#selectAll();
    else if (action === "clear") selection.clear();
    else if (action === "toggle" && this.#faces.count) selection.toggle(selection.current);
    else if (action === "closer") this.#closer(selection.current);
    else if (action === "help") this.#root.querySelector(".help").showModal();
  }

  /** The numbers of the faces that a key is about. */
  #chosen() {
    const indexes = this.#selection.size ? this.#selection.indexes : [this.#selection.current];
    return indexes.map((index) => this.#faces.at(index)?.face_id).filter(Boolean);
  }

  #label(verdict) {
    const ids = this.#chosen();
    if (ids.length) this.#labeller.label(ids, verdict);
    this.#selection.clear();
  }

  #selectAll() {
    this.#selection.all(this.#faces.count);
    this.#screen.say(`${counted(this.#faces.count, "face")} selected`);
  }

  #move(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = this.#screen.stepFrom(this.#selection.current, event.key.toLowerCase());
    if (target === null || !this.#faces.count) return;
    event.preventDefault();
    if (event.shiftKey) this.#selection.extendTo(target);
    else this.#selection.moveTo(target);
    this.#screen.bringIntoView(target);
  }

  #closer(index) {
    const face = this.#faces.at(index);
    if (face) showCloser(this.#root.querySelector(".closer"), face, this.#data.order);
  }

  /** Show what an undo was about: select it, so that another key can follow. */
  #point(faceIds) {
    const places = faceIds.map((id) => this.#faces.placeOf(id)).filter((place) => place !== undefined);
    if (!places.length) return;
    this.#selection.set(places);
    this.#screen.bringIntoView(Math.min(...places));
  }
}
