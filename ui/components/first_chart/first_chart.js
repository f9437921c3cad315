// Tells the server that a chart of the page is drawn, so that it sends the rest; again while it
// does not, as a message can get lost. Should no chart ever come, it asks for the rest all the same.
const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 30; // timers, not frames: those stand still in a tab in the background
const TELL_EVERY_MS = 3000;

export function mount({ setTriggerValue }) {
  const began = performance.now();
  let timer = setTimeout(look, 0);

  function look() {
    const isDrawn = document.querySelector(".js-plotly-plot .main-svg") !== null;
    if (isDrawn || performance.now() - began > PATIENCE_MS) tell();
    else timer = setTimeout(look, LOOK_EVERY_MS);
  }

  function tell() {
    setTriggerValue("drawn", true);
    timer = setTimeout(tell, TELL_EVERY_MS);
  }

  return () => clearTimeout(timer);
}
