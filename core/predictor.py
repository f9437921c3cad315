"""From a picture to answers: find the faces, cut them as in training, ask the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from core.checkpoint import CheckpointError
from core.crop import cut_square
from core.detector import FaceDetector, landmark_box
from core.faces import MASK_CLASSES, FaceBox, FacePrediction, MaskPrediction
from core.head_pose import head_pose
from core.runtime import BatchPrediction, Ensemble, Runtime, load_runtime, resolve_device

WEIGHTS = Path(__file__).parent / "weights"
STUDENT = WEIGHTS / "student.safetensors"
TEACHERS = "teacher-*.safetensors"

#: Faces answered at once; bounds memory in crowds.
MAX_BATCH = 64


class Predictor:
    """A model and a face detector. Thread-safe: nothing is kept between calls."""

    def __init__(self, runtime: Runtime, detector: FaceDetector | None = None) -> None:
        self.runtime = runtime
        self.detector = detector or FaceDetector()

    @property
    def model_id(self) -> str:
        return self.runtime.model_id

    @property
    def crop_factor(self) -> float:
        return self.runtime.card.crop_factor

    @property
    def input_px(self) -> int:
        return self.runtime.card.input_px

    def predict(self, image_rgb: np.ndarray) -> list[FacePrediction]:
        """Answers for every face found in a picture uint8 (H, W, 3), largest face first."""
        return self.predict_boxes(image_rgb, self.detector.detect(image_rgb))

    def predict_boxes(
        self, image_rgb: np.ndarray, boxes: Sequence[FaceBox]
    ) -> list[FacePrediction]:
        """Answers for the faces in ``boxes`` (as a detector or a person draws them), in order."""
        return self.answer(boxes, [self.cut(image_rgb, box) for box in boxes])

    def answer(
        self, boxes: Sequence[FaceBox], crops_rgb: Sequence[np.ndarray]
    ) -> list[FacePrediction]:
        """Answers for crops (S, S, 3) that ``cut`` made of ``boxes``, in order."""
        answers: list[FacePrediction] = []
        for start in range(0, len(boxes), MAX_BATCH):
            batch = np.stack(crops_rgb[start : start + MAX_BATCH])
            answers += self._answers(boxes[start : start + MAX_BATCH], self.predict_batch(batch))
        return answers

    def predict_crop(self, crop_rgb: np.ndarray) -> FacePrediction:
        """The answer for a picture that is a face crop already; its box is the whole picture."""
        height_px, width_px = crop_rgb.shape[:2]
        box = FaceBox(0, 0, width_px, height_px)
        crop = cut_square(crop_rgb, box.square(), self.input_px)
        return self._answers([box], self.predict_batch(crop[None]))[0]

    def cut(self, image_rgb: np.ndarray, box: FaceBox) -> np.ndarray:
        """The model's input (S, S, 3) for a face box, in the geometry of its training."""
        return cut_square(image_rgb, landmark_box(box).square(self.crop_factor), self.input_px)

    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        """Answers for ready crops, uint8 (B, ``input_px``, ``input_px``, 3)."""
        return self.runtime.predict_batch(crops_rgb)

    def _answers(self, boxes: Iterable[FaceBox], batch: BatchPrediction) -> list[FacePrediction]:
        masks, angles = batch.mask_probabilities, batch.angles_deg
        return [
            FacePrediction(
                box=box,
                mask=None if masks is None else mask_prediction(masks[row]),
                pose=None if angles is None else head_pose(*angles[row]),
                model_id=self.model_id,
            )
            for row, box in enumerate(boxes)
        ]


def mask_prediction(probabilities: np.ndarray) -> MaskPrediction:
    """(3,) in the order of ``MASK_CLASSES``, as plain floats."""
    return MaskPrediction(
        {label: float(p) for label, p in zip(MASK_CLASSES, probabilities, strict=True)}
    )


def model_files(model: str) -> list[Path]:
    """The checkpoint files behind ``student``, ``teacher`` or a path. Raises CheckpointError."""
    if model == "student":
        files = [STUDENT] if STUDENT.is_file() else []
    elif model == "teacher":
        files = sorted(WEIGHTS.glob(TEACHERS))
    else:
        return [Path(model)]
    if not files:
        raise CheckpointError(
            f"no {model} weights are shipped with this copy; train some with "
            f"`python launch.py train` or name a file with --model FILE"
        )
    return files


def load_predictor(
    model: str = "student",
    device: str = "auto",
    runtime: str = "torch",
    detector: FaceDetector | None = None,
) -> Predictor:
    """A predictor for ``student``, ``teacher`` (all shipped teachers together) or a file.

    Raises CheckpointError, one clear line, for a model, device or runtime that cannot be had.
    """
    # ONNX Runtime is built for the CPU here: with ``auto`` it goes there, whatever else there is.
    place = resolve_device("cpu" if runtime.startswith("onnx") and device == "auto" else device)
    members = [load_runtime(path, runtime, place) for path in model_files(model)]
    return Predictor(members[0] if len(members) == 1 else Ensemble(members), detector)
