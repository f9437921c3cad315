"""Which labels look wrong: cleanlab on probabilities that no face was trained for.

The serving student knows the labels it was trained on, right or wrong, so its own probabilities
prove little about them. Here a logistic regression on the student's features answers for each
fifth of the faces what it learned from the other four; faces of one person, video or picture stay
together. (The features still come from a student that saw the labels, so errors it has learned by
heart may be missed; a teacher's disagreement shows those.)

Source: Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels,
JAIR 70 (2021), as implemented by cleanlab. A worker starts this as
``python -m trainer.label_check HOME RUN``.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from core.faces import MASK_CLASSES
from core.predictor import Predictor, load_predictor
from db.database import connect, now
from db.errors import StudioError
from db.home import Home
from db.label_errors import (
    CANDIDATE,
    LabelCheck,
    LabelledFace,
    Suspicion,
    labelled_faces,
    store_check,
)
from db.runs import Run
from trainer.answer_faces import registered_predictor
from trainer.jobs.job import Progress, main
from trainer.redistill import serving_model, torch_device
from trainer.student_features import features_of_faces

RECIPE = "check_labels"
FOLDS = 5
#: A class with faces of fewer people, videos or pictures is left out: it fills no five folds.
MIN_GROUPS = FOLDS
#: Faces looked at to say what similar ones are called.
NEIGHBOURS = 5
#: Strength of the regression's prior; 512 features want a strong one.
_C = 0.05
#: The part of the progress bar until all features are there.
_LOOKED = 0.7

Say = Callable[[float, str], None]


def check_labels(
    home: Home, predictor: Predictor, say: Say = lambda done, phase: None
) -> LabelCheck:
    """Look at every mask label and fill the queue's order ``label_error``. Raises StudioError."""
    with connect(home, read_only=True) as db:
        everything = labelled_faces(db)
    faces = _of_common_classes(everything)
    ids, features = features_of_faces(
        home,
        predictor,
        [face.face_id for face in faces],
        lambda done: say(_LOOKED * done, f"looking at {len(faces):,} faces"),
    )
    readable = set(ids.tolist())
    faces = _of_common_classes([face for face in faces if face.face_id in readable])
    features = features[np.isin(ids, [face.face_id for face in faces])]
    say(_LOOKED, f"comparing {len(faces):,} labels")
    labels = np.array([MASK_CLASSES.index(face.label) for face in faces])
    probabilities = out_of_sample(features, labels, [face.group for face in faces])
    suspicions = find_suspicions(faces, features, probabilities)
    found = LabelCheck(
        model=predictor.model_id,
        faces=len(faces),
        candidates=sum(one.score >= CANDIDATE for one in suspicions),
        left_out=len(everything) - len(faces),
        accuracy=float((probabilities.argmax(1) == labels).mean()),
        checked_at=now(),
    )
    with connect(home) as db:
        store_check(db, found, suspicions)
    return found


def _of_common_classes(faces: Sequence[LabelledFace]) -> list[LabelledFace]:
    """Without the classes of which there is too little. Raises StudioError where one is left."""
    groups = Counter(label for label, _ in {(face.label, face.group) for face in faces})
    common = {label for label, n in groups.items() if n >= MIN_GROUPS}
    if len(common) < 2:
        there = ", ".join(f"{groups[label]} {label}" for label in MASK_CLASSES)
        raise StudioError(
            f"labels are compared from {MIN_GROUPS} pictures of each of two classes on; "
            f"there are {there}: label some more faces first"
        )
    return [face for face in faces if face.label in common]


def out_of_sample(features: np.ndarray, labels: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Probabilities (n, 3) of each class for each face, by a model that never saw its group.

    features: (n, D); labels: (n,) indices into MASK_CLASSES. A class without labels gets 0.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=_C, max_iter=2000))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    known = np.unique(labels)
    probabilities = np.zeros((len(labels), len(MASK_CLASSES)))
    probabilities[:, known] = cross_val_predict(
        model, features, labels, groups=np.array(groups), cv=folds, method="predict_proba"
    )
    return probabilities


def find_suspicions(
    faces: Sequence[LabelledFace], features: np.ndarray, probabilities: np.ndarray
) -> list[Suspicion]:
    """A suspicion about every label, in the order of ``faces``; features (n, D), (n, 3).

    The score is (1 − p of the label) / 2, and 1/2 more where cleanlab calls the label an error: so
    candidates lie above all others, the surest first.
    """
    from cleanlab.filter import find_label_issues

    labels = np.array([MASK_CLASSES.index(face.label) for face in faces])
    known, compact = np.unique(labels, return_inverse=True)
    flagged = find_label_issues(compact, probabilities[:, known], n_jobs=1)
    doubt = 1 - probabilities[np.arange(len(labels)), labels]
    contradicted = probabilities.argmax(1) != labels
    alike = _called_by_neighbours(features, labels, np.flatnonzero(contradicted))
    return [
        Suspicion(
            face_id=face.face_id,
            event_id=face.event_id,
            score=float(doubt[row] / 2 + (CANDIDATE if flagged[row] else 0)),
            reason=_reason(face, probabilities[row], alike.get(row)),
        )
        for row, face in enumerate(faces)
    ]


def _called_by_neighbours(
    features: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> dict[int, Counter[int]]:
    """Row → how the most similar other faces are labelled."""
    from sklearn.neighbors import NearestNeighbors

    if not len(rows):
        return {}
    count = min(NEIGHBOURS + 1, len(labels))
    near = NearestNeighbors(n_neighbors=count, metric="cosine").fit(features)
    found = near.kneighbors(features[rows], return_distance=False)
    return {
        int(row): Counter(labels[[other for other in others if other != row][:NEIGHBOURS]].tolist())
        for row, others in zip(rows, found, strict=True)
    }


def _reason(face: LabelledFace, probabilities: np.ndarray, alike: Counter[int] | None) -> str:
    """One line for a person; ``alike`` is given where the other labels contradict this one."""
    own = probabilities[MASK_CLASSES.index(face.label)]
    if alike is None:
        return f"other labels agree: {face.label} {own:.0%}"
    best = int(probabilities.argmax())
    name = MASK_CLASSES[best]
    return (
        f"other labels say {name} {probabilities[best]:.0%}, {face.label} {own:.0%}; "
        f"of the {alike.total()} most similar faces {alike[best]} are {name}"
    )


def serving_predictor(home: Home, device: str) -> Predictor:
    """The student that answers now."""
    return load_predictor(str(serving_model(home)), device)


def run_check(home: Home, run: Run, progress: Progress) -> None:
    """The job: ``model`` in its config names a registered student; without one, the serving one."""
    name, device = run.config.get("model"), torch_device(run.device)
    predictor = (
        registered_predictor(home, name, device) if name else serving_predictor(home, device)
    )
    check_labels(home, predictor, progress)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], run_check))
