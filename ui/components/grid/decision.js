// Others were faster on some faces of a gesture: who, what, and what shall become of them.

import { counted, describe, tally } from "../shared/words.js";

/** Fill `place`; `labeller.contested` is what it is about, `show(faceIds)` leads there. */
export function showDecision(place, labeller, show) {
  const { contested } = labeller;
  const ids = contested.map(({ faceId }) => faceId);
  const about = contested.map(({ faceId, theirs, mine }) => [faceId, theirs.version, describe(mine)]).join();
  if (place.dataset.about === about) return;
  place.dataset.about = about;
  place.replaceChildren();
  if (!contested.length) return;
  const decide = (keeps) => {
    labeller.decide(keeps);
    place.getRootNode().querySelector("[role=listbox]").focus(); // the pressed button goes away
  };
  place.append(
    Object.assign(document.createElement("p"), { textContent: story(contested) }),
    button("Leave them", () => decide("theirs")),
    button(`Change them to ${wishOf(contested)}`, () => decide("mine")),
    button("Show them", () => show(ids)),
  );
}

function story(contested) {
  const theirs = contested.map((one) => one.theirs);
  const names = [...new Set(theirs.map(({ annotator }) => annotator ?? "Somebody"))].join(" and ");
  const now = tally(theirs.map(({ label }) => label ?? "no label"));
  const faces = counted(contested.length, "face");
  return `${names} was faster on ${faces}, now: ${now}. Nothing was overwritten; the other faces are labelled.`;
}

function wishOf(contested) {
  const wishes = new Set(contested.map(({ mine }) => describe(mine)));
  return wishes.size === 1 ? [...wishes][0] : "what you said";
}

function button(text, act) {
  return Object.assign(document.createElement("button"), { type: "button", textContent: text, onclick: act });
}
