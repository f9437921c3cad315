// What a session says of a face, for those who listen.

import { describe, percent } from "../shared/words.js";
import { says } from "./labels.js";

/** The face that is shown now. */
export function nextInWords({ face, isOpen }) {
  if (!face) return "No more faces.";
  if (!isOpen || !face.predicted) return `Next: face ${face.face_id}.`;
  return `Next: face ${face.face_id}, the student says ${face.predicted} ${percent(face.confidence)}.`;
}

/** What a face is after its decision was taken back. */
export function nowIs({ kind, before }) {
  if (kind === "skip") return "yours again";
  return says(before.said) ? describe(before.said) : "without your label";
}
