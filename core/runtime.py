"""What computes a network's answer: one interface, one class a runtime.

A runtime takes uint8 crops and returns finished answers (probabilities, degrees), so that what
comes before and after the network is the same wherever it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch

from core.answer_network import AnswerNetwork, FaceAnswers, build_answer_network
from core.checkpoint import CheckpointError, ModelCard, load_checkpoint
from core.head_pose import rotation_from_euler

RUNTIMES = ("torch", "onnx", "onnx-int8")


class BatchPrediction(NamedTuple):
    """Answers for B crops; a task that the model does not know is None.

    mask_probabilities: (B, 3) float32, classes in the order of ``MASK_CLASSES``.
    angles_deg: (B, 3) float32 yaw, pitch, roll.
    pose_probabilities: (B, 3, 62) float32, the bins behind the angles.
    """

    mask_probabilities: np.ndarray | None
    angles_deg: np.ndarray | None
    pose_probabilities: np.ndarray | None

    @property
    def yaw_deg(self) -> np.ndarray | None:
        return None if self.angles_deg is None else self.angles_deg[:, 0]

    @property
    def pitch_deg(self) -> np.ndarray | None:
        return None if self.angles_deg is None else self.angles_deg[:, 1]

    @property
    def roll_deg(self) -> np.ndarray | None:
        return None if self.angles_deg is None else self.angles_deg[:, 2]

    @property
    def rotation(self) -> np.ndarray | None:
        """(B, 3, 3) head to camera."""
        return None if self.angles_deg is None else rotation_from_euler(*self.angles_deg.T)


class Runtime(Protocol):
    """One loaded model, ready to answer."""

    model_id: str
    card: ModelCard

    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        """Answers for uint8 crops (B, S, S, 3), S = ``card.input_px``."""
        ...


class TorchRuntime:
    """PyTorch on the CPU or a CUDA device."""

    def __init__(self, network: AnswerNetwork, model_id: str, device: str = "cpu") -> None:
        self.network = network.to(device).eval()
        self.device = device
        self.card = network.card
        self.model_id = model_id

    @torch.inference_mode()
    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        crops = torch.from_numpy(np.ascontiguousarray(crops_rgb)).to(self.device)
        return as_arrays(self.network(crops))


def as_arrays(answers: FaceAnswers) -> BatchPrediction:
    """The tensors of ``answers`` as arrays in main memory."""
    return BatchPrediction(*(None if value is None else value.cpu().numpy() for value in answers))


class Ensemble:
    """Several models asked together: probabilities are averaged over those that know the task."""

    def __init__(self, members: Sequence[Runtime]) -> None:
        if not members:
            raise ValueError("an ensemble needs at least one member")
        geometry = {(member.card.input_px, member.card.crop_factor) for member in members}
        if len(geometry) > 1:
            raise CheckpointError(
                f"teachers must see the same crop; these have {sorted(geometry)} "
                "(input px, crop factor)"
            )
        self.members = tuple(members)
        self.card = members[0].card
        self.model_id = "+".join(member.model_id for member in members)

    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        answers = [member.predict_batch(crops_rgb) for member in self.members]
        masks = [a.mask_probabilities for a in answers if a.mask_probabilities is not None]
        angles = [a.angles_deg for a in answers if a.angles_deg is not None]
        poses = [a.pose_probabilities for a in answers if a.pose_probabilities is not None]
        return BatchPrediction(
            np.mean(masks, axis=0) if masks else None,
            # the mean of the expectations is the expectation of the mean distribution
            np.mean(angles, axis=0) if angles else None,
            np.mean(poses, axis=0) if poses else None,
        )


def resolve_device(name: str) -> str:
    """``cpu`` or ``cuda:N`` for auto, cpu, cuda or cuda:N; ValueError where there is no such."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and count == 0):
        return "cpu"
    if name in ("auto", "cuda"):
        name = "cuda:0"
    kind, _, index = name.partition(":")
    if kind != "cuda" or not index.isdigit():
        raise CheckpointError(f"unknown device {name!r}; give auto, cpu, cuda or cuda:N")
    if int(index) >= count:
        raise CheckpointError(
            f"there is no {name}: this machine shows {count} CUDA devices; use --device cpu"
        )
    return name


def load_runtime(path: Path, runtime: str = "torch", device: str = "cpu") -> Runtime:
    """The model of a checkpoint, loaded into ``runtime``. Raises CheckpointError.

    ``onnx`` and ``onnx-int8`` read the file that ``launch.py export`` wrote beside the checkpoint.
    An ONNX file given itself always runs on ONNX Runtime.
    """
    from core.runtime_onnx import load_exported, load_onnx

    if runtime not in RUNTIMES:
        raise CheckpointError(f"unknown runtime {runtime!r}; give one of {', '.join(RUNTIMES)}")
    if path.suffix == ".onnx":
        return load_onnx(path)
    if runtime in ("onnx", "onnx-int8"):
        return load_exported(path, "fp32" if runtime == "onnx" else "int8")
    checkpoint = load_checkpoint(path)
    return TorchRuntime(build_answer_network(checkpoint, path.name), checkpoint.model_id, device)
