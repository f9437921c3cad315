// Somebody was faster: both labels side by side, and the person decides.
//
//   const conflicts = openConflicts(root, outbox, signal);
//   button.onclick = conflicts.show;    // `conflicts.count` are still open
//
// `root` is where the dialog is added (a shadow root), until `signal`. What an earlier page has left
// undecided is asked at once. What was decided, the outbox tells.

import { describe, since } from "./words.js";

/** Shows one conflict after another. Escape puts the decision off. */
export function openConflicts(root, outbox, signal) {
  const dialog = document.createElement("dialog");
  dialog.className = "conflict";
  dialog.setAttribute("aria-labelledby", "conflict-title");
  root.append(dialog);
  signal.addEventListener("abort", () => dialog.remove());
  outbox.addEventListener("conflict", () => dialog.open || show(), { signal });

  function show() {
    const [first] = outbox.conflicts;
    if (!first) return dialog.close();
    dialog.replaceChildren(...contents(first, outbox.conflicts.length, decide));
    if (!dialog.open) dialog.showModal();
    // no button: whoever is labelling fast must not decide this with the next Enter
    dialog.querySelector("h2").focus();
  }

  function decide(faceId, keeps) {
    outbox.decide([faceId], keeps);
    show();
  }

  show();
  return { show, get count() { return outbox.conflicts.length; } };
}

function contents({ faceId: face, theirs: current, mine }, count, decide) {
  const who = current.annotator ?? "somebody";
  const title = element("h2", { id: "conflict-title", tabIndex: -1 }, `${who} was faster`);
  const more = count > 1 ? ` ${count} decisions to make.` : "";
  const text = element("p", {}, `Face ${face} has changed since you saw it. Nothing is overwritten: which label holds?${more}`);
  const crop = element("img", {
    src: `/api/v1/faces/${face}/crop?side_px=320`,
    alt: `Face ${face}`,
    width: 160,
    height: 160,
  });
  const theirs = element("p", {}, `${who}, ${since(current.created_at)} (version ${current.version}): `);
  theirs.append(element("strong", {}, describe(current)));
  const own = element("p", {}, "you: ");
  own.append(element("strong", {}, describe(mine)));
  const keep = element("button", { type: "button" }, `Keep: ${describe(current)}`);
  const change = element("button", { type: "button" }, `Change to mine: ${describe(mine)}`);
  keep.dataset.keeps = "theirs";
  change.dataset.keeps = "mine";
  keep.onclick = () => decide(face, "theirs");
  change.onclick = () => decide(face, "mine");
  const buttons = element("div", { className: "buttons" });
  buttons.append(keep, change);
  return [title, text, crop, theirs, own, buttons];
}

function element(tag, properties, text = "") {
  return Object.assign(document.createElement(tag), properties, text ? { textContent: text } : {});
}
