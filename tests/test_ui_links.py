"""Filters in addresses: there and back, and what is refused."""

from __future__ import annotations

from dataclasses import fields
from urllib.parse import parse_qsl, urlsplit

import pytest

from core.faces import MaskLabel
from db.filters import FaceFilter
from ui.links import BadLink, filter_from_query, grid_link, order_from_query, query_of, review_link

EVERYTHING = FaceFilter(
    status="labelled",
    labels=(MaskLabel.MASKED, MaskLabel.INCORRECT),
    rejected=False,
    annotator="Zoë & Söhne",
    annotated_from="2026-01-31",
    annotated_before="2026-02-01T10:00",
    source="holiday, 2026",
    split="val",
    flagged=True,
    disputed=False,
    confirmed=False,
    predicted=(MaskLabel.UNMASKED,),
    confidence=(0.5, 0.75),
    yaw_deg=(-90, -60.5),
    pitch_deg=(-1e-6, 30),
    roll_deg=(0, 0),
    model="student-7",
    run=12,
    also="mask-teacher:1:masked",
    wrong=True,
    disagreement=(0.1, 1.0),
    label_error=(1 / 3, 1.0),
    p_masked=(0.25, 0.5),
    label_yaw_deg=(-30, 30),
    label_pitch_deg=(-10, 10),
    label_roll_deg=(0, 5),
    pose_error_deg=(10, 180),
    face_px=(0, 48),
    sharpness=(0, 20),
    brightness=(0.5, 1),
    occluded=True,
    name="a=b&c d+e.jpg",
    face_ids=(3, 14, 15),
)


def test_every_condition_of_a_filter_survives_an_address() -> None:
    assert all(getattr(EVERYTHING, field.name) not in (None, ()) for field in fields(EVERYTHING))
    address = urlsplit(grid_link(EVERYTHING, "label_error"))
    query = dict(parse_qsl(address.query, strict_parsing=True))
    found = filter_from_query(query)
    assert query_of(found) == query_of(EVERYTHING)
    assert found.label_error == pytest.approx(EVERYTHING.label_error)
    assert (address.path, order_from_query(query)) == ("/grid", "label_error")


def test_an_address_can_be_read_by_people() -> None:
    faces = FaceFilter(status="labelled", predicted=(MaskLabel.MASKED,), yaw_deg=(-90, -60))
    assert grid_link(faces, "entropy") == (
        "/grid?status=labelled&predicted=masked&yaw_deg=-90..-60&order=entropy"
    )
    assert review_link(FaceFilter(), blind="true") == "/review?order=disagreement&blind=true"


def test_an_empty_address_is_every_face_and_an_empty_parameter_none() -> None:
    assert filter_from_query({}) == filter_from_query({"name": "", "order": ""}) == FaceFilter()
    assert order_from_query({"order": ""}, "newest") == "newest"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"predictd": "masked"}, "no condition is called 'predictd'"),
        ({"predicted": "mask"}, "predicted=mask: expected some of unmasked,masked,incorrect"),
        ({"yaw_deg": "5"}, "yaw_deg=5: expected a range: low..high"),
        ({"run": "x"}, "run=x: expected a whole number"),
        ({"wrong": "1"}, "wrong=1: expected true or false"),
        ({"status": "done"}, "status=done: expected unlabelled or labelled"),
    ],
)
def test_what_is_not_understood_is_refused_in_a_sentence(query: dict[str, str], says: str) -> None:
    with pytest.raises(BadLink, match=says):
        filter_from_query(query)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(BadLink, match="no order is called 'best'"):
        order_from_query({"order": "best"})
