// Clicks and rectangles with the mouse; fingers tap, and scroll as everywhere.

import { tilesIn } from "./layout.js";

//: Less than this is a click with a trembling hand.
const SLACK_PX = 5;
//: So near to the edge the grid scrolls along.
const EDGE_PX = 40;

/** Calls of `act`: press(index, event), open(index), rectangleBegins(), rectangle(indexes), rectangleEnds(last). */
export function listenToPointer({ scroller, canvas, band, layout, indexOf, act }) {
  let start = null; // in the canvas
  let isDrawing = false;
  let pointer = null;

  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  const draw = () => {
    const box = canvas.getBoundingClientRect();
    const now = { x: pointer.x - box.left, y: pointer.y - box.top };
    const area = {
      left: Math.min(start.x, now.x),
      top: Math.min(start.y, now.y),
      right: Math.max(start.x, now.x),
      bottom: Math.max(start.y, now.y),
    };
    band.style.transform = `translate(${area.left}px, ${area.top}px)`;
    band.style.width = `${area.right - area.left}px`;
    band.style.height = `${area.bottom - area.top}px`;
    const touched = tilesIn(layout(), area);
    act.rectangle(touched);
    return touched;
  };

  const follow = () => {
    if (!isDrawing) return;
    const view = scroller.getBoundingClientRect();
    const above = view.top + EDGE_PX - pointer.y;
    const below = pointer.y - (view.bottom - EDGE_PX);
    if (above > 0 || below > 0) {
      scroller.scrollTop += above > 0 ? -above / 2 : below / 2;
      draw();
    }
    requestAnimationFrame(follow);
  };

  const onDown = (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    // on the scroll bar
    if (event.clientX > scroller.getBoundingClientRect().left + scroller.clientWidth) return;
    start = point(event);
    pointer = { x: event.clientX, y: event.clientY };
  };

  const onMove = (event) => {
    if (!start) return;
    pointer = { x: event.clientX, y: event.clientY };
    const now = point(event);
    if (!isDrawing) {
      if (Math.hypot(now.x - start.x, now.y - start.y) < SLACK_PX) return;
      isDrawing = true;
      scroller.setPointerCapture(event.pointerId);
      band.hidden = false;
      act.rectangleBegins();
      requestAnimationFrame(follow);
    }
    draw();
  };

  const onUp = () => {
    if (isDrawing) {
      const touched = draw();
      act.rectangleEnds(touched.at(-1));
    }
    start = null;
    band.hidden = true;
    setTimeout(() => (isDrawing = false)); // the click that follows belongs to the rectangle
  };

  const onClick = (event) => {
    const index = indexOf(event);
    if (!isDrawing && index !== undefined) act.press(index, event);
  };

  const onDouble = (event) => {
    const index = indexOf(event);
    if (index !== undefined) act.open(index);
  };

  const stop = new AbortController();
  const { signal } = stop;
  scroller.addEventListener("pointerdown", onDown, { signal });
  scroller.addEventListener("pointermove", onMove, { signal });
  scroller.addEventListener("pointerup", onUp, { signal });
  scroller.addEventListener("pointercancel", onUp, { signal });
  scroller.addEventListener("click", onClick, { signal });
  scroller.addEventListener("dblclick", onDouble, { signal });
  return () => stop.abort();
}
