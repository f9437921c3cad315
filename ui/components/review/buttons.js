// A button for each action, with its key on it.

const PLACES = { labels: ".labels", tools: ".tools", photo: ".photo-tools", pose: ".pose-tools" };
//: These make sense without a face.
const ALWAYS = ["undo", "redo", "back", "help", "pose", "photo"];

export class Buttons {
  #keys;
  #all = new Map();

  constructor(root, keys, actions, act) {
    this.#keys = keys;
    for (const { name, title, group } of actions) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.action = name;
      button.append(document.createTextNode(title), document.createElement("kbd"));
      button.onclick = () => act(name);
      root.querySelector(PLACES[group]).append(button);
      this.#all.set(name, button);
    }
    this.caption();
  }

  /** Write the present keys on all buttons. */
  caption() {
    for (const [name, button] of this.#all) {
      button.querySelector("kbd").textContent = this.#keys.caption(name);
      button.title = this.#keys.captions(name).join(" or ");
    }
  }

  /** `pressed`: action → whether it is on; `suggestion`: what "accept" would say, or null. */
  show({ hasFace, pressed, suggestion, withPose, canUndo, canRedo }) {
    for (const [name, button] of this.#all) {
      if (!ALWAYS.includes(name)) button.disabled = !hasFace;
      if (name in pressed) button.setAttribute("aria-pressed", String(pressed[name]));
    }
    const accept = this.#all.get("accept");
    accept.disabled = !suggestion;
    accept.firstChild.textContent = suggestion ? `accept ${suggestion}${withPose ? " and pose" : ""}` : "accept";
    this.#all.get("undo").disabled = !canUndo;
    this.#all.get("redo").disabled = !canRedo;
  }

  remove() {
    this.#all.forEach((button) => button.remove());
  }
}
