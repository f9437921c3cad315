// Head poses as rotations and lines. The convention is that of `core/head_pose.py` (a test holds
// both together): degrees; yaw > 0: nose to image left; pitch > 0: up; roll > 0: clockwise;
// R = Rx(−pitch) · Ry(−yaw) · Rz(−roll), x to image right, y up, z toward the viewer.

const RADIANS = Math.PI / 180;
//: Half axes of the head in units of its half height, as in `ui/pose_svg.py`.
const HEAD = [0.78, 1, 0.85];

export const FRONTAL = { yaw_deg: 0, pitch_deg: 0, roll_deg: 0 };

/** The rotation matrix, rows of three. */
export function rotationOf({ yaw_deg, pitch_deg, roll_deg }) {
  return product(product(aboutX(-pitch_deg), aboutY(-yaw_deg)), aboutZ(-roll_deg));
}

/** The pose of a rotation; yaw in [−90, 90]. At its ends pitch takes the whole turn. */
export function poseOf(rotation) {
  const sine = Math.max(-1, Math.min(1, rotation[0][2]));
  if (Math.abs(sine) > 1 - 1e-9) {
    const pitch = -Math.atan2(rotation[2][1], rotation[1][1]);
    return degrees(-Math.asin(sine), pitch, 0);
  }
  return degrees(
    -Math.asin(sine),
    -Math.atan2(-rotation[1][2], rotation[2][2]),
    -Math.atan2(-rotation[0][1], rotation[0][0]),
  );
}

/** The pose after turning the head as the viewer sees it, in degrees: nose right, nose up, clockwise. */
export function turned(pose, { right = 0, up = 0, clockwise = 0 }) {
  const turn = product(product(aboutX(-up), aboutY(right)), aboutZ(-clockwise));
  return poseOf(product(turn, rotationOf(pose)));
}

/** Where the head's left, up and nose axes point in the picture: three [x, y], y down. */
export function axesOf(pose) {
  const rotation = rotationOf(pose);
  return [0, 1, 2].map((axis) => [rotation[0][axis], -rotation[1][axis]]);
}

/** The visible parts of the head's eye line and middle line, as one SVG path; the head is `size` high. */
export function headPath(pose, size) {
  const rotation = rotationOf(pose);
  const eyes = (turn) => [Math.sin(turn), 0.18, Math.cos(turn)];
  const middle = (turn) => [0, Math.sin(turn), Math.cos(turn)];
  return [eyes, middle].map((line) => visible(line, rotation, size)).join(" ");
}

function visible(line, rotation, size) {
  let pen = "M";
  const path = [];
  for (let step = 0; step <= 48; step++) {
    const point = line((step / 48) * 2 * Math.PI).map((value, axis) => value * HEAD[axis]);
    const [x, y, z] = rotation.map((row) => row.reduce((sum, value, axis) => sum + value * point[axis], 0));
    if (z > 0) path.push(`${pen}${(x * size).toFixed(1)},${(-y * size).toFixed(1)}`);
    pen = z > 0 ? "L" : "M";
  }
  return path.join(" ");
}

function degrees(yaw, pitch, roll) {
  return { yaw_deg: yaw / RADIANS, pitch_deg: pitch / RADIANS, roll_deg: roll / RADIANS };
}

function aboutX(angle) {
  const [sin, cos] = [Math.sin(angle * RADIANS), Math.cos(angle * RADIANS)];
  return [[1, 0, 0], [0, cos, -sin], [0, sin, cos]];
}

function aboutY(angle) {
  const [sin, cos] = [Math.sin(angle * RADIANS), Math.cos(angle * RADIANS)];
  return [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]];
}

function aboutZ(angle) {
  const [sin, cos] = [Math.sin(angle * RADIANS), Math.cos(angle * RADIANS)];
  return [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]];
}

function product(first, second) {
  return first.map((row) =>
    [0, 1, 2].map((column) => row.reduce((sum, value, k) => sum + value * second[k][column], 0)),
  );
}
