"""BIWI Kinect: ``NN/frame_XXXXX_rgb.png``, ``NN/frame_XXXXX_pose.txt`` and ``NN/rgb.cal``.

Source: Fanelli et al., Random Forests for Real Time 3D Face Analysis, IJCV 2013.

Rotation. A pose file holds the head's rotation (3 × 3) and centre (mm) in the frame of the depth
camera: x right, y down, z away. Turning y and z over gives the frame of ``core.head_pose``, and
its Euler angles are then those of HopeNet's evaluation: roll = −atan2(R01, R00), yaw = asin(R02),
pitch = atan2(R12, R22) of the matrix in the file; BIWI's own yaw has the opposite sign. As in all
published numbers the rotation stays in the depth camera's frame (not calibrated to the colour
camera, which would turn it by about 1°).

Box. BIWI has none. The head centre is brought to the colour camera by ``rgb.cal`` (its intrinsic
matrix, and its rotation and translation from the depth camera) and projected; it lies close to
the middle of the 68 landmarks. The box is a square of ``LANDMARK_BOX_MM`` around it.

``split`` None reads every frame; otherwise it names a list, a text file under the root with
``NN/frame_XXXXX`` in each line, such as the field's list of 13,219 frames.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.crop import REFERENCE_FACTOR
from core.datasets.checks import face_box, finite, rotation_label
from core.datasets.files import file_names, folder_names, require_folder
from core.datasets.sample import (
    DatasetError,
    FaceSample,
    Reading,
    ReadingBuilder,
    UnusableEntryError,
)
from core.faces import FaceBox
from core.head_pose import pose_from_rotation

#: Longer side of the 68-landmark box of a frontal head: 1.68 × the distance of the outer eye
#: corners (median of the frontal AFLW2000-3D images), which measures about 89 mm in adults.
LANDMARK_BOX_MM = 150.0
#: Camera axes of BIWI (y down, z away) against those of core.head_pose (y up, z to the viewer).
_AXES = np.array([[1, -1, -1], [-1, 1, 1], [-1, 1, 1]])

_SEQUENCE = re.compile(r"\d\d")
_FRAME = re.compile(r"(?P<sequence>\d\d)/(?P<frame>frame_\d{5})(_rgb)?(\.png|\.jpg)?")
_MAX_TEXT_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class _ColourCamera:
    """``rgb.cal``: intrinsic (3, 3) in pixels; rotation (3, 3), translation (3,) mm from depth."""

    intrinsic: np.ndarray
    rotation: np.ndarray
    translation_mm: np.ndarray

    def box_around(self, center_mm: np.ndarray) -> FaceBox:
        """The square of ``LANDMARK_BOX_MM`` around a point (3,) of the depth camera's frame."""
        point_mm = self.rotation @ center_mm + self.translation_mm
        if point_mm[2] <= 0:
            raise UnusableEntryError("head is behind the camera", f"z {point_mm[2]:.0f} mm")
        x_px, y_px = (self.intrinsic @ point_mm / point_mm[2])[:2].tolist()
        side_px = float(self.intrinsic[0, 0] * LANDMARK_BOX_MM / point_mm[2])
        return face_box(x_px - side_px / 2, y_px - side_px / 2, side_px, side_px)


def read_biwi(root: Path, split: str | None = None) -> Reading:
    """All frames, or those of the list that ``split`` names."""
    require_folder(root, "01/, 02/, … with frame_XXXXX_rgb.png, frame_XXXXX_pose.txt and rgb.cal")
    base = next((place for place in _places(root) if _sequences(place)), None)
    if base is None:
        raise DatasetError(
            f"{root} has no folders 01, 02, …; expected the folders of BIWI; check the path"
        )
    builder = ReadingBuilder()
    listing = {sequence: file_names(base / sequence) for sequence in _sequences(base)}
    frames = _listed(root, split, builder) if split else _all_frames(listing)
    cameras: dict[str, _ColourCamera | UnusableEntryError] = {}
    for sequence, frame in frames:
        with builder.entry(f"{sequence}/{frame}"):
            names = listing.get(sequence, frozenset())
            builder.add(_sample(base / sequence, frame, names, _camera(base / sequence, cameras)))
    which = f"the {len(frames):,} frames of {split}" if split else f"all {len(frames):,} frames"
    builder.notes.append(
        f"{which}; box from the projected head centre ({LANDMARK_BOX_MM:.0f} mm × crop factor); "
        "rotation in the depth camera's frame, Euler angles as HopeNet"
    )
    return builder.reading()


