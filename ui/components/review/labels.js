// Labels as values: {mask, pose, rejected, note}, or null where nobody has said anything.

/** The label after a change, as `db.labels.changed`: a rejected face has no mask and no pose. */
export function changed(label, wish) {
  const note = label?.note ?? null;
  if (wish.rejected) return { mask: null, pose: null, rejected: true, note };
  const was = label?.rejected ? null : label;
  return { mask: wish.mask ?? was?.mask ?? null, pose: wish.pose ?? was?.pose ?? null, rejected: false, note };
}

/** The label in a conflict's answer. */
export const labelOf = ({ mask, pose, rejected }) => ({ mask, pose, rejected, note: null });

/** Whether a label says anything. */
export const says = (label) => Boolean(label && (label.mask || label.pose || label.rejected));
