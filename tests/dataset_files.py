"""Writes small data sets in the genuine published formats, with drawn faces as pictures.

Each function writes one entry; defaults are sound, so a test names only what it is about.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.io

from core.datasets.pose_csv import ANGLE_COLUMNS, LANDMARK_COLUMNS, ROTATION_COLUMNS
from core.head_pose import rotation_from_euler
from core.images import encode_jpeg, encode_png

# The same 68 points around an oval for every drawn face, in units of half its height.
_TURN = np.linspace(0, 2 * np.pi, 68, endpoint=False)
OVAL = np.stack([0.8 * np.cos(_TURN), np.sin(_TURN)])  # (2, 68)

BIWI_CALIBRATION = """\
517.679 0 320
0 517.679 240.5
0 0 1

0 0 0 0

0.999947 0.00432361 0.00929419
-0.00446314 0.999877 0.0150443
-0.009228 -0.015085 0.999844

-24.0198 5.8896 -13.2308

640 480
"""


def draw_face(
    path: Path, width_px: int = 96, height_px: int = 96, center_px: tuple[int, int] | None = None
) -> Path:
    """A picture with one oval face; PNG or JPEG by the ending of ``path``."""
    image = np.full((height_px, width_px, 3), (70, 90, 120), np.uint8)
    x, y = center_px or (width_px // 2, height_px // 2)
    radius = min(width_px, height_px) // 4
    cv2.ellipse(image, (x, y), (int(0.8 * radius), radius), 0, 0, 360, (224, 180, 150), -1)
    for side in (-1, 1):
        cv2.circle(image, (x + side * radius // 3, y - radius // 4), max(radius // 8, 1), 0, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    encode = encode_png if path.suffix.lower() == ".png" else encode_jpeg
    path.write_bytes(encode(image))
    return path


def write_csv(path: Path, rows: Sequence[Mapping[str, object]], **form: Any) -> Path:
    """``form``: options of ``csv.writer``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), **form)
        writer.writeheader()
        writer.writerows(rows)
    return path


def pose_row(file: str, yaw: float = 10, pitch: float = 5, roll: float = -3, **fields) -> dict:
    """A row of ``pose/labels.csv``: matrix to four digits, landmark 12 (an ear) not visible."""
    rotation = rotation_from_euler(yaw, pitch, roll).ravel()
    angles = dict(zip(ANGLE_COLUMNS, (yaw, pitch, roll), strict=True))
    landmarks = {name: f"{20 + index}.5" for index, name in enumerate(LANDMARK_COLUMNS)}
    return (
        {"file": file, "split": "train", "usable": "1"}
        | angles
        | {name: f"{x:.4f}" for name, x in zip(ROTATION_COLUMNS, rotation, strict=True)}
        | {"spread_deg": "8.00", "aflw_yaw_deg": yaw, "visible_landmarks": 20}
        | landmarks
        | {"lm12_x": "", "lm12_y": ""}
        | fields
    )


def mask_row(file: str, **fields) -> dict:
    """A row of ``mask/labels.csv``."""
    row = {"file": file, "split": "train", "label": "masked", "source": "drawn", "group": "0"}
    row |= {"lower_face_occluded": "0", "occlusion_level": "", "face_px": "40"}
    return row | {"padded_fraction": "0.0"} | fields


def oval_px(center_px: tuple[float, float], half_height_px: float) -> np.ndarray:
    """68 landmarks (2, 68) of an oval face."""
    return np.asarray(center_px)[:, None] + half_height_px * OVAL


def write_3ddfa_entry(
    stem: Path,
    yaw_deg: float = 20,
    pitch_deg: float = -10,
    roll_deg: float = 5,
    landmarks_px: np.ndarray | None = None,
    picture: bool = True,
    **variables,
) -> None:
    """``stem``.jpg and ``stem``.mat as in AFLW2000-3D and 300W-LP (float32, compressed)."""
    points = oval_px((48, 48), 24) if landmarks_px is None else landmarks_px
    pose = np.zeros((1, 7), np.float32)
    pose[0, :3] = np.deg2rad([pitch_deg, yaw_deg, roll_deg])
    pose[0, 3:] = (225, 225, -60, 0.0012)
    content = {
        "pt2d": points,
        "pt3d_68": np.vstack([points, np.zeros(points.shape[1])]).astype(np.float32),
        "Pose_Para": pose,
        "roi": np.array([[1, 1, 450, 450]], np.int16),
        "Shape_Para": np.zeros((199, 1)),
    }
    stem.parent.mkdir(parents=True, exist_ok=True)
    content = {name: value for name, value in (content | variables).items() if value is not None}
    scipy.io.savemat(f"{stem}.mat", content, do_compression=True)
    if picture:
        draw_face(stem.with_name(f"{stem.name}.jpg"))


