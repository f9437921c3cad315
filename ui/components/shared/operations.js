// What an operation is about: {id, method, path, body, words, faces, …}, as the outbox keeps it.

/** The faces that it is about, where that is known. */
export function facesOf(op) {
  return op.faces ?? (op.body.changes ?? []).map(({ face_id }) => face_id);
}

/** Whether it is a label, or an undo or redo of one. */
export const isLabel = (op) => op.path.startsWith("/annotations");

/** Whether nobody knows yet which faces an undo or redo is about. */
export const isBlindStep = (op) => /^\/annotations\/(undo|redo)$/.test(op.path) && !op.faces;

/** Whether both are about the same face. */
export function overlap(one, other) {
  const faces = new Set(facesOf(other)); // of a grid's gesture thousands
  return facesOf(one).some((face) => faces.has(face));
}

/** face id → the version that these operations will leave, in their order. */
export function versionsAfter(ops) {
  const versions = new Map();
  for (const op of ops.filter(isLabel)) {
    const bases = new Map((op.body.changes ?? []).map(({ face_id, base_version }) => [face_id, base_version]));
    for (const face of facesOf(op)) {
      const base = bases.get(face) ?? versions.get(face);
      if (base !== undefined) versions.set(face, base + 1);
    }
  }
  return versions;
}
