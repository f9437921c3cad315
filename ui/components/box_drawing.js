// A box around a face that the detector missed: press, drag, release; or a box that keys move.
const KEYS = "Arrow keys move the box, with Shift they change its size, Enter adds it, " +
  "Escape gives up.";
const POINTER = "Drag a box around the face; Escape gives up.";
const STEP = 0.02; // of the picture's side, for each key press
const SMALLEST_PX = 8;

let start = null; // where the pointer went down
let frame = null;
let drawing = null; // while a box is being drawn: { byKeyboard, key } (of its photo)

const picture = () => element.querySelector(".mp-picture");

function toggleDrawing(byKeyboard) {
  const tool = element.querySelector('button[data-tool="box"]');
  const on = tool.getAttribute("aria-pressed") !== "true";
  stopDrawing();
  if (!on) return;
  drawing = { byKeyboard, key: shownKey() };
  showDrawing();
  if (byKeyboard) openFrame({ left: 0.4, top: 0.3, width: 0.2, height: 0.25 }).focus();
}

function showDrawing() {
  element.querySelector('button[data-tool="box"]').setAttribute("aria-pressed", "true");
  picture().classList.add("mp-drawing");
  element.querySelector(".mp-hint").textContent = drawing.byKeyboard ? KEYS : POINTER;
}

// The teachers' answer replaces the student's, and with it the picture that is being drawn on. On
// another photo the box would be somewhere else: give it up.
new MutationObserver(() => {
  if (!drawing) return;
  if (drawing.key !== shownKey()) return stopDrawing();
  const tool = element.querySelector('button[data-tool="box"]');
  if (tool.getAttribute("aria-pressed") === "true") return;
  showDrawing();
  if (!frame) return;
  picture().append(frame);
  if (drawing.byKeyboard) frame.focus({ preventScroll: true });
}).observe(element, {
  childList: true, subtree: true, attributeFilter: ["data-key", "aria-pressed"],
});

function stopDrawing() {
  frame?.remove();
  frame = null;
  start = null;
  drawing = null;
  picture()?.classList.remove("mp-drawing");
  const tool = element.querySelector('button[data-tool="box"]');
  if (!tool) return;
  tool.setAttribute("aria-pressed", "false");
  element.querySelector(".mp-hint").textContent = "";
}

function openFrame(box) {
  frame = document.createElement("div");
  frame.className = "mp-frame";
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", `Box around a face. ${KEYS}`);
  setFrame(box);
  picture().append(frame);
  return frame;
}

// `box` is in fractions of the picture.
function setFrame(box) {
  frame.box = box;
  for (const side of Object.keys(box)) frame.style[side] = `${box[side] * 100}%`;
}

function addBox() {
  const { left, top, width, height } = frame.box;
  const { width: width_px, height: height_px } = picture().dataset;
  stopDrawing();
  if (width * width_px < SMALLEST_PX || height * height_px < SMALLEST_PX) return; // a click
  send({
    act: "box", left_px: left * width_px, top_px: top * height_px,
    width_px: width * width_px, height_px: height * height_px,
  });
}

// --- by keyboard ------------------------------------------------------------------------------
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return stopDrawing();
  if (!frame || event.target !== frame) return;
  const [x, y] = {
    ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP],
  }[event.key] || [0, 0];
  if (!x && !y && event.key !== "Enter") return;
  event.preventDefault();
  if (event.key === "Enter") {
    addBox();
    element.querySelector('button[data-tool="box"]').focus();
    return;
  }
  const { left, top, width, height } = frame.box;
  setFrame(event.shiftKey
    ? { left, top, width: clamp(width + x, STEP, 1 - left), height: clamp(height + y, STEP, 1 - top) }
    : { left: clamp(left + x, 0, 1 - width), top: clamp(top + y, 0, 1 - height), width, height });
});

// --- by pointer -------------------------------------------------------------------------------
function place(event) {
  const area = picture().getBoundingClientRect();
  return {
    x: clamp((event.clientX - area.left) / area.width, 0, 1),
    y: clamp((event.clientY - area.top) / area.height, 0, 1),
  };
}

element.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".mp-picture.mp-drawing")) return;
  event.preventDefault();
  frame?.remove();
  start = place(event);
  openFrame({ left: start.x, top: start.y, width: 0, height: 0 });
  picture().setPointerCapture(event.pointerId);
});

element.addEventListener("pointermove", (event) => {
  if (!frame || !start) return;
  const end = place(event);
  setFrame({
    left: Math.min(start.x, end.x), top: Math.min(start.y, end.y),
    width: Math.abs(start.x - end.x), height: Math.abs(start.y - end.y),
  });
});

element.addEventListener("pointerup", () => {
  if (frame && start) addBox();
});
