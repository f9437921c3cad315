// The part of the grid that is seen: its height, what is in it, and the line that counts.

import { counted } from "../shared/words.js";
import { MOST_FACES } from "./faces.js";
import { cornerOf } from "./layout.js";

//: The page leaves this much of the window to the grid, and this much room below it.
const SHARE_OF_WINDOW = 0.72;
const BELOW_PX = 28;

export function fitHeight(scroller) {
  const top = scroller.getBoundingClientRect().top;
  const room = Math.max(innerHeight * SHARE_OF_WINDOW, innerHeight - top - BELOW_PX);
  scroller.style.height = `${Math.floor(room)}px`;
}

export function bringIntoView(scroller, layout, index) {
  const { y } = cornerOf(layout, index);
  const room = scroller.clientHeight - layout.stride.y;
  if (y < scroller.scrollTop) scroller.scrollTop = y - 8;
  else if (y > scroller.scrollTop + room) scroller.scrollTop = y - room;
}

export function rowsInView(scroller, layout) {
  return Math.max(1, Math.floor(scroller.clientHeight / layout.stride.y));
}

/** How many faces there are, are selected, and wait to be stored. */
export function countsText({ count, total, isLoading }, selected, outbox) {
  const parts = [isLoading ? `${count.toLocaleString()} faces, reading …` : counted(count, "face")];
  if (!isLoading && count >= MOST_FACES && total > count) {
    parts.push(`the first of ${total.toLocaleString()}: filter for the others`);
  } else if (!isLoading && total > count) {
    parts.push(`${counted(total - count, "more has", "more have")} no score in this order`);
    if (!count) parts.push("let the models answer (Data, Import) or choose another order");
  }
  parts.push(selected ? `${selected.toLocaleString()} selected` : "none selected: keys label the framed face");
  if (outbox.waiting) {
    const why = outbox.obstacle && `${outbox.obstacle}, `;
    parts.push(`${why}${counted(outbox.waiting, "action waits", "actions wait")} to be stored`);
  }
  return parts.join(" · ");
}
