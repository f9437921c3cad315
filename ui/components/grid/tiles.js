// The tiles on the screen, and only those: made as they come into view, removed as they leave it.

import { cornerOf, tilesInView } from "./layout.js";
import { isContradicted, labelOf, opinionOf, scoreOf } from "./faces.js";

//: Rows kept ready above and below.
const SPARE_ROWS = 2;
//: While people scroll past, no picture is asked for.
const REST_MS = 90;
//: Sides of the pictures that the server is asked for, in pixels: few, so that browsers keep them.
const SIDES = [96, 160, 256, 384, 512];
//: A sign beside each word, for those who see no colours.
const SIGNS = { unmasked: "○", masked: "●", incorrect: "◐", "not a face": "✕", "no label": "·" };

export class Tiles {
  #canvas;
  #shown = new Map(); // place → element
  #resting = 0;

  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** Show what lies between `top` and `top + height`; `state` says how each tile looks. */
  show(layout, top, height, state) {
    const [first, last] = tilesInView(layout, top, height, SPARE_ROWS);
    for (const [index, tile] of this.#shown) {
      if (index < first || index >= last) this.#drop(index, tile);
    }
    const fresh = [];
    for (let index = first; index < last; index++) {
      let tile = this.#shown.get(index);
      if (!tile) {
        tile = makeTile(state.faceAt(index));
        this.#shown.set(index, tile);
        fresh.push(tile);
      }
      place(tile, layout, index);
      describe(tile, index, layout, state);
    }
    this.#canvas.append(...fresh);
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#fetchPictures(layout.tile), REST_MS);
  }

  clear() {
    for (const [index, tile] of this.#shown) this.#drop(index, tile);
  }

  #drop(index, tile) {
    tile.querySelector("img").removeAttribute("src"); // ends a request that is under way
    tile.remove();
    this.#shown.delete(index);
  }

  #fetchPictures(tilePx) {
    const side = sideFor(tilePx);
    for (const tile of this.#shown.values()) {
      const picture = tile.querySelector("img");
      const address = `/api/v1/faces/${tile.dataset.face}/crop?side_px=${side}`;
      if (picture.getAttribute("src") !== address) picture.src = address;
    }
  }
}

export const tileId = (faceId) => `tile-${faceId}`;

function makeTile(face) {
  const tile = document.createElement("div");
  tile.className = "tile";
  tile.id = tileId(face.face_id);
  tile.dataset.face = face.face_id;
  tile.setAttribute("role", "option");
  // the pictures are told by the tile's own words
  tile.innerHTML =
    '<img alt="" decoding="async" draggable="false"><span class="tick" aria-hidden="true">✓</span>' +
    '<span class="label"></span><span class="opinion"><span class="by">model: </span><b></b></span>';
  const picture = tile.querySelector("img");
  picture.onerror = () => tile.classList.add("broken");
  picture.onload = () => tile.classList.remove("broken");
  return tile;
}

function place(tile, layout, index) {
  const { x, y } = cornerOf(layout, index);
  tile.style.transform = `translate(${x}px, ${y}px)`;
  tile.style.width = `${layout.tile}px`;
  tile.style.setProperty("--side", `${layout.tile}px`);
}

function describe(tile, index, layout, { faceAt, order, isChosen, isCurrent, isOnItsWay, isContested }) {
  const face = faceAt(index);
  const words = {
    label: labelOf(face),
    opinion: opinionOf(face),
    score: scoreOf(face, order),
    sent: isOnItsWay(face.face_id) ? " …" : "",
    conflict: isContested(face.face_id) ? `conflict: ${face.annotator} was faster` : "",
  };
  const look = JSON.stringify([words, isChosen(index), isCurrent(index), index, layout.count]);
  if (tile.look === look) return;
  tile.look = look;
  tile.classList.toggle("current", isCurrent(index));
  tile.classList.toggle("labelled", face.is_labelled);
  tile.classList.toggle("contested", words.conflict !== "");
  tile.setAttribute("aria-selected", isChosen(index));
  tile.setAttribute("aria-setsize", layout.count);
  tile.setAttribute("aria-posinset", index + 1);
  tile.querySelector(".label").textContent =
    words.conflict || `${face.is_flagged ? "⚑ " : ""}${SIGNS[words.label]} ${words.label}${words.sent}`;
  tile.querySelector(".opinion b").textContent = `${isContradicted(face) ? "≠ " : ""}${words.opinion}`;
  const who = face.is_labelled && face.annotator ? ` by ${face.annotator}` : "";
  tile.title = [
    `${face.image_name}, face ${face.face_id}`,
    `label: ${words.label}${who}`,
    `model: ${words.opinion}`,
    words.score,
    words.conflict,
  ]
    .filter(Boolean)
    .join("\n");
  tile.setAttribute("aria-label", tile.title.replaceAll("\n", ", "));
}

function sideFor(tilePx) {
  const wanted = tilePx * devicePixelRatio;
  return SIDES.find((side) => side >= wanted) ?? SIDES.at(-1);
}
