// The whole photo with a frame around the face; wheel, buttons or keys zoom, dragging moves.

import { frameFace, photoOf } from "../shared/photo.js";

const CLOSEST = 12;

/** `root` holds `.photo-view`; returns {show(face), zoom(factor), fit()}. */
export function openPhoto(root) {
  const view = root.querySelector(".photo-view");
  const sheet = view.querySelector(".sheet");
  const image = view.querySelector("img");
  const frame = view.querySelector(".frame");
  let scale = 1;
  let [x, y] = [0, 0];

  function show(face) {
    frameFace(frame, face);
    sheet.style.aspectRatio = `${face.image_width_px} / ${face.image_height_px}`;
    const address = photoOf(face);
    if (image.getAttribute("src") !== address) {
      image.alt = `The photo ${face.image_name}; a frame marks face ${face.face_id}`;
      image.src = address;
      fit();
    }
  }

  function fit() {
    scale = 1;
    [x, y] = [0, 0];
    place();
  }

  /** Zoom around a point of the view (the middle of the face where none is given). */
  function zoom(factor, point = middleOfFace()) {
    const next = Math.max(1, Math.min(CLOSEST, scale * factor));
    x = point[0] - ((point[0] - x) * next) / scale;
    y = point[1] - ((point[1] - y) * next) / scale;
    scale = next;
    place();
  }

  function place() {
    const reach = (size) => size * (scale - 1);
    x = Math.max(-reach(view.clientWidth), Math.min(0, x));
    y = Math.max(-reach(view.clientHeight), Math.min(0, y));
    sheet.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    frame.style.outlineWidth = `${3 / scale}px`;
  }

  function middleOfFace() {
    const [here, around] = [frame.getBoundingClientRect(), view.getBoundingClientRect()];
    return [here.left + here.width / 2 - around.left, here.top + here.height / 2 - around.top];
  }

  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    const around = view.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), [event.clientX - around.left, event.clientY - around.top]);
  }, { passive: false });
  view.addEventListener("pointerdown", (event) => {
    view.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  view.addEventListener("pointermove", (event) => {
    if (!view.hasPointerCapture(event.pointerId)) return;
    x += event.movementX;
    y += event.movementY;
    place();
  });
  return { show, zoom, fit };
}
