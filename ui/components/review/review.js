// The review page's component: one face at a time, by keyboard. See docs/review.md.
//
//   mount({ data: { studio, annotator, queue, classes }, parentElement })

import { Page } from "./page.js";

const running = new WeakMap(); // where → {name of the session, page}

/** Streamlit calls this again whenever the page is run: the same session simply goes on. */
export function mount({ data, parentElement }) {
  const name = JSON.stringify(data);
  const known = running.get(parentElement);
  if (known?.name !== name) {
    known?.page.close();
    const root = parentElement.querySelector(".review");
    running.set(parentElement, { name, page: new Page(root, data) });
  }
  return () => {
    running.get(parentElement)?.page.close();
    running.delete(parentElement);
  };
}
