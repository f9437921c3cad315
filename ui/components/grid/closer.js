// One face closer: the whole photo with the box, and what everybody says about it.

import { get } from "../shared/api.js";
import { frameFace, photoOf } from "../shared/photo.js";
import { angles, percent } from "../shared/words.js";
import { labelOf, scoreOf } from "./faces.js";

/** Each opening fills elements of its own: what comes late for another face is not seen. */
export function showCloser(dialog, face, order) {
  dialog.querySelector("h2").textContent = `Face ${face.face_id} in ${face.image_name}`;
  dialog.querySelector(".photo").replaceChildren(...framed(face));
  const list = listOf(face, order);
  dialog.querySelector("ul").replaceWith(list);
  dialog.querySelector("a.alone").href = `/review?face_ids=${face.face_id}`;
  dialog.querySelector("a.history").href = `/face?id=${face.face_id}`;
  dialog.showModal();
  get(`/faces/${face.face_id}/predictions`)
    .then((said) => list.append(...said.map((one) => item(opinion(one)))))
    .catch(() => {}); // offline: the rest is there
}

/** The photo, and a box around the face once it is there. */
function framed(face) {
  const box = Object.assign(document.createElement("div"), { className: "box", hidden: true });
  frameFace(box, face);
  const photo = new Image();
  photo.alt = `The photo ${face.image_name} with a frame around face ${face.face_id}`;
  photo.onload = () => (box.hidden = false);
  photo.src = photoOf(face);
  return [photo, box];
}

function listOf(face, order) {
  const who = face.is_labelled && face.annotator ? ` by ${face.annotator}` : "";
  const lines = [`Label: ${labelOf(face)}${who}`, scoreOf(face, order), `Source: ${face.source}`];
  const list = document.createElement("ul");
  list.append(...lines.filter(Boolean).map(item));
  return list;
}

function opinion({ model, mask, pose }) {
  const parts = [];
  if (mask) {
    const [label, share] = Object.entries(mask).sort((a, b) => b[1] - a[1])[0];
    parts.push(`${label} ${percent(share)}`);
  }
  if (pose) parts.push(`yaw, pitch, roll ${angles(pose)}`);
  return `${model}: ${parts.join(", ")}`;
}

function item(text) {
  return Object.assign(document.createElement("li"), { textContent: text });
}
