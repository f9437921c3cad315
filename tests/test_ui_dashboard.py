"""From marks to faces and addresses, without a page."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from core.faces import MaskLabel
from db.filters import FaceFilter
from ui import dashboard, links
from ui.figures.look import LOOKS
from ui.figures.marks import filter_of_selection

MARK = FaceFilter(labels=(MaskLabel.MASKED,), predicted=(MaskLabel.UNMASKED,), status="labelled")


def test_one_mark_is_its_filter_and_several_single_faces_are_all_of_them() -> None:
    def faces_of(*marks: object) -> FaceFilter | None:
        return filter_of_selection({"points": [{"customdata": mark} for mark in marks]})

    assert faces_of(MARK.to_json()) == MARK
    assert faces_of([MARK.to_json()], None) == MARK
    single = [FaceFilter(face_ids=(n,)).to_json() for n in (7, 3, 7)]
    assert faces_of(*single) == FaceFilter(face_ids=(7, 3))
    assert faces_of() is None


def test_an_address_leads_to_the_faces_of_its_chart_alone() -> None:
    address = {"chart": "confusion", "threshold": "0.7", **links.query_of(MARK)}
    assert dashboard.mark_in_address("confusion", address) == MARK
    assert dashboard.mark_in_address("sources", address) is None
    with pytest.raises(links.BadLink, match="expected a range"):
        dashboard.mark_in_address("a", {"chart": "a", "confidence": "much"})


def test_an_address_of_very_many_faces_stays_short_enough_for_servers() -> None:
    many = FaceFilter(face_ids=tuple(range(10**6, 10**6 + 20_000)))
    named = dashboard.fit_for_address(many)
    assert named.face_ids == many.face_ids[::10]  # not the oldest alone
    assert len(urlencode(links.query_of(named))) < 32_768  # the server takes 64 KiB of headers
    few = FaceFilter(face_ids=(3, 1))
    assert [dashboard.fit_for_address(one) for one in (few, MARK)] == [few, MARK]


def test_a_filter_is_described_in_words() -> None:
    text = dashboard.describe(MARK)
    assert text == "status labelled · labels masked · predicted unmasked"
    assert dashboard.describe(FaceFilter(face_ids=(1, 2))) == "chosen in the chart"


def test_a_sample_invites_nobody_to_click() -> None:
    assert dashboard.not_clickable("n = 3 faces · click a cell for its faces") == "n = 3 faces"


def test_exports_are_whole_files() -> None:
    from ui import chart_files

    figure = LOOKS["dark"].blank("Anything", "n = 1").add_scatter(x=[1], y=[2])
    page = chart_files.html(figure)
    assert "Anything" in page and "<script src=" not in page  # works without network
    if not chart_files.has_browser():
        pytest.skip("no browser that kaleido could draw with")
    assert chart_files.png(figure).startswith(b"\x89PNG")
