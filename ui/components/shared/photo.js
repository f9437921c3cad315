// The whole photo that a face is in, and where in it the face is.

/** The address of a photo as a JPEG of a size for screens: upright, and browsers show no TIFF. */
export const photoOf = (face) => `/api/v1/images/${face.image_id}/view?max_px=2048`;

/** Lay `frame` around the face, in whatever size the photo below it is shown. */
export function frameFace(frame, face) {
  const [left, top, width, height] = face.box;
  const share = (value, whole) => `${(100 * value) / whole}%`;
  Object.assign(frame.style, {
    left: share(left, face.image_width_px),
    top: share(top, face.image_height_px),
    width: share(width, face.image_width_px),
    height: share(height, face.image_height_px),
  });
}