def holds_biwi(root: Path) -> bool:
    """Whether frames with their poses lie where ``read_biwi`` looks for them."""
    return any(
        next((place / sequence).glob("frame_*_pose.txt"), None)
        for place in _places(root)
        for sequence in _sequences(place)
    )


def _places(root: Path) -> tuple[Path, ...]:
    return root, root / "hpdb", root / "faces_0"


def _sequences(base: Path) -> list[str]:
    if not base.is_dir():
        return []
    return [name for name in folder_names(base) if _SEQUENCE.fullmatch(name)]


def _all_frames(listing: dict[str, frozenset[str]]) -> list[tuple[str, str]]:
    """Every frame that has an image or a label."""
    frames = {
        (sequence, name[: len("frame_00000")])
        for sequence, names in listing.items()
        for name in names
        if name.startswith("frame_") and name.endswith(("_rgb.png", "_rgb.jpg", "_pose.txt"))
    }
    return sorted(frames)


def _listed(root: Path, split: str, builder: ReadingBuilder) -> list[tuple[str, str]]:
    path = root / split
    if not path.is_file():
        raise DatasetError(
            f"{path} is missing; BIWI has no splits, so expected a text file of NN/frame_XXXXX "
            "lines; name one or leave the split out for all frames"
        )
    frames = []
    for number, line in enumerate(_lines(path), start=1):
        match = _FRAME.fullmatch(line.strip().removeprefix("./"))
        if match:
            frames.append((match["sequence"], match["frame"]))
        else:
            builder.skip(f"{path.name} line {number}", "line is no NN/frame_XXXXX", repr(line[:40]))
    return frames


def _sample(folder: Path, frame: str, names: frozenset[str], camera: _ColourCamera) -> FaceSample:
    images = [f"{frame}_rgb{suffix}" for suffix in (".png", ".jpg")]
    image_name = next((name for name in images if name in names), None)
    if image_name is None:
        raise UnusableEntryError("image is missing")
    if f"{frame}_pose.txt" not in names:
        raise UnusableEntryError("label file is missing")
    numbers = _numbers(folder / f"{frame}_pose.txt", 12)
    matrix, center_mm = numbers[:9].reshape(3, 3), numbers[9:]
    rotation = rotation_label(matrix) * _AXES
    box = camera.box_around(center_mm)
    return FaceSample(
        image_path=folder / image_name,
        name=f"{folder.name}/{image_name}",
        box=box,
        crop_square=box.square(REFERENCE_FACTOR),
        crop_factor=REFERENCE_FACTOR,
        pose=pose_from_rotation(rotation),
        rotation=rotation,
        source="biwi",
        group=folder.name,
    )


def _camera(folder: Path, known: dict[str, _ColourCamera | UnusableEntryError]) -> _ColourCamera:
    """The camera of a sequence, read once; the reason it cannot be used is remembered as well."""
    if folder.name not in known:
        try:
            known[folder.name] = _read_camera(folder / "rgb.cal")
        except UnusableEntryError as error:
            known[folder.name] = error
    camera = known[folder.name]
    if isinstance(camera, UnusableEntryError):
        raise camera
    return camera


def _read_camera(path: Path) -> _ColourCamera:
    """9 numbers of the intrinsic matrix, then distortion, then 9 + 3 of the pose in depth frame.

    Distortion has 4 or 5 numbers (all 0) and the image size closes the file, so the pose is
    found by lines: rows 5 to 8 of those that are not empty.
    """
    if not path.is_file():
        raise UnusableEntryError("rgb.cal is missing")
    rows = [_row(line) for line in _lines(path) if line.strip()]
    if len(rows) < 8 or any(len(row) != 3 for row in (*rows[:3], *rows[4:8])):
        raise UnusableEntryError("rgb.cal has the wrong form")
    return _ColourCamera(np.array(rows[:3]), np.array(rows[4:7]), np.array(rows[7]))


def _numbers(path: Path, count: int) -> np.ndarray:
    """All numbers of a small text file, which must be ``count`` finite ones."""
    numbers = [number for line in _lines(path) for number in _row(line)]
    if len(numbers) != count:
        raise UnusableEntryError("label has the wrong form", f"{len(numbers)} of {count} numbers")
    return np.array(numbers)


def _row(line: str) -> list[float]:
    return [finite(text, "a number") for text in line.split()]


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            return iter(file.read(_MAX_TEXT_BYTES).decode("utf-8", "replace").splitlines())
    except OSError as error:
        raise UnusableEntryError("label file cannot be read", str(error.strerror)) from None
