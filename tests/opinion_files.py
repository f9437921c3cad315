"""A studio in which several people looked at the same faces."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
from db_support import add_model, label, mask, predict
from sqlite_utils import Database

from core.faces import FaceBox, HeadPose, MaskLabel
from core.images import encode_jpeg
from db.database import connect
from db.faces import add_faces
from db.images import add_image
from db.labels import Label
from db.models import promote
from db.reviews import give_opinion
from ui.studio import Studio, open_studio

UNMASKED, MASKED, INCORRECT = MaskLabel.UNMASKED, MaskLabel.MASKED, MaskLabel.INCORRECT
#: What ann said, and what bob was asked about: (ann's label, bob's opinion).
SAID = [
    *[(MASKED, MASKED)] * 5,
    *[(UNMASKED, UNMASKED)] * 4,
    (MASKED, UNMASKED),
    (INCORRECT, MASKED),
    (INCORRECT, INCORRECT),
]
DISPUTED = [10, 11]
_ops = count()


def studio_of_two(folder: Path, portrait_rgb: np.ndarray) -> Studio:
    """Faces 1 … 12, labelled by ann, judged blindly by bob; no model is loaded."""
    studio = open_studio(folder / "home", device="cpu")
    with connect(studio.home) as db:
        add_model(db, "student")
        promote(db, "student", reason="test", changed_by="ann")
        for number, (ann, bob) in enumerate(SAID, 1):
            add_judged_face(db, studio, portrait_rgb, number, ann, bob)
    return studio


def add_judged_face(
    db: Database,
    studio: Studio,
    portrait_rgb: np.ndarray,
    number: int,
    ann: MaskLabel,
    bob: MaskLabel,
) -> int:
    """A face that ann labelled and bob judged; ``number`` (below 50) tells its picture."""
    face_id = _face(db, studio, portrait_rgb, number)
    label(db, face_id, ann)
    say(db, face_id, Label(mask=bob), "bob")
    pose = HeadPose(yaw_deg=-4, pitch_deg=8, roll_deg=3)
    predict(db, "student", {face_id: mask(0.7, 0.2, 0.1)}, pose)
    return face_id


def say(db: Database, face_id: int, opinion: Label, who: str, version: int = 1) -> None:
    """A blind second opinion."""
    give_opinion(
        db,
        face_id,
        opinion,
        base_version=version,
        reviewer=who,
        client_op_id=f"opinion {next(_ops)}",
        blind=True,
    )


def _face(db: Database, studio: Studio, portrait_rgb: np.ndarray, number: int) -> int:
    """The portrait in another light, stored as a picture of its own."""
    image_rgb = (portrait_rgb * (1 - 0.02 * number)).astype(np.uint8)
    height_px, width_px = image_rgb.shape[:2]
    image = add_image(
        db,
        studio.home,
        encode_jpeg(image_rgb),
        name=f"portrait_{number}.jpg",
        width_px=width_px,
        height_px=height_px,
    )
    box = FaceBox(170, 60, 110, 140, 0.9)
    return add_faces(db, image.id, [box], detector="centerface")[0].id
