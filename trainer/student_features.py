"""What a student sees in stored faces, as numbers (n, 512); computed once for each face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from core.answer_network import AnswerNetwork
from core.networks import MHPNet
from core.predictor import Predictor
from core.runtime.torch_runtime import TorchRuntime
from core.whole_files import write_whole
from db.database import connect
from db.errors import StudioError
from db.home import Home
from trainer.label_cache import DAMAGED, keep_latest
from trainer.stored_crops import stored_crops

BATCH_SIZE = 64
#: Length of a feature vector.
WIDTH = 512


def student_network(predictor: Predictor) -> AnswerNetwork:
    """The network behind a student's predictor. Raises StudioError for any other model."""
    runtime = predictor.runtime
    if not isinstance(runtime, TorchRuntime) or not isinstance(
        runtime.network.network.network, MHPNet
    ):
        raise StudioError(f"{predictor.model_id} is no student: choose one")
    return runtime.network


@torch.inference_mode()
def features_of_crops(network: AnswerNetwork, crops_rgb: np.ndarray) -> np.ndarray:
    """Features float32 (B, 512) of the model's inputs, uint8 (B, S, S, 3)."""
    crops = torch.from_numpy(crops_rgb).to(network.network.device)
    return network.network.features(crops).float().cpu().numpy()


def features_of_faces(
    home: Home,
    predictor: Predictor,
    face_ids: Sequence[int],
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Face ids int64 (n,) and features float32 (n, 512); unreadable pictures are left out.

    A picture never changes, so what was computed for the latest models is kept in the home folder.
    """
    path = home.root / "cache" / f"features-{predictor.model_id}.npz"
    known = _load(path)
    missing = sorted(set(face_ids) - known.keys())
    if missing:
        known |= _compute(home, predictor, missing, progress)
        _save(path, known)
    ids = [face_id for face_id in face_ids if face_id in known]
    features = np.stack([known[face_id] for face_id in ids]) if ids else np.zeros((0, WIDTH))
    return np.array(ids, np.int64), features.astype(np.float32)


def _compute(
    home: Home, predictor: Predictor, face_ids: Sequence[int], progress: Callable[[float], None]
) -> dict[int, np.ndarray]:
    network = student_network(predictor)
    found: dict[int, np.ndarray] = {}
    with connect(home, read_only=True) as db:
        crops = stored_crops(db, home, predictor, face_ids)
        while batch := list(islice(crops, BATCH_SIZE)):
            features = features_of_crops(network, np.stack([crop.crop_rgb for crop in batch]))
            found |= {crop.face.face_id: row for crop, row in zip(batch, features, strict=True)}
            progress(len(found) / len(face_ids))
    return found


def _load(path: Path) -> dict[int, np.ndarray]:
    """What is kept; nothing where the file is missing or damaged: it can be made again."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return dict(zip(kept["face_ids"].tolist(), kept["features"], strict=True))
    except DAMAGED:
        return {}


def _save(path: Path, known: dict[int, np.ndarray]) -> None:
    buffer = BytesIO()
    ids = np.array(list(known), np.int64)
    np.savez(buffer, face_ids=ids, features=np.stack(list(known.values())))
    write_whole(path, buffer.getvalue())
    keep_latest(path.parent, "features-*.npz")
