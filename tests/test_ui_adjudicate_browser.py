"""Disagreements are found and settled by keys alone: the real pages in a browser, real SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import numpy as np
import pytest
from opinion_files import INCORRECT, MASKED, SAID, add_judged_face, say, studio_of_two

from db.adjudication import decide, open_cases
from db.annotations import current_annotation, history
from db.database import connect
from db.events import Annotation
from db.labels import Change, Label
from ui.studio import Studio, use_studio

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from browser_files import CHROMIUM, PATIENCE_MS, is_drawn, open_page
from pages_server import running_pages
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, astronaut_rgb: np.ndarray) -> Iterator[Studio]:
    studio = studio_of_two(tmp_path_factory.mktemp("disputes"), astronaut_rgb)
    settle_all(studio)
    yield studio
    use_studio(None)


@pytest.fixture(scope="module")
def address(studio: Studio) -> Iterator[str]:
    with running_pages(studio.home.root) as address:
        yield address


@pytest.fixture(scope="module")
def new_numbers() -> Iterator[int]:
    """Of pictures that are not in the studio yet."""
    return count(len(SAID) + 1)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with open_page(browser, address) as page:
        page.context.request.post("/api/v1/me", form={"annotator": "judge"})
        yield page


@pytest.fixture
def disputed(
    studio: Studio, astronaut_rgb: np.ndarray, new_numbers: Iterator[int]
) -> Iterator[list[int]]:
    """Two new faces that carl calls incorrect and nobody else does, in the order they come."""
    with connect(studio.home) as db:
        faces = [
            add_judged_face(db, studio, astronaut_rgb, number, MASKED, MASKED)
            for number in islice(new_numbers, 2)
        ]
        for face in faces:
            say(db, face, Label(mask=INCORRECT), "carl")
    yield faces[::-1]  # the newest contradiction first
    settle_all(studio)


def settle_all(studio: Studio) -> None:
    with connect(studio.home) as db:
        for case in open_cases(db):
            same = Change(
                face_id=case.face_id, base_version=case.label.version, mask=case.label.label.mask
            )
            decide(db, same, annotator="judge", client_op_id=f"settle {case.face_id}")


def sees(page: Page, face: int, place: str) -> None:
    """The face is on the screen with its buttons: a key is about this one."""
    expect(page.get_by_text(f"face {face}, {place}")).to_be_visible()
    expect(page.locator(f"[class*='st-key-decide-{face}-'] button")).to_have_count(4)
    is_drawn(page)


def present(studio: Studio, face: int) -> Annotation:
    with connect(studio.home, read_only=True) as db:
        found = current_annotation(db, face)
    assert found is not None
    return found


def story(studio: Studio, face: int) -> list[tuple[str, str]]:
    """(who, what) of each event."""
    with connect(studio.home, read_only=True) as db:
        return [(event.annotator, event.op) for event in history(db, face)]


def test_the_keyboard_leads_from_agreement_to_the_disagreements(
    page: Page, disputed: list[int]
) -> None:
    page.goto("/agreement", wait_until="commit")
    way = page.get_by_role("link", name="Settle 2 disagreements")
    way.focus()
    page.keyboard.press("Enter")
    sees(page, disputed[0], "1 of 2")


def test_a_key_decides_the_next_case_comes_and_undo_opens_it_again(
    page: Page, studio: Studio, disputed: list[int]
) -> None:
    first, second = disputed
    before = present(studio, first).label
    page.goto("/adjudicate", wait_until="commit")
    sees(page, first, "1 of 2")
    page.keyboard.press("3")
    sees(page, second, "1 of 1")
    assert present(studio, first).label.mask == INCORRECT
    page.keyboard.press("Control+z")
    expect(page.get_by_text(f"Undone on face {first}, now: {before.mask}")).to_be_visible()
    sees(page, first, "1 of 2")
    assert present(studio, first).label == before
    assert story(studio, first)[1:] == [("judge", "adjudication"), ("judge", "undo")]
    assert story(studio, second)[1:] == []


def test_arrows_put_a_case_off_and_x_says_that_it_is_no_face(
    page: Page, studio: Studio, disputed: list[int]
) -> None:
    first, second = disputed
    page.goto("/adjudicate", wait_until="commit")
    sees(page, first, "1 of 2")
    page.keyboard.press("ArrowRight")
    sees(page, second, "2 of 2")
    page.keyboard.press("ArrowLeft")
    sees(page, first, "1 of 2")
    page.keyboard.press("ArrowRight")
    sees(page, second, "2 of 2")
    page.keyboard.press("x")
    sees(page, first, "1 of 1")
    assert present(studio, second).label.rejected
    assert story(studio, first)[1:] == []


def test_digits_in_the_note_decide_nothing_and_two_keys_at_once_decide_one_face(
    page: Page, studio: Studio, disputed: list[int]
) -> None:
    first, second = disputed
    page.goto("/adjudicate", wait_until="commit")
    sees(page, first, "1 of 2")
    note = page.get_by_label("Why (kept with the decision)")
    note.press_sequentially("3 of us saw 2 masks")
    note.press("Enter")
    note.blur()
    sees(page, first, "1 of 2")
    page.locator("body").evaluate(_PRESS_TWICE, "2")
    sees(page, second, "1 of 1")
    page.wait_for_timeout(2000)  # for a second decision, if there is one
    decided = present(studio, first)
    assert (decided.annotator, decided.label.mask) == ("judge", "masked")
    assert decided.label.note == "3 of us saw 2 masks"
    assert story(studio, first)[1:] == [("judge", "adjudication")]
    assert story(studio, second)[1:] == []


_PRESS_TWICE = """
(body, key) => {
  for (let i = 0; i < 2; i++) {
    for (const type of ["keydown", "keyup"]) {
      body.dispatchEvent(new KeyboardEvent(type, {
        key, code: `Digit${key}`, keyCode: key.charCodeAt(0), bubbles: true, composed: true,
        cancelable: true }));
    }
  }
}
"""
