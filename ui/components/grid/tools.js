// The buttons above the grid, each with its key, and the list of all keys.

//: What a grid does besides labelling: the keys, and the words of the list.
const ACTIONS = {
  toggle: [["space"], "select the framed face, or not"],
  all: [["ctrl+a"], "select all"],
  clear: [["escape"], "select none"],
  undo: [["ctrl+z", "backspace"], "undo the last action, on all its faces"],
  redo: [["ctrl+shift+z", "ctrl+y"], "do it again"],
  flag: [["f"], "flag for a talk, or take the flags off"],
  closer: [["o"], "look closer at the framed face"],
  help: [["?"], "this list"],
};
const HANDS = [
  ["← ↑ ↓ →", "move the frame (also Home, End, Page up, Page down)"],
  ["Shift+arrow", "select on the way"],
  ["Click", "select, or not"],
  ["Shift+click", "select everything up to here"],
  ["Drag", "select with a rectangle"],
  ["Double click", "look closer"],
];

/** The usual keys of the grid's actions and of `verdicts`. */
export function usualKeys(verdicts) {
  return {
    ...Object.fromEntries(verdicts.map(({ value, keys }) => [value, keys])),
    ...Object.fromEntries(Object.entries(ACTIONS).map(([action, [keys]]) => [action, keys])),
  };
}

/** Make the buttons of `verdicts`, and let all buttons call `act(name)`. */
export function buildTools(root, verdicts, keys, act) {
  const [place] = root.querySelectorAll(".verdicts");
  for (const { value, title } of verdicts) {
    const button = element("button", title);
    button.type = "button";
    button.dataset.act = value;
    place.append(button);
  }
  for (const button of root.querySelectorAll("[data-act]")) {
    button.append(element("kbd", keys.caption(button.dataset.act)));
    button.onclick = () => act(button.dataset.act);
    button.onmousedown = (event) => event.preventDefault(); // the grid keeps the focus
  }
  const rows = [
    ...verdicts.map(({ value, title }) => [keys.captions(value).join(" or "), `label: ${title}`]),
    ...Object.entries(ACTIONS).map(([action, [, does]]) => [keys.captions(action).join(" or "), does]),
    ...HANDS,
  ];
  root
    .querySelector(".help dl")
    .append(...rows.flatMap(([name, does]) => [element("dt", name), element("dd", does)]));
}

function element(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}
