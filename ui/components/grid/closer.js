// One face closer: the whole photo with the box, and what everybody says about it.

import { get } from "../shared/api.js";
import { angles, percent } from "../shared/words.js";
import { labelOf, scoreOf } from "./faces.js";

export function showCloser(dialog, face, order) {
  const photo = dialog.querySelector("img");
  const box = dialog.querySelector(".box");
  box.hidden = true;
  photo.onload = () => {
    const [left, top, width, height] = face.box;
    box.style.left = `${(100 * left) / photo.naturalWidth}%`;
    box.style.top = `${(100 * top) / photo.naturalHeight}%`;
    box.style.width = `${(100 * width) / photo.naturalWidth}%`;
    box.style.height = `${(100 * height) / photo.naturalHeight}%`;
    box.hidden = false;
  };
  photo.alt = `The photo ${face.image_name} with a frame around face ${face.face_id}`;
  photo.src = `/api/v1/images/${face.image_id}/file`;
  dialog.querySelector("h2").textContent = `Face ${face.face_id} in ${face.image_name}`;
  const who = face.is_labelled && face.annotator ? ` by ${face.annotator}` : "";
  const lines = [`Label: ${labelOf(face)}${who}`, scoreOf(face, order), `Source: ${face.source}`];
  dialog.querySelector("ul").replaceChildren(...lines.filter(Boolean).map(item));
  dialog.querySelector("a.alone").href = `/review?face_ids=${face.face_id}`;
  dialog.querySelector("a.history").href = `/face?id=${face.face_id}`;
  dialog.showModal();
  get(`/faces/${face.face_id}/predictions`)
    .then((said) => dialog.querySelector("ul").append(...said.map((one) => item(opinion(one)))))
    .catch(() => {}); // offline: the rest is there
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
