// What the server failed over each time is kept, and shown until somebody decides what becomes of it.

import { counted } from "./words.js";

/** Say it above `neighbour`, until `signal`. */
export function openAside(neighbour, outbox, signal) {
  const place = document.createElement("div");
  place.className = "aside";
  place.setAttribute("role", "alert");
  const text = document.createElement("p");
  const again = button("Try again", () => outbox.retryAside());
  const drop = button("Give it up", () => outbox.dropAside());
  place.append(text, again, drop);
  neighbour.before(place);
  signal.addEventListener("abort", () => place.remove());
  const show = () => {
    const story = storyOf(outbox.aside);
    place.hidden = !story;
    if (text.textContent !== story) text.textContent = story; // read out once
  };
  outbox.addEventListener("change", show, { signal });
  show();
}

function storyOf(aside) {
  if (!aside.length) return "";
  const [{ op, problem }] = aside;
  const more = aside.length > 1 ? ` and ${counted(aside.length - 1, "more action")}` : "";
  return `Not stored, but kept here: ${op.words}${more}. The server fails over it: ${problem.message}`;
}

function button(text, act) {
  return Object.assign(document.createElement("button"), { type: "button", textContent: text, onclick: act });
}
