// Everything that can be done on the page: its name, the words on its button, its keys.

/** `classes`: the mask labels in their order; they get the keys 1 to 9. */
export function actionsFor(classes) {
  const labels = classes.map((name, index) => ({
    name,
    title: name,
    keys: [String(index + 1)],
    group: "labels",
  }));
  const reject = { name: "reject", title: "not a face", keys: ["x", String(classes.length + 1)], group: "labels" };
  return [...labels, reject, ...OTHERS];
}

const OTHERS = [
  { name: "accept", title: "accept", keys: ["enter"], group: "labels" },
  { name: "skip", title: "skip", keys: ["space"], group: "labels" },
  { name: "undo", title: "undo", keys: ["backspace", "ctrl+z"], group: "tools" },
  { name: "redo", title: "redo", keys: ["ctrl+shift+z", "ctrl+y"], group: "tools" },
  { name: "back", title: "back", keys: ["arrowleft"], group: "tools" },
  { name: "forward", title: "forward", keys: ["arrowright"], group: "tools" },
  { name: "photo", title: "full photo", keys: ["f"], group: "tools" },
  { name: "pose", title: "pose", keys: ["p"], group: "tools" },
  { name: "flag", title: "flag", keys: ["g"], group: "tools" },
  { name: "help", title: "keys", keys: ["?", "h"], group: "tools" },
  { name: "closer", title: "closer", keys: ["+"], group: "photo" },
  { name: "farther", title: "farther", keys: ["-"], group: "photo" },
  { name: "fit", title: "whole", keys: ["0"], group: "photo" },
  { name: "turnLeft", title: "nose left", keys: ["j"], group: "pose", turn: { right: -1 } },
  { name: "turnRight", title: "nose right", keys: ["l"], group: "pose", turn: { right: 1 } },
  { name: "turnUp", title: "nose up", keys: ["i"], group: "pose", turn: { up: 1 } },
  { name: "turnDown", title: "nose down", keys: ["k"], group: "pose", turn: { up: -1 } },
  { name: "tiltLeft", title: "tilt left", keys: ["u"], group: "pose", turn: { clockwise: -1 } },
  { name: "tiltRight", title: "tilt right", keys: ["o"], group: "pose", turn: { clockwise: 1 } },
];

/** While held down these go on. */
export const REPEATS = ["back", "forward", "closer", "farther", ...OTHERS.filter(({ turn }) => turn).map(({ name }) => name)];
