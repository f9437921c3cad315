// What can be said with one key, face by face and in words.

const CHANGES = {
  "not a face": () => ({ rejected: true }),
  model: (face) => (face.predicted ? { mask: face.predicted } : null),
  none: (face) => (face.is_labelled ? { mask: null, rejected: false } : null),
};

/** What a verdict changes on a face; null where it says nothing about this one. */
export const changeFor = (verdict, face) => (CHANGES[verdict] ?? (() => ({ mask: verdict })))(face);

export function inWords(verdict) {
  return { model: "as the model says", none: "label taken away" }[verdict] ?? verdict;
}
