// Where the tiles of a grid are: arithmetic only, so that nothing must be measured while scrolling.
// All lengths are in CSS pixels; tiles are counted from 0, row by row.

export const GAP = 8;
//: Under each picture: two lines of text.
const CAPTION = 46;

/** Columns and sizes for `count` tiles of about `wanted` pixels in a `width`: rows are filled. */
export function layoutOf({ width, wanted, count }) {
  const columns = Math.max(1, Math.floor((width - GAP) / (wanted + GAP)));
  const tile = Math.floor((width - GAP) / columns) - GAP;
  const stride = { x: tile + GAP, y: tile + CAPTION + GAP };
  const rows = Math.ceil(count / columns);
  return { columns, rows, tile, stride, count, height: rows * stride.y + GAP };
}

/** The upper left corner of a tile. */
export function cornerOf(layout, index) {
  const row = Math.floor(index / layout.columns);
  return {
    x: GAP + (index % layout.columns) * layout.stride.x,
    y: GAP + row * layout.stride.y,
  };
}

/** The first tile in view and the one after the last, with `spare` rows above and below. */
export function tilesInView(layout, top, height, spare) {
  const first = Math.max(0, Math.floor((top - GAP) / layout.stride.y) - spare);
  const last = Math.ceil((top + height - GAP) / layout.stride.y) + spare;
  return [
    Math.min(layout.count, first * layout.columns),
    Math.min(layout.count, last * layout.columns),
  ];
}

/** The tiles that a rectangle touches. */
export function tilesIn(layout, { left, top, right, bottom }) {
  const span = (from, to, stride, size, most) => [
    Math.max(0, Math.floor((from - GAP + stride - size) / stride)),
    Math.min(most - 1, Math.floor((to - GAP) / stride)),
  ];
  const size = { x: layout.tile, y: layout.stride.y - GAP };
  const [column0, column1] = span(left, right, layout.stride.x, size.x, layout.columns);
  const [row0, row1] = span(top, bottom, layout.stride.y, size.y, layout.rows);
  const found = [];
  for (let row = row0; row <= row1; row++) {
    for (let column = column0; column <= column1; column++) {
      const index = row * layout.columns + column;
      if (index < layout.count) found.push(index);
    }
  }
  return found;
}

/** Where a key leads from a tile; null where the key is none of these. */
export function step(layout, index, key, rowsInView) {
  const far = { home: 0, end: layout.count - 1 }[key];
  const near = {
    arrowleft: -1,
    arrowright: 1,
    arrowup: -layout.columns,
    arrowdown: layout.columns,
    pageup: -layout.columns * rowsInView,
    pagedown: layout.columns * rowsInView,
  }[key];
  if (far === undefined && near === undefined) return null;
  const target = far ?? index + near;
  if (target >= 0 && target < layout.count) return target;
  return key.startsWith("page") ? Math.max(0, Math.min(layout.count - 1, target)) : index;
}
