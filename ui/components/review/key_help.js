// All keys in a dialog, where a person can change them.

import { keyOf, written } from "../shared/keys.js";

export function openKeyHelp(root, keys, actions) {
  const dialog = root.querySelector("dialog.keys");
  const objection = dialog.querySelector(".objection");
  let asked = null; // the action whose new key is awaited

  function show() {
    dialog.querySelector("tbody").replaceChildren(...actions.map(row));
  }

  function row({ name, title }) {
    const line = document.createElement("tr");
    const what = Object.assign(document.createElement("th"), { scope: "row", textContent: title });
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.dataset.action = name;
    button.textContent = asked === name ? "press a key …" : keys.captions(name).join("  or  ");
    button.setAttribute("aria-label", `${title}: ${asked === name ? "press a key" : `${keys.captions(name).join(" or ")}, change`}`);
    button.onclick = () => ask(name);
    const cell = document.createElement("td");
    cell.append(button);
    line.append(what, cell);
    return line;
  }

  function ask(name) {
    asked = name;
    objection.textContent = "";
    show();
    dialog.querySelector(`[data-action="${name}"]`).focus();
  }

  function take(event) {
    const key = keyOf(event);
    if (!asked || !key || key === "tab") return;
    event.preventDefault();
    event.stopPropagation();
    const action = asked;
    asked = null;
    if (key !== "escape") {
      objection.textContent = keys.objection(action, key);
      keys.change(action, [key]);
      if (!objection.textContent) objection.textContent = `${written(key)} it is.`;
    }
    show();
    dialog.querySelector(`[data-action="${action}"]`).focus();
  }

  dialog.addEventListener("keydown", take, true);
  dialog.addEventListener("cancel", (event) => asked && event.preventDefault());
  dialog.addEventListener("close", () => (asked = null));
  dialog.querySelector("[data-act=close]").onclick = () => dialog.close();
  dialog.querySelector("[data-act=reset]").onclick = () => {
    keys.reset();
    show();
  };
  return () => {
    objection.textContent = "";
    show();
    dialog.showModal();
    dialog.querySelector("h2").focus();
  };
}
