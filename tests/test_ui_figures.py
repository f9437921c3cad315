"""What the charts show: traces, words, numbers, and the faces that their marks stand for."""

from __future__ import annotations

import numpy as np
import pytest

from core.faces import MASK_CLASSES, MaskLabel
from db.filters import FaceFilter
from ui.figures.confusion import confusion_chart, confusion_numbers
from ui.figures.look import LOOKS

LOOK = LOOKS["light"]
COUNTS = {(a, b): 90 if a is b else 5 for a in MASK_CLASSES for b in MASK_CLASSES}


def test_the_confusion_matrix_shows_shares_of_each_label_and_counts_errors() -> None:
    figure = confusion_chart(COUNTS, LOOK, FaceFilter(status="labelled", source="web"))
    cells, marks = figure.data
    assert cells.z == pytest.approx(np.full((3, 3), 0.05) + 0.85 * np.eye(3))
    assert "n = 300 labelled faces, 30 of them wrong" in figure.layout.title.subtitle.text
    assert figure.layout.xaxis.title.text == "the student says"
    faces = [FaceFilter.from_json(mark) for mark in marks.customdata]
    assert faces[1] == FaceFilter(
        status="labelled",
        source="web",
        labels=(MaskLabel.UNMASKED,),
        predicted=(MaskLabel.MASKED,),
    )
    assert (marks.x[1], marks.y[1]) == ("masked", "unmasked")
    assert confusion_numbers(COUNTS)["faces"].sum() == 300


def test_a_label_without_faces_has_no_share_but_a_row() -> None:
    counts = COUNTS | {(MaskLabel.INCORRECT, b): 0 for b in MASK_CLASSES}
    figure = confusion_chart(counts, LOOK, FaceFilter())
    assert figure.data[0].z[2].tolist() == [0, 0, 0]
