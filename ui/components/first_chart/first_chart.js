// Tells the server once that a chart of the page is drawn, so that it sends the rest.
// A page whose first part has no chart, because nothing is counted yet, goes on after a while.
const PATIENCE_MS = 1500;
const LOOK_EVERY_MS = 30; // timers, not frames: those stand still in a tab in the background

export function mount({ setTriggerValue }) {
  const began = performance.now();
  let timer = setTimeout(look, 0);

  function look() {
    const isDrawn = document.querySelector(".js-plotly-plot .main-svg") !== null;
    if (isDrawn || performance.now() - began > PATIENCE_MS) setTriggerValue("drawn", true);
    else timer = setTimeout(look, LOOK_EVERY_MS);
  }

  return () => clearTimeout(timer);
}
