// Somebody was faster: both labels side by side, and the person decides.
//
//   outbox.addEventListener("conflict", ({ detail }) => conflicts.add(detail));
//   const conflicts = openConflicts(root, outbox, { onDecided: ({ faceId, theirs, mine, op }) => … });
//
// `root` is where the dialog is added (a shadow root). `op` is null where the person keeps
// `theirs`, else the operation that carries `mine`. A gesture on many faces is refused as a whole;
// its faces without a conflict are sent again at once.

import { facesOf } from "./outbox.js";
import { describe, since } from "./words.js";

/** Shows one conflict after another; `count` are still open. Escape puts the decision off. */
export function openConflicts(root, outbox, { onDecided = () => {}, onClosed = () => {} } = {}) {
  const dialog = document.createElement("dialog");
  dialog.className = "conflict";
  dialog.setAttribute("aria-labelledby", "conflict-title");
  root.append(dialog);
  dialog.addEventListener("close", onClosed);
  const open = [];

  function add({ op, conflicts, later }) {
    const held = [op, ...later];
    const wishes = lastWishes(held);
    const faces = new Set(conflicts.map(({ face_id }) => face_id));
    for (const one of held) sendUncontested(outbox, one, faces);
    const group = { left: faces.size, ops: held };
    for (const theirs of conflicts) {
      open.push({ group, face: theirs.face_id, theirs, mine: wishes.get(theirs.face_id) });
    }
    if (!dialog.open) show();
  }

  function show() {
    if (!open.length) {
      if (dialog.open) dialog.close();
      return;
    }
    const { face, theirs, mine } = open[0];
    if (!mine) return decide("theirs"); // taken back already: nothing to ask
    dialog.replaceChildren(...contents(face, theirs, mine, open.length, decide));
    if (!dialog.open) dialog.showModal();
    // no button: whoever is labelling fast must not decide this with the next Enter
    dialog.querySelector("h2").focus();
  }

  function decide(keeps) {
    const { group, face, theirs, mine } = open.shift();
    const isMine = keeps === "mine";
    const op = isMine ? overrule(outbox, face, theirs.version, mine) : null;
    group.left -= 1;
    if (!group.left) group.ops.forEach((one) => outbox.settle(one));
    onDecided({ faceId: face, theirs, mine, op });
    show();
  }

  return { add, show, get count() { return open.length; } };
}

/** face id → the change that the person made last and did not undo. */
function lastWishes(ops) {
  const wishes = new Map();
  for (const op of ops) {
    if (!op.body.changes) facesOf(op).forEach((face) => wishes.delete(face));
    for (const { face_id, base_version, ...wish } of op.body.changes ?? []) wishes.set(face_id, wish);
  }
  return wishes;
}

/** The person has seen the other label and wants the own one: a new gesture on top of it. */
function overrule(outbox, face, version, mine) {
  const changes = [{ ...mine, face_id: face, base_version: version }];
  return outbox.send("POST", "/annotations", { changes }, { words: `face ${face}: ${describe(mine)}` });
}

function sendUncontested(outbox, op, contested) {
  const changes = (op.body.changes ?? []).filter(({ face_id }) => !contested.has(face_id));
  if (changes.length) outbox.send("POST", "/annotations", { changes }, { words: op.words });
}

function contents(face, current, mine, count, decide) {
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
  keep.onclick = () => decide("theirs");
  change.onclick = () => decide("mine");
  const buttons = element("div", { className: "buttons" });
  buttons.append(keep, change);
  return [title, text, crop, theirs, own, buttons];
}

function element(tag, properties, text = "") {
  return Object.assign(document.createElement(tag), properties, text ? { textContent: text } : {});
}
