// Which faces are selected, and the one with the frame, where keys begin. Faces are named by their
// place in the grid; "change" is told after each gesture.

export class Selection extends EventTarget {
  #chosen = new Set();
  #before = new Set(); // what was chosen when a rectangle or a range began
  current = 0;
  #anchor = 0; // where a range begins

  has(index) {
    return this.#chosen.has(index);
  }

  get size() {
    return this.#chosen.size;
  }

  /** In the order of the grid. */
  get indexes() {
    return [...this.#chosen].sort((a, b) => a - b);
  }

  /** Put the frame on a tile; the selection stays. */
  moveTo(index) {
    this.#begin(index);
    this.#changed();
  }

  toggle(index) {
    if (!this.#chosen.delete(index)) this.#chosen.add(index);
    this.#begin(index);
    this.#changed();
  }

  /** Everything from where the last gesture was to here, on top of what was chosen before. */
  extendTo(index) {
    const [low, high] = [Math.min(this.#anchor, index), Math.max(this.#anchor, index)];
    this.#chosen = new Set(this.#before);
    for (let i = low; i <= high; i++) this.#chosen.add(i);
    this.current = index;
    this.#changed();
  }

  beginRectangle() {
    this.#before = new Set(this.#chosen);
  }

  /** While a rectangle is drawn: what it touches now, on top of what was chosen before. */
  rectangle(indexes) {
    this.#chosen = new Set([...this.#before, ...indexes]);
    this.#changed();
  }

  endRectangle(index) {
    this.#begin(index);
    this.#changed();
  }

  all(count) {
    this.#chosen = new Set(Array(count).keys());
    this.#before = new Set(this.#chosen);
    this.#changed();
  }

  set(indexes) {
    this.#chosen = new Set(indexes);
    this.#before = new Set(this.#chosen);
    this.#changed();
  }

  clear() {
    this.set([]);
  }

  /** For other faces. */
  reset() {
    this.current = this.#anchor = 0;
    this.clear();
  }

  #begin(index) {
    this.current = this.#anchor = index;
    this.#before = new Set(this.#chosen);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
