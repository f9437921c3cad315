"""How well faces are found, and how the detector's boxes relate to landmark boxes.

    python -m benchmarks.detector --data ../shared/data [--draw FOLDER]

``--data`` is a folder with ``photos/`` (pictures and boxes.csv) and ``aflw2000_sample/``
(AFLW2000-3D pictures with their .mat). Small faces are not listed in boxes.csv, so most unmatched
boxes are real faces: only those larger than a listed face of the same photo count as false
outright, and ``--draw`` lets a person judge the others (green: listed).
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from scipy.io import loadmat

from core.crop import REFERENCE_FACTOR
from core.detector import FaceDetector, landmark_box
from core.faces import FaceBox, FacePrediction
from core.images import encode_jpeg, read_image
from core.overlay import draw_faces

MIN_IOU = 0.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with photos/ and so on")
    parser.add_argument("--draw", type=Path, help="folder for the photos with boxes drawn")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads per photo")
    arguments = parser.parse_args()
    detector = FaceDetector(threads=arguments.threads)
    measure_photos(detector, arguments.data / "photos", arguments.draw)
    measure_faceless(detector)
    measure_landmark_boxes(detector, arguments.data / "aflw2000_sample")


def measure_photos(detector: FaceDetector, folder: Path, draw_into: Path | None) -> None:
    """Recall of the listed faces, unmatched boxes, milliseconds a photo."""
    listed_boxes = read_boxes(folder / "boxes.csv")
    listed = found = unmatched = large_unmatched = 0
    milliseconds, cpu_milliseconds = [], []
    for name, truth in sorted(listed_boxes.items()):
        image_rgb = read_image(folder / name)
        if not milliseconds:
            detector.detect(image_rgb)  # loads the network
        start, cpu_start = time.perf_counter(), time.process_time()
        boxes = detector.detect(image_rgb)
        milliseconds.append(1000 * (time.perf_counter() - start))
        cpu_milliseconds.append(1000 * (time.process_time() - cpu_start))
        listed += len(truth)
        found += sum(is_among(box, boxes) for box in truth)
        extra = [box for box in boxes if not is_among(box, truth)]
        unmatched += len(extra)
        smallest = min(box.area_px2 for box in truth)
        large_unmatched += sum(box.area_px2 >= smallest for box in extra)
        if draw_into is not None:
            draw_into.mkdir(parents=True, exist_ok=True)
            drawn = draw_boxes(image_rgb, boxes, truth)
            (draw_into / f"{Path(name).stem}.jpg").write_bytes(encode_jpeg(drawn))
    p10, p50, p90 = np.percentile(milliseconds, (10, 50, 90))
    print(f"photos: {len(listed_boxes)}, listed faces: {listed}")
    print(f"  recall at IoU {MIN_IOU}: {found / listed:.3f} ({found} of {listed})")
    print(
        f"  unmatched boxes a photo: {unmatched / len(listed_boxes):.2f}"
        f" (as large as a listed face: {large_unmatched / len(listed_boxes):.2f})"
    )
    cpu = np.median(cpu_milliseconds)  # the honest figure on a busy machine
    print(f"  ms a photo: median {p50:.0f}, p10 {p10:.0f}, p90 {p90:.0f}; of CPU: {cpu:.0f}")


def measure_faceless(detector: FaceDetector) -> None:
    """False faces in scikit-image's pictures without people."""
    from skimage import data

    names = "brick chelsea clock coffee coins grass gravel hubble_deep_field logo moon page rocket"
    false = 0
    for name in names.split():
        pixels = np.asarray(getattr(data, name)())
        image_rgb = pixels[..., :3] if pixels.ndim == 3 else np.stack([pixels] * 3, axis=-1)
        false += len(detector.detect(np.ascontiguousarray(image_rgb)))
    print(f"pictures without people: {len(names.split())}, false faces: {false}")


def measure_landmark_boxes(detector: FaceDetector, folder: Path) -> None:
    """Offset and size of the 68-landmark box relative to the detected box, and what is left."""
    offsets, crop_errors, missed = [], [], 0
    files = sorted(folder.glob("*.jpg"))
    for file in files:
        truth = read_landmark_box(file.with_suffix(".mat"))
        boxes = detector.detect(read_image(file))
        box = max(boxes, key=truth.intersection_over_union, default=None)
        if box is None or truth.intersection_over_union(box) < MIN_IOU:
            missed += 1
            continue
        offsets.append(compare(box, truth))
        crop_errors.append(compare(landmark_box(box), truth))
    mean, spread = np.mean(offsets, axis=0), np.std(offsets, axis=0)
    print(f"landmark boxes: {len(files)} pictures, {missed} without a detected face")
    print("  landmark box relative to the detected box, in units of its longer side:")
    for text, value, deviation in zip(("right", "down", "size"), mean, spread, strict=True):
        print(f"    {text:5} {value:+.3f} ± {deviation:.3f}")
    errors = np.array(crop_errors)
    shift = np.hypot(errors[:, 0], errors[:, 1]) / REFERENCE_FACTOR
    print(f"  left in a crop of {REFERENCE_FACTOR} × that box, after landmark_box():")
    print(f"    centre: mean {shift.mean():.3f}, p90 {np.percentile(shift, 90):.3f} of its side")
    print(f"    size: {1 / errors[:, 2].mean():.3f} × ± {errors[:, 2].std():.3f}")


def compare(box: FaceBox, truth: FaceBox) -> tuple[float, float, float]:
    """How far right and down ``truth`` is, and how large, in units of the box's longer side."""
    longer_side = max(box.width_px, box.height_px)
    (box_x, box_y), (truth_x, truth_y) = box.center_px, truth.center_px
    return (
        (truth_x - box_x) / longer_side,
        (truth_y - box_y) / longer_side,
        max(truth.width_px, truth.height_px) / longer_side,
    )


def is_among(box: FaceBox, others: list[FaceBox]) -> bool:
    return any(box.intersection_over_union(other) >= MIN_IOU for other in others)


def read_boxes(file: Path) -> dict[str, list[FaceBox]]:
    """The listed faces of each photo, from the columns file, x, y, width, height."""
    boxes = defaultdict(list)
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            sides = (float(row[key]) for key in ("x", "y", "width", "height"))
            boxes[row["file"]].append(FaceBox(*sides))
    return dict(boxes)


def read_landmark_box(file: Path) -> FaceBox:
    """The box around the 68 landmarks of an AFLW2000-3D .mat, in px of its picture."""
    x, y, _ = loadmat(file)["pt3d_68"]  # (3, 68)
    return FaceBox(float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y)))


def draw_boxes(image_rgb: np.ndarray, boxes: list[FaceBox], truth: list[FaceBox]) -> np.ndarray:
    faces = [FacePrediction(box=box, mask=None, pose=None, model_id="") for box in boxes]
    drawn = draw_faces(image_rgb, faces)
    for box in truth:
        corners = (box.left_px, box.top_px), (box.right_px, box.bottom_px)
        cv2.rectangle(drawn, *(tuple(map(round, corner)) for corner in corners), (0, 255, 0), 2)
    for box in boxes:
        corner = round(box.left_px), round(box.top_px) - 4
        cv2.putText(drawn, f"{box.score:.2f}", corner, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 0, 0))
    return drawn


if __name__ == "__main__":
    main()
