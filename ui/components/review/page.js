// The page of a session: keys and buttons in, pictures and words out.

import { workAs } from "../shared/api.js";
import { openAside } from "../shared/aside.js";
import { openConflicts } from "../shared/conflict.js";
import { openKeys } from "../shared/keys.js";
import { openOutbox } from "../shared/outbox.js";
import { photoOf } from "../shared/photo.js";
import { REPEATS, actionsFor } from "./actions.js";
import { Buttons } from "./buttons.js";
import { openKeyHelp } from "./key_help.js";
import { openPhoto } from "./photo.js";
import { PoseEditor } from "./pose_editor.js";
import { Session } from "./session.js";
import { View } from "./view.js";

const POSE_IS_OPEN = "maskpose.review.pose";

export class Page {
  #root;
  #data;
  #session;
  #view;
  #photo;
  #pose;
  #buttons;
  #conflicts;
  #doing;
  #isPhotoOpen = false;
  #notice = "";
  #ends = new AbortController();

  /** `root` is the section of review.html, `data` what the Streamlit page gives. */
  constructor(root, data) {
    this.#root = root;
    this.#data = data;
    workAs(data.annotator);
    const outbox = openOutbox(data);
    this.#session = new Session(data, outbox);
    this.#view = new View(root);
    this.#photo = openPhoto(root);
    this.#pose = new PoseEditor(root);
    this.#conflicts = openConflicts(root, outbox, this.#ends.signal);
    openAside(root.querySelector(".message"), outbox, this.#ends.signal);
    const actions = actionsFor(data.classes);
    const keys = openKeys("review", Object.fromEntries(actions.map(({ name, keys }) => [name, keys])));
    this.#doing = this.#verbs(actions, openKeyHelp(root, keys, actions));
    this.#buttons = new Buttons(root, keys, actions, (name) => this.#doing[name]());
    this.#listen(keys);
    this.#openPose(isRemembered(POSE_IS_OPEN));
  }

  close() {
    this.#ends.abort();
    this.#session.close();
    this.#buttons.remove();
  }

  /** Action → what it does. */
  #verbs(actions, showKeys) {
    const session = this.#session;
    const turns = actions.filter(({ turn }) => turn);
    const zoom = (by) => this.#isPhotoOpen && this.#photo.zoom(by);
    return {
      ...Object.fromEntries(this.#data.classes.map((mask) => [mask, () => this.#label({ mask })])),
      ...Object.fromEntries(turns.map(({ name, turn }) => [name, () => this.#pose.isOpen && this.#pose.turnByKey(turn)])),
      reject: () => session.label({ rejected: true }),
      accept: () => this.#accept(),
      skip: () => session.skip(),
      undo: () => session.undo(),
      redo: () => session.redo(),
      back: () => session.deck.move(-1),
      forward: () => session.deck.move(1),
      photo: () => this.#openPhoto(!this.#isPhotoOpen),
      pose: () => this.#openPose(!this.#pose.isOpen),
      flag: () => session.flag(),
      help: showKeys,
      closer: () => zoom(1.5),
      farther: () => zoom(1 / 1.5),
      fit: () => this.#isPhotoOpen && this.#photo.fit(),
    };
  }

  #listen(keys) {
    const { signal } = this.#ends;
    const root = this.#root;
    const stop = keys.listen((action) => this.#doing[action]?.(), {
      isActive: () => root.isConnected && !root.querySelector("dialog[open]"),
      repeats: REPEATS,
    });
    signal.addEventListener("abort", stop);
    keys.addEventListener("change", () => this.#buttons.caption(), { signal });
    this.#session.addEventListener("change", () => this.#show(), { signal });
    this.#session.addEventListener("say", ({ detail }) => this.#say(detail), { signal });
    this.#pose.addEventListener("change", () => this.#showButtons(), { signal });
    root.addEventListener("click", (event) => this.#leaveButton(event), { signal });
    addEventListener("pagehide", () => this.#session.close(), { signal });
  }

  /** A click leaves the focus on its button, where Enter and Space would press it again. */
  #leaveButton({ target, detail }) {
    const isMouse = detail > 0; // Enter and Space click as well
    if (isMouse && target.closest("button") && !target.closest("dialog")) {
      this.#root.focus({ preventScroll: true });
    }
  }

  /** With the pose open, the pose on the picture goes with the label. */
  #label(wish) {
    const { isOpen, pose } = this.#pose;
    const isKept = this.#session.label(isOpen && pose ? { ...wish, pose } : wish);
    if (isKept) this.#pose.finish();
  }

  #accept() {
    const mask = this.#suggestion();
    if (mask) this.#label({ mask });
    else this.#session.say("There is nothing to accept: choose a label.");
  }

  /** What Enter would say: the label that is there, or the student's; null where nothing is. */
  #suggestion() {
    const { face, isOpen } = this.#session;
    if (!face || !isOpen) return null;
    return (face.said?.rejected ? null : face.said?.mask) ?? face.predicted;
  }

  #openPhoto(isOpen) {
    this.#isPhotoOpen = isOpen;
    this.#root.querySelector(".photo").hidden = !isOpen;
    this.#show();
  }

  #openPose(isOpen) {
    this.#pose.open(isOpen);
    remember(POSE_IS_OPEN, isOpen);
    this.#show();
  }

  #show() {
    const { face, isOpen, deck } = this.#session;
    this.#view.show(this.#session, this.#data.queue.order);
    if (face) this.#pose.begin(face.face_id, isOpen ? (face.said?.pose ?? face.pose) : null);
    if (face && this.#isPhotoOpen) {
      this.#photo.show(face);
      const next = deck.faces[deck.place + 1];
      if (next) new Image().src = photoOf(next);
    }
    this.#showButtons();
    this.#showMessage();
  }

  #showButtons() {
    const { face, canUndo, canRedo } = this.#session;
    const own = face?.decision?.kind === "label" && !face.said?.rejected ? face.said?.mask : null;
    this.#buttons.show({
      hasFace: face !== null,
      suggestion: this.#suggestion(),
      withPose: this.#pose.isOpen,
      canUndo,
      canRedo,
      pressed: {
        ...Object.fromEntries(this.#data.classes.map((mask) => [mask, mask === own])),
        reject: face?.decision?.kind === "label" && Boolean(face.said?.rejected),
        photo: this.#isPhotoOpen,
        pose: this.#pose.isOpen,
        flag: Boolean(face?.is_flagged),
      },
    });
  }

  #say({ text, isNotice }) {
    this.#notice = isNotice ? text : "";
    this.#view.announce(text);
    this.#showMessage();
  }

  /** What needs an answer stays until it is given. */
  #showMessage() {
    const { face, isFinished, deck } = this.#session;
    if (this.#conflicts.count) {
      this.#view.message("Somebody else labelled a face in the meantime.", "Decide", this.#conflicts.show);
    } else if (!face && isFinished) {
      this.#view.message(this.#notice, "Another session of the same size", () => this.#session.goOn());
    } else if (!face && (deck.isAtEnd || deck.trouble)) {
      this.#view.message(this.#notice, "Look again", () => deck.again());
    } else {
      this.#view.message(this.#notice);
    }
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // without storage the page opens as it does the first time
  }
}

function isRemembered(name) {
  try {
    return JSON.parse(localStorage.getItem(name)) === true;
  } catch {
    return false;
  }
}
