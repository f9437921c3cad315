// Labels, poses and times in words; the same words as `db.labels.describe`.

/** What is said about a face: {mask, pose, rejected, note}, any of them missing. */
export function describe(label) {
  if (!label) return "no label";
  if (label.rejected) return "not a face";
  const parts = [label.mask, label.pose && `pose ${angles(label.pose)}`].filter(Boolean);
  return parts.join(", ") || "no label";
}

/** "12/−3/5°": yaw, pitch and roll. */
export function angles({ yaw_deg, pitch_deg, roll_deg }) {
  return [yaw_deg, pitch_deg, roll_deg].map((angle) => whole(angle)).join("/") + "°";
}

/** A whole number with a real minus, and never "-0". */
export function whole(number) {
  const rounded = Math.round(number) || 0;
  return rounded < 0 ? `−${-rounded}` : String(rounded);
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** "3 labels", "1 label". */
export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

/** "masked" where all words are the same, "masked 2, no label 1" else. */
export function tally(words) {
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, n]) => (counts.size > 1 ? `${word} ${n}` : word)).join(", ");
}

/** How long ago a time (ISO 8601) was, roughly. */
export function since(time) {
  if (!time) return "a moment ago";
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  if (seconds < 90) return "a moment ago";
  for (const [name, length] of [["day", 86_400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= 1.5 * length) return `${Math.round(seconds / length)} ${name}s ago`;
  }
  return "a minute ago";
}
