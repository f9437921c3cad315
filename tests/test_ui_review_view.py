"""The review page's own widgets, run by Streamlit's test runner: the address holds the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from many_faces import add_many_faces
from streamlit.testing.v1 import AppTest

from db.review_queue import QueueQuery
from ui.links import BadLink
from ui.review_address import address_of, link_of, session_of
from ui.studio import Studio, open_studio, use_studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("review")
    studio = open_studio(folder / "home")
    add_many_faces(studio.home, folder, 15, labelled=3)
    yield studio
    use_studio(None)


def show(**address: str) -> AppTest:
    page = AppTest.from_string("from ui.views import review\nreview.show()\n", default_timeout=120)
    page.session_state["pages"] = {}
    for name, value in address.items():
        page.query_params[name] = value
    return page.run()


def test_a_session_survives_its_address() -> None:
    session = QueueQuery(order="random", size=50, blind=True, skipped_too=True, opinions=3)
    assert session_of(address_of(session)) == session
    assert address_of(QueueQuery()) == {"order": "disagreement", "status": "unlabelled"}
    assert link_of(session, "/review").startswith("/review?status=unlabelled&order=random&size=50")
    with pytest.raises(BadLink, match="blind=1: expected true or false"):
        session_of({"blind": "1"})


def test_the_review_page_puts_the_session_into_its_address(studio: Studio) -> None:
    page = show()
    assert not page.exception
    assert page.query_params == {"order": "disagreement", "status": "unlabelled"}
    page.toggle(key="review-blind").set_value(True).run()
    page.selectbox(key="review-size").set_value(50).run()
    assert page.query_params["blind"] == "true" and page.query_params["size"] == "50"
    page.text_input(key="review-name").set_value("monday")
    next(button for button in page.button if button.label == "Save").click().run()
    assert not page.exception
    fresh = show(queue="monday")
    assert not fresh.exception and fresh.query_params == page.query_params


def test_a_review_link_that_is_not_understood_says_so(studio: Studio) -> None:
    assert "no condition is called 'colour'" in show(colour="red").error[0].value
    assert "no queue is called 'lost'" in show(queue="lost").error[0].value
    assert "size=0\\: expected a whole number" in show(size="0").error[0].value


def test_labels_are_checked_once(studio: Studio) -> None:
    page = show(status="labelled")
    assert not page.exception and "annotated_before" in page.query_params


def test_an_order_without_scores_leads_to_one_that_has_faces(studio: Studio) -> None:
    page = show()  # no teacher has said anything: nothing to disagree about
    assert "12 faces wait, but none has the score" in page.info[0].value
    next(button for button in page.button if button.label == "Show the newest first").click().run()
    assert page.query_params["order"] == "newest" and not page.info


def test_a_home_without_faces_says_where_to_get_some(studio: Studio, tmp_path) -> None:
    open_studio(tmp_path / "empty")
    try:
        page = show()
        assert "No faces here yet" in page.info[0].value
    finally:
        use_studio(studio)
