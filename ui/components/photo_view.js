// Turns clicks, keys and a drawn box into one Gradio event each.
// `element` and `trigger` come from gr.HTML; the content of `element` is replaced at every answer,
// so listeners sit on `element` itself.
const send = (what) => trigger("click", { ...what, nonce: Math.random() });

// --- buttons of the cards and tools --------------------------------------------------------
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  if (button.dataset.act) send(button.dataset);
  if (button.dataset.tool === "copy") copy(button);
  if (button.dataset.tool === "box") setDrawing(button.getAttribute("aria-pressed") !== "true");
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
  const typing = event.target.closest?.("input, textarea, select, [contenteditable=true]");
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") return setDrawing(false);
  if (!"1234".includes(event.key)) return;
  const cards = element.querySelectorAll(".mp-card");
  const card = element.querySelector(".mp-card:focus-within") ||
    element.querySelector(".mp-card:hover") || (cards.length === 1 && cards[0]);
  const button = card && card.querySelectorAll('button[data-act="label"]')[Number(event.key) - 1];
  if (button) send(button.dataset);
});

// --- a box drawn by hand: press, drag, release ----------------------------------------------
let start = null;
let frame = null;

function setDrawing(on) {
  const tool = element.querySelector('button[data-tool="box"]');
  if (!tool) return;
  tool.setAttribute("aria-pressed", String(on));
  element.querySelector(".mp-picture").classList.toggle("mp-drawing", on);
}

function place(event, picture) {
  const area = picture.getBoundingClientRect();
  const clamp = (value) => Math.min(1, Math.max(0, value));
  return {
    x: clamp((event.clientX - area.left) / area.width),
    y: clamp((event.clientY - area.top) / area.height),
  };
}

function between(a, b) {
  return {
    left: Math.min(a.x, b.x), top: Math.min(a.y, b.y),
    width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y),
  };
}

element.addEventListener("pointerdown", (event) => {
  const picture = event.target.closest(".mp-picture.mp-drawing");
  if (!picture) return;
  event.preventDefault();
  start = place(event, picture);
  frame = document.createElement("div");
  frame.className = "mp-frame";
  picture.append(frame);
  picture.setPointerCapture(event.pointerId);
});

element.addEventListener("pointermove", (event) => {
  if (!frame) return;
  const box = between(start, place(event, frame.parentElement));
  for (const side of Object.keys(box)) frame.style[side] = `${box[side] * 100}%`;
});

element.addEventListener("pointerup", (event) => {
  if (!frame) return;
  const picture = frame.parentElement;
  const box = between(start, place(event, picture));
  frame.remove();
  frame = null;
  setDrawing(false);
  const { width, height } = picture.dataset;
  if (box.width * width < 8 || box.height * height < 8) return; // a click, not a box
  send({
    act: "box", left_px: box.left * width, top_px: box.top * height,
    width_px: box.width * width, height_px: box.height * height,
  });
});
