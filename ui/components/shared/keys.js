// Keys for actions: shown on buttons, changed by people, remembered in this browser.
//
//   const keys = openKeys("review", { masked: ["2"], accept: ["enter"], undo: ["backspace", "ctrl+z"] });
//   const stop = keys.listen((action, event) => act(action), { isActive: () => !dialog.open, repeats: ["next"] });
//   button.append(keys.caption("masked"));        // "2"
//   keys.change("masked", ["m"]);                 // false where another action has the key
//
// Keys come from the whole page, so nothing has to be focused first. They are left alone while
// somebody types, while a button has the focus (Enter and Space), on a slider (arrows), with
// Alt, and when a key that is held down repeats itself.

const NAMES = {
  " ": "space",
  enter: "⏎",
  space: "Space",
  backspace: "⌫",
  arrowleft: "←",
  arrowright: "→",
  arrowup: "↑",
  arrowdown: "↓",
  ctrl: "Ctrl",
  shift: "Shift",
  escape: "Esc",
};
//: Streamlit itself takes these.
const TAKEN = ["c", "r"];
const OWN_KEYS = {
  button: ["enter", "space"],
  slider: ["arrowleft", "arrowright", "arrowup", "arrowdown", "home", "end", "pageup", "pagedown"],
};
const TYPED_INTO = "input:not([type=range], [type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable=true]";
const PRESSED = "button, a[href], summary, [role=button], [role=tab], [role=option], [type=checkbox], [type=radio]";

export function openKeys(page, defaults) {
  return new Keys(`maskpose.keys.${page}`, defaults);
}

class Keys extends EventTarget {
  #storage;
  #defaults;
  #keys;

  constructor(storage, defaults) {
    super();
    this.#storage = storage;
    this.#defaults = defaults;
    this.#keys = { ...defaults, ...remembered(storage, defaults) };
  }

  /** The keys of an action, such as ["backspace", "ctrl+z"]. */
  of(action) {
    return this.#keys[action] ?? [];
  }

  /** The first key as people write it, such as "Ctrl+Z". */
  caption(action) {
    return written(this.of(action)[0] ?? "");
  }

  /** All keys as people write them. */
  captions(action) {
    return this.of(action).map(written);
  }

  actionOf(key) {
    return Object.keys(this.#keys).find((action) => this.#keys[action].includes(key));
  }

  /** Why a key cannot be given to an action; "" where it can. */
  objection(action, key) {
    if (TAKEN.includes(key)) return `${written(key)} belongs to the page around this one`;
    const other = this.actionOf(key);
    return other && other !== action ? `${written(key)} is “${other}” already` : "";
  }

  change(action, keys) {
    if (keys.some((key) => this.objection(action, key))) return false;
    this.#keys = { ...this.#keys, [action]: keys };
    this.#remember();
    return true;
  }

  reset() {
    this.#keys = { ...this.#defaults };
    this.#remember();
  }

  /** Call `act(action, event)` for each key of the page; returns what stops it. */
  listen(act, { isActive = () => true, repeats = [] } = {}) {
    const onKey = (event) => {
      if (event.isComposing || event.defaultPrevented || !isActive()) return;
      const key = keyOf(event);
      if (!key || belongsToFocus(event.composedPath()[0], key)) return;
      const action = this.actionOf(key);
      if (!action) return;
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat || repeats.includes(action)) act(action, event);
    };
    addEventListener("keydown", onKey, true);
    return () => removeEventListener("keydown", onKey, true);
  }

  #remember() {
    try {
      localStorage.setItem(this.#storage, JSON.stringify(this.#keys));
    } catch {
      // the keys hold until the page is closed
    }
    this.dispatchEvent(new Event("change"));
  }
}

/** The key of an event, such as "ctrl+shift+z", "space" or "?"; "" for a modifier alone. */
export function keyOf(event) {
  if (event.altKey || ["Control", "Shift", "Meta", "Alt", "AltGraph"].includes(event.key)) return "";
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(event.code)?.[1];
  // some keyboards write digits with Shift, others without: the place of the key decides
  const isDigit = digit && (/^\d$/.test(event.key) || !event.shiftKey);
  const name = isDigit ? digit : (event.key === " " ? "space" : event.key.toLowerCase());
  const isSign = name.length === 1 && name.toUpperCase() === name;
  const parts = [name];
  if (event.shiftKey && !isSign) parts.unshift("shift");
  if (event.ctrlKey || event.metaKey) parts.unshift("ctrl");
  return parts.join("+");
}

/** A key as people write it. */
export function written(key) {
  if (key === "+") return "+";
  return key
    .split("+")
    .map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part[0]?.toUpperCase() + part.slice(1)))
    .join("+");
}

function belongsToFocus(focus, key) {
  if (!(focus instanceof Element)) return false;
  if (focus.matches(TYPED_INTO)) return true;
  if (focus.matches("[type=range], [role=slider]")) return OWN_KEYS.slider.includes(key);
  return OWN_KEYS.button.includes(key) && focus.closest(PRESSED) !== null;
}

function remembered(storage, defaults) {
  try {
    const given = JSON.parse(localStorage.getItem(storage) ?? "{}");
    return Object.fromEntries(
      Object.entries(given).filter(([action, keys]) => action in defaults && Array.isArray(keys)),
    );
  } catch {
    return {};
  }
}
