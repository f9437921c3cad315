// The head's pose on the picture: lines to drag, three sliders, and keys.

import { whole } from "../shared/words.js";
import { FRONTAL, axesOf, headPath, turned } from "./pose.js";

const DEGREES_A_KEY = 2;
//: Dragging across the whole picture turns the head by so much.
const DEGREES_ACROSS = 180;
//: Farther from the middle than this share of half the picture, dragging tilts the head.
const RING = 0.78;
const ANGLES = ["yaw_deg", "pitch_deg", "roll_deg"];

/** Shown and changed with `open`; `pose` is what a label may carry, null where nothing is said. */
export class PoseEditor extends EventTarget {
  #lines;
  #panel;
  #faceId = null;
  #start = null; // what the models or people said before
  pose = null;
  isTouched = false;
  isOpen = false;

  constructor(root) {
    super();
    this.#lines = root.querySelector(".lines");
    this.#panel = root.querySelector(".pose");
    this.#panel.addEventListener("input", () => this.#fromSliders());
    listenToDrag(root.querySelector(".stage"), () => this.isOpen, (turn) => this.turn(turn));
  }

  open(isOpen) {
    this.isOpen = isOpen;
    this.#draw();
  }

  /** Begin with a face; `pose` may be null: nobody has said anything, or it must not be seen. */
  begin(faceId, pose) {
    const isSame = faceId === this.#faceId && this.isTouched;
    this.#faceId = faceId;
    if (!isSame) {
      this.#start = pose;
      this.pose = pose;
      this.isTouched = false;
    }
    this.#draw();
  }

  /** Turn by degrees as the viewer sees it. */
  turn(by) {
    this.#set(turned(this.pose ?? FRONTAL, by));
  }

  turnByKey(direction) {
    this.turn(Object.fromEntries(Object.entries(direction).map(([axis, sign]) => [axis, sign * DEGREES_A_KEY])));
  }

  reset() {
    this.pose = this.#start;
    this.isTouched = false;
    this.#draw();
  }

  /** Tell the face that its decision is made: another visit begins anew. */
  finish() {
    this.isTouched = false;
  }

  #fromSliders() {
    const read = (name) => Number(this.#panel.querySelector(`[name=${name}]`).value);
    this.#set(Object.fromEntries(ANGLES.map((name) => [name, read(name)])));
  }

  #set(pose) {
    this.pose = pose;
    this.isTouched = true;
    this.#draw();
    this.dispatchEvent(new Event("change"));
  }

  #draw() {
    const shown = this.pose ?? FRONTAL;
    this.#panel.hidden = !this.isOpen;
    this.#lines.toggleAttribute("hidden", !this.isOpen);
    if (!this.isOpen) return;
    for (const name of ANGLES) {
      const slider = this.#panel.querySelector(`[name=${name}]`);
      slider.value = Math.round(shown[name]);
      const text = `${whole(shown[name])}°`;
      slider.setAttribute("aria-valuetext", text);
      slider.nextElementSibling.textContent = text;
    }
    this.#panel.querySelector(".pose-note").textContent = this.#note();
    this.#lines.setAttribute("aria-label", `Head: ${ANGLES.map((name) => `${name.slice(0, -4)} ${whole(shown[name])}°`).join(", ")}`);
    drawHead(this.#lines, shown);
  }

  #note() {
    if (this.isTouched) return "Set by you: stored with your label.";
    if (this.pose) return "As it was said: stored with your label if you leave it.";
    return "Nothing is stored unless you turn the head: drag the picture, or use sliders or keys.";
  }
}

/** The pose lines twice: a wide light halo below, so that they are seen on any picture. */
function drawHead(svg, pose) {
  const [left, up, nose] = axesOf(pose).map(([x, y]) => [x * 62, y * 62]);
  const line = (name, [x, y]) => `<path class="${name}" d="M0,0 L${x.toFixed(1)},${y.toFixed(1)}"/>`;
  // an axis that points at the viewer has no room for its name
  const word = ([x, y], text) => Math.hypot(x, y) < 15 ? "" : `<text x="${(x * 1.15).toFixed(1)}" y="${(y * 1.15).toFixed(1)}">${text}</text>`;
  const drawing =
    `<path class="head" d="${headPath(pose, 62)}"/>` +
    line("left", left) + line("up", up) + line("nose", nose) +
    word(left, "left") + word(up, "up") + word(nose, "nose");
  svg.querySelector(".halo").innerHTML = drawing;
  svg.querySelector(".ink").innerHTML = drawing;
}

/** Dragging inside turns the nose, near the edge (or with Shift) tilts the head. */
function listenToDrag(stage, isActive, turn) {
  let last = null;
  const at = (event) => {
    const { left, top, width, height } = stage.getBoundingClientRect();
    return [(2 * (event.clientX - left)) / width - 1, (2 * (event.clientY - top)) / height - 1];
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !isActive()) return;
    const point = at(event);
    last = { point, isTilt: event.shiftKey || Math.hypot(...point) > RING };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!last || !stage.hasPointerCapture(event.pointerId)) return;
    const point = at(event);
    const [x, y] = last.point;
    if (last.isTilt) {
      const angle = Math.atan2(point[1], point[0]) - Math.atan2(y, x);
      turn({ clockwise: (((angle * 180) / Math.PI + 540) % 360) - 180 });
    } else {
      turn({ right: ((point[0] - x) * DEGREES_ACROSS) / 2, up: ((y - point[1]) * DEGREES_ACROSS) / 2 });
    }
    last.point = point;
  });
  stage.addEventListener("lostpointercapture", () => (last = null));
}