def write_biwi_frame(
    folder: Path, number: int, matrix: np.ndarray, center_mm: Sequence[float], picture: bool = True
) -> None:
    """``frame_XXXXX_rgb.png``, ``frame_XXXXX_pose.txt`` (rows end with a space) and ``rgb.cal``."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "rgb.cal").exists():
        (folder / "rgb.cal").write_text(BIWI_CALIBRATION)
    rows = [*matrix, (), center_mm]
    text = "\n".join("".join(f"{number:.6g} " for number in row) for row in rows)
    (folder / f"frame_{number:05d}_pose.txt").write_text(f"{text}\n\n")
    if picture:
        draw_face(folder / f"frame_{number:05d}_rgb.png", 640, 480)


def mafa_train_face(x=20, y=20, w=40, h=50, occ_type=1, occ_degree=3, orientation=3, **box) -> list:
    """The 21 numbers of a training face; the occluder covers its lower half."""
    occluder = [box.get("occ_x", 0), box.get("occ_y", h // 2), w, box.get("occ_h", h // 2)]
    eyes = [x + 10, y + 15, x + 30, y + 15]
    glasses = [-1, -1, -1, -1]
    return [x, y, w, h, *eyes, *occluder, occ_type, occ_degree, 1, 1, orientation, *glasses]


def mafa_test_face(x=20, y=20, w=40, h=50, face_type=1, occ_type=1, occ_degree=3) -> list:
    """The 18 numbers of a test face; without an occluder all its numbers are −1."""
    occluder = [0, h // 2, w, h // 2, occ_type, occ_degree] if face_type == 1 else [-1] * 6
    return [x, y, w, h, face_type, *occluder, 1, 1, 3, -1, -1, -1, -1]


def write_mafa_train(path: Path, images: Mapping[str, Sequence[Sequence[float]]]) -> Path:
    """``LabelTrainAll.mat``: a 1 × N struct array as MATLAB saves it."""
    entries = np.zeros((1, len(images)), [(n, "O") for n in ("orgImgName", "imgName", "label")])
    for index, (name, faces) in enumerate(images.items()):
        entries[0, index] = (f"add_{index}.jpg", name, np.array(faces, np.int16))
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {"label_train": entries}, do_compression=True)
    return path


def write_mafa_test(path: Path, images: Mapping[str, Sequence[Sequence[float]]]) -> Path:
    """``LabelTestAll.mat``."""
    entries = np.zeros((1, len(images)), [("name", "O"), ("label", "O")])
    for index, (name, faces) in enumerate(images.items()):
        entries[0, index] = (name, np.array(faces, np.float64))
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {"LabelTest": entries}, do_compression=True)
    return path


def voc_object(
    name: str, box: tuple[float, float, float, float] = (20, 20, 60, 70), difficult: int = 0
) -> str:
    """One face of an annotation; ``box`` is xmin, ymin, xmax, ymax."""
    edges = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    corners = "".join(f"<{edge}>{value}</{edge}>" for edge, value in edges)
    return (
        f"<object><name>{name}</name><gender>male</gender><pose>front</pose>"
        f"<truncated>0</truncated><difficult>{difficult}</difficult>"
        f"<bndbox>{corners}</bndbox></object>"
    )


def write_voc(xml_path: Path, file_name: str, *objects: str, image: str = "") -> Path:
    """An FMLD annotation of a 96 × 96 image; ``image`` is its path in the source data set."""
    xml_path.parent.mkdir(parents=True, exist_ok=True)
    xml_path.write_text(
        f"<annotation><folder>{xml_path.parent.name}</folder><filename>{file_name}</filename>"
        f"<path>{image}</path><source><database>MAFA</database></source>"
        "<size><width>96</width><height>96</height><depth>3</depth></size>"
        f"<segmented>0</segmented>{''.join(objects)}</annotation>",
        encoding="utf-8",
    )
    return xml_path
