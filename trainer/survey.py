"""A job that looks at many stored faces at once: a map of the student's features, and duplicates.

A worker starts this as ``python -m trainer.survey HOME RUN``. Faces that the student finds alike
lie side by side on the map.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import islice

import numpy as np

from core.predictor import Predictor
from db.database import connect
from db.errors import StudioError
from db.face_samples import sample_faces
from db.home import Home
from db.runs import Run
from trainer.answer_faces import registered_predictor
from trainer.jobs.job import Progress, main
from trainer.jobs.run_files import RunFiles
from trainer.near_duplicates import near_pairs, perceptual_hash
from trainer.redistill import torch_device
from trainer.stored_crops import stored_crops
from trainer.student_features import BATCH_SIZE, features_of_crops, student_network
from trainer.survey_file import Survey, save_survey

RECIPE = "survey"
#: A map of fewer faces shows nothing.
MIN_FACES = 10
#: t-SNE gets this many principal components, as its author advises.
COMPONENTS = 50
PERPLEXITY = 30.0
#: The part of the progress bar until all faces are read; the map takes the rest.
_READ = 0.6


@dataclass(frozen=True, kw_only=True)
class SurveyConfig:
    """A student, and how many faces, drawn by chance, it looks at."""

    model: str
    faces: int = 20_000


def survey(home: Home, run: Run, progress: Progress) -> None:
    """Look at the faces, draw the map, find the duplicates, keep it all with the run."""
    config = SurveyConfig(**run.config)
    predictor = registered_predictor(home, config.model, torch_device(run.device))
    face_ids, features, hashes = look(home, predictor, config.faces, progress)
    if len(face_ids) < MIN_FACES:
        raise StudioError(
            f"a map needs {MIN_FACES} readable faces, there are {len(face_ids)}: keep more"
        )
    progress(_READ, f"comparing {len(face_ids):,} faces")
    pairs = near_pairs(hashes)
    pairs[:, :2] = face_ids[pairs[:, :2]]
    progress(_READ, f"drawing the map of {len(face_ids):,} faces")
    save_survey(
        RunFiles.of(home, run.id).survey,
        Survey(
            model=config.model,
            asked=config.faces,
            face_ids=face_ids,
            positions=reduce_features(features),
            pairs=pairs,
        ),
    )


def look(
    home: Home, predictor: Predictor, faces: int, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Face ids int64 (n,), features float32 (n, 512) and hashes uint64 (n,)."""
    network = student_network(predictor)
    ids: list[int] = []
    features, hashes = [np.zeros((0, 512), np.float32)], []
    with connect(home, read_only=True) as db:
        chosen = sample_faces(db, faces)
        crops = stored_crops(db, home, predictor, sorted(chosen))
        while batch := list(islice(crops, BATCH_SIZE)):
            stacked = np.stack([crop.crop_rgb for crop in batch])
            features.append(features_of_crops(network, stacked))
            ids += [crop.face.face_id for crop in batch]
            hashes += [perceptual_hash(crop.crop_rgb) for crop in batch]
            progress(_READ * len(ids) / len(chosen), f"looking at {len(chosen):,} faces")
    return np.array(ids, np.int64), np.concatenate(features), np.array(hashes, np.uint64)


def reduce_features(features: np.ndarray) -> np.ndarray:
    """Where each row of (n, D) lies on a map: float32 (n, 2), the same for the same features.

    Source: van der Maaten & Hinton, Visualizing Data using t-SNE, JMLR 9 (2008).
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    n = len(features)
    components = min(COMPONENTS, n - 1, features.shape[1])
    principal = PCA(components, random_state=0).fit_transform(features)
    perplexity = min(PERPLEXITY, (n - 1) / 3)
    positions = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(principal)
    return np.asarray(positions, np.float32)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], survey))
