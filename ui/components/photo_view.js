// Turns clicks and keys into one Gradio event each. box_drawing.js, which follows in the same
// scope, adds the boxes.
// `element` and `trigger` come from gr.HTML; the content of `element` becomes another at every
// answer, so listeners sit on `element` itself, and every event names the photo that it is about.
const shownKey = () => element.querySelector(".mp-photo")?.dataset.key;
const send = (what) => trigger("click", { ...what, key: shownKey(), nonce: Math.random() });

// --- buttons of the cards and tools --------------------------------------------------------
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  if (button.dataset.act) send(button.dataset);
  if (button.dataset.tool === "copy") copy(button);
  // a click without a pointer comes from the keyboard
  if (button.dataset.tool === "box") toggleDrawing(event.detail === 0);
});

async function copy(button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "The browser refused to copy";
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}

// --- keys 1–4: label the card under focus or pointer, or the only one -----------------------
document.addEventListener("keydown", (event) => {
  // the box "Keep my photos" has just been ticked and holds the focus: digits are not for it
  const typing = event.target.closest?.(
    "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]");
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!"1234".includes(event.key)) return;
  const cards = element.querySelectorAll(".mp-card");
  const card = element.querySelector(".mp-card:focus-within") ||
    element.querySelector(".mp-card:hover") || (cards.length === 1 && cards[0]);
  const button = card && card.querySelectorAll('button[data-act="label"]')[Number(event.key) - 1];
  if (button) send(button.dataset);
});

// --- the button under the keyboard keeps the focus when the answer replaces it ----------------
let focused = null; // { key, selector }

document.addEventListener("focusin", (event) => {
  const button = element.contains(event.target) && event.target.closest("button");
  focused = button && { key: shownKey(), selector: selectorOf(button) };
});

const selectorOf = (button) => "button" + Object.entries(button.dataset)
  .filter(([name]) => name !== "text")
  .map(([name, value]) => `[data-${name}="${CSS.escape(value)}"]`).join("");

// --- teachers that a person has unfolded stay so, and the other way round ----------------------
const unfolded = new Map(); // photo and face → open

const faceOf = (details) =>
  `${details.closest(".mp-photo").dataset.key}/${details.closest(".mp-card").dataset.face}`;

element.addEventListener("click", (event) => {
  const details = event.target.closest("summary")?.parentElement;
  if (details) unfolded.set(faceOf(details), !details.open);
});

new MutationObserver(() => {
  for (const details of element.querySelectorAll(".mp-teachers")) {
    const open = unfolded.get(faceOf(details)) ?? details.open;
    if (details.open !== open) details.open = open;
  }
  if (!focused || focused.key !== shownKey() || document.activeElement !== document.body) return;
  element.querySelector(focused.selector)?.focus({ preventScroll: true });
}).observe(element, {
  childList: true,
  subtree: true,
  attributeFilter: ["open", "data-key", "data-face"], // a page is changed in place where it can be
});
