// What the page shows of a session: read from it, written to the document, nothing else.

import { angles, counted, describe, percent, since } from "../shared/words.js";

const REASONS = {
  disagreement: (face) => `student and teachers disagree: ${percent(face.disagreement)}`,
  entropy: (face) => `the student is unsure: ${face.entropy.toFixed(2)} of 1.10 nats`,
  label_error: (face) => face.label_error_reason ?? `the student gives this label ${percent(1 - face.label_error)}`,
};

export class View {
  #root;
  #find;
  #shown = null; // the picture in the stage

  constructor(root) {
    this.#root = root;
    this.#find = (selector) => root.querySelector(selector);
  }

  show(session, order) {
    this.#progress(session);
    this.#storage(session.outbox);
    this.#stage(session);
    this.#said(session, order);
    this.#last(session);
  }

  announce(text) {
    this.#find("[aria-live]").textContent = text;
  }

  /** A sentence above the face, and a button where something can be done about it. */
  message(text, title = "", act = null) {
    const line = this.#find(".message");
    const button = line.querySelector("button");
    line.hidden = !text && !act;
    line.firstElementChild.textContent = text;
    button.hidden = !act;
    button.textContent = title;
    button.onclick = act;
  }

  /** With a size: how far this session is; without, how far everybody is with the queue. */
  #progress({ pace, size, queueProgress, doneHere }) {
    const whole = queueProgress && {
      done: queueProgress.done + doneHere,
      all: queueProgress.done + Math.max(queueProgress.left, doneHere),
    };
    const shown = size === null ? whole : { done: pace.done, all: size };
    const meter = this.#find(".meter");
    meter.max = Math.max(shown?.all ?? 1, 1);
    meter.value = Math.min(shown?.done ?? 0, meter.max);
    const session = size === null ? "" : ` of ${size.toLocaleString()}`;
    const queue = whole && ` · queue: ${whole.done.toLocaleString()} of ${whole.all.toLocaleString()}`;
    this.#find(".progress").textContent = `Session: ${pace.done.toLocaleString()}${session}${queue ?? ""}`;
    const speed = pace.facesPerHour;
    this.#find(".pace").textContent = speed ? `${speed.toLocaleString()} faces an hour` : "";
  }

  #storage({ waiting, conflicts, isEmpty, obstacle }) {
    const line = this.#find(".storage");
    const labels = counted(waiting, "label");
    const verb = waiting === 1 ? "waits" : "wait";
    line.dataset.state = obstacle ? "offline" : waiting ? "sending" : "stored";
    line.textContent = obstacle
      ? `⚠ ${obstacle[0].toUpperCase()}${obstacle.slice(1)}: ${labels} ${verb} here and will be sent`
      : conflicts.length ? `⚠ ${counted(conflicts.length, "conflict")} to decide`
      : waiting ? `↑ ${labels} on the way` : isEmpty ? "✓ everything is stored" : "";
  }

  #stage(session) {
    const { face, deck } = session;
    const notice = this.#find(".notice");
    const picture = face ? deck.pictures.of(face.face_id) : null;
    const image = picture?.state === "ready" ? picture.image : null;
    if (image !== this.#shown) {
      this.#find(".crop").replaceChildren(...(image ? [image] : []));
      this.#shown = image;
    }
    notice.hidden = image !== null;
    if (!image) notice.textContent = absence(session, picture);
    // for tests and benchmarks: what is on the screen, and how much could follow at once
    this.#root.dataset.face = image ? face.face_id : "";
    this.#root.dataset.ready = deck.readyAhead;
  }

  #said({ face, isOpen, isSecond, deck }, order) {
    const panel = this.#find(".said");
    panel.classList.toggle("empty", !face);
    if (!face) return;
    this.#find(".said h2").textContent = `Face ${face.face_id}`;
    this.#find(".said h2").title = face.image_name;
    this.#find(".people").textContent = people(face, isOpen, isSecond);
    this.#find(".scroll").hidden = !isOpen || !face.opinions.length;
    this.#find(".said tbody").replaceChildren(...(isOpen ? opinionRows(face.opinions) : []));
    this.#find(".why").textContent = [
      isOpen && face[order] !== null && REASONS[order]?.(face),
      `${face.image_name}, from ${face.source}`,
      face.is_flagged && "⚑ flagged",
    ].filter(Boolean).join(" · ");
  }

  #last({ last, isBlind }) {
    const line = this.#find(".last");
    line.textContent = "";
    if (!last) return;
    const stored = last.isStored ? " ✓ stored" : "";
    const models = isBlind && last.face.isRevealed ? ` · ${revealed(last.face)}` : "";
    line.textContent = `Before: ${last.words}${stored}${models}`;
  }
}

/** Why there is no picture. */
function absence({ isFinished, deck, pace }, picture) {
  if (picture?.state === "missing") return "This picture cannot be shown.";
  if (picture) return "The picture is loading …";
  if (isFinished) return `Session finished: ${counted(pace.done, "face")}.`;
  if (deck.trouble) return deck.trouble;
  if (deck.isTaking || !deck.isAtEnd) return "Taking faces from the queue …";
  return deck.faces.length ? "No more faces in this queue. Well done." : "No face waits in this queue.";
}

function people(face, isOpen, isSecond) {
  if (face.decision?.kind === "skip") return "You skipped this face.";
  if (face.decision) return `You: ${describe(face.decision.wish)}`;
  if (!isOpen) return isSecond ? "Somebody has labelled this face. What do you see?" : "Blind: what do you see?";
  if (!face.said || describe(face.said) === "no label") return "Nobody has labelled this face.";
  const who = face.annotator ? ` by ${face.annotator}, ${since(face.annotated_at)}` : "";
  return `Label: ${describe(face.said)}${who}`;
}

function opinionRows(opinions) {
  const student = opinions.find(({ role }) => role === "student");
  return opinions.map(({ role, model, mask, pose }) => {
    const row = document.createElement("tr");
    const who = cell("th", role === "student" ? "student" : "teacher", model);
    who.scope = "row";
    const isOther = role === "teacher" && mask && student?.mask && mask.label !== student.mask.label;
    const says = cell("td", mask ? `${mask.label} ${percent(mask.probabilities[mask.label])}` : "–", isOther ? "≠ student" : "");
    if (isOther) says.className = "differs";
    row.append(who, says, cell("td", pose ? angles(pose) : "–"));
    return row;
  });
}

function revealed({ opinions, first }) {
  const said = opinions.filter(({ mask }) => mask).map(({ role, mask }) => `${role} ${mask.label} ${percent(mask.probabilities[mask.label])}`);
  if (first && describe(first) !== "no label") said.unshift(`label until then: ${describe(first)}`);
  return said.join(", ");
}

function cell(tag, text, small = "") {
  const made = Object.assign(document.createElement(tag), { textContent: text });
  if (small) made.append(" ", Object.assign(document.createElement("small"), { textContent: small }));
  return made;
}
