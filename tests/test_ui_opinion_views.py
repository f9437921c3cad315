"""The pages about several people's opinions, run by Streamlit's own test runner (no browser)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from opinion_files import DISPUTED, INCORRECT, MASKED, UNMASKED, say, studio_of_two
from streamlit.testing.v1 import AppTest

from core.faces import HeadPose
from db.annotations import history
from db.database import connect
from db.events import Annotation
from db.label_errors import LabelCheck, Suspicion, store_check
from db.labels import Label, describe
from ui.face_history import bring_back, face_history
from ui.studio import Studio, use_studio


@pytest.fixture
def studio(tmp_path: Path, astronaut_rgb: np.ndarray) -> Iterator[Studio]:
    yield studio_of_two(tmp_path, astronaut_rgb)
    use_studio(None)


def show(view: str, **query: str) -> AppTest:
    code = f"from ui.views import {view}\n{view}.show()\n"
    page = AppTest.from_string(code, default_timeout=120)
    page.session_state["pages"] = {}
    page.query_params.update(query)
    page.run()
    assert not page.exception
    return page


def press(page: AppTest, words: str) -> AppTest:
    """Click the first button whose label begins so."""
    next(button for button in page.button if button.label.startswith(words)).click().run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    return "\n".join(block.value for block in page.markdown)


def said(studio: Studio, face_id: int) -> list[Annotation]:
    with connect(studio.home) as db:
        return history(db, face_id)


def test_agreement_is_shown_for_each_pair_and_class_with_links_to_the_faces(
    studio: Studio,
) -> None:
    page = show("agreement")
    table = texts(page)
    assert "| ann and bob | [12](/grid?face_ids=1,2,3" in table
    assert "| 83.3% | [2](/grid?face_ids=10,11&order=newest)" in table
    assert "0.72 (" in table and "substantial" in table
    assert all(f"| {name} |" in table for name in ("unmasked", "masked", "incorrect"))
    page.toggle[0].set_value(False).run()
    assert not page.exception


def test_without_second_opinions_the_page_says_what_to_do(tmp_path: Path) -> None:
    from ui.studio import open_studio

    open_studio(tmp_path / "home", device="cpu")
    page = show("agreement")
    assert "ask somebody for second opinions" in page.info[0].value
    page = show("adjudicate")
    assert "Nothing is in dispute" in page.success[0].value


def test_a_decision_settles_the_case_and_the_next_one_comes(studio: Studio) -> None:
    page = show("adjudicate")
    first = DISPUTED[-1]  # the newest contradiction
    assert f"face {first}, 1 of 2" in texts(page)
    assert "ann says **incorrect**" in texts(page) and "bob says **masked**" in texts(page)
    assert "yaw" not in texts(page)  # what models said comes when asked for
    page.toggle[0].set_value(True).run()
    assert "unmasked 70%" in texts(page)
    page.text_input[0].set_value("the nose is free").run()
    press(page, "incorrect")
    event = said(studio, first)[-1]
    assert (event.op, event.label.mask) == ("adjudication", INCORRECT)
    assert (event.annotator, event.label.note) == (studio.annotator, "the nose is free")
    assert f"face {DISPUTED[0]}, 1 of 1" in texts(page)
    press(page, "not a face")
    assert said(studio, DISPUTED[0])[-1].label.rejected
    assert "Nothing is in dispute" in page.success[0].value
    press(page, "Undo")
    assert f"face {DISPUTED[0]}, 1 of 1" in texts(page)


def test_a_case_that_somebody_else_decided_is_a_conflict(studio: Studio) -> None:
    page = show("adjudicate")
    show_other = show("adjudicate")
    press(show_other, "masked")
    press(page, "unmasked")
    assert "has changed since version 1" in page.toast[0].value
    assert said(studio, DISPUTED[-1])[-1].label.mask == MASKED
    assert len(said(studio, DISPUTED[-1])) == 2


def test_later_and_back_walk_through_the_cases(studio: Studio) -> None:
    page = show("adjudicate")
    assert f"face {DISPUTED[0]}, 2 of 2" in texts(press(page, "Later"))
    assert f"face {DISPUTED[1]}, 1 of 2" in texts(press(page, "Back"))


def test_where_poses_differ_one_is_chosen(studio: Studio) -> None:
    with connect(studio.home) as db:
        poses = [HeadPose(yaw_deg=yaw, pitch_deg=0, roll_deg=0) for yaw in (0, 40)]
        from db.annotations import annotate
        from db.labels import Change

        change = Change(face_id=1, base_version=1, mask=MASKED, pose=poses[0])
        annotate(db, [change], annotator="ann", client_op_id="posed")
        say(db, 1, Label(mask=MASKED, pose=poses[1]), "bob", version=2)
    page = show("adjudicate")
    page.radio[0].set_value(poses[1]).run()
    press(page, "masked")
    assert said(studio, 1)[-1].label == Label(mask=MASKED, pose=poses[1])


def test_the_history_of_a_face_tells_who_what_and_when(studio: Studio) -> None:
    page = show("face", id="10")
    assert page.title[0].value == "Face 10"
    story = texts(page)
    assert "**masked**  \nann labelled" in story
    assert "bob disagreed with “masked”, without seeing the label" in story
    assert "student** · answers now" in story and "unmasked 70%" in story
    assert "portrait\\_10\\.jpg" in story


def test_restoring_is_a_new_event(studio: Studio) -> None:
    show_decided = show("adjudicate")
    press(show_decided, "masked")
    page = show("face", id=str(DISPUTED[-1]))
    assert "incorrect → masked" in texts(page) and "settled a disagreement" in texts(page)
    press(page, "Restore incorrect")
    press(page, "Restore no label")
    events = said(studio, DISPUTED[-1])
    assert [(event.op, describe(event.label)) for event in events] == [
        ("label", "incorrect"),
        ("adjudication", "masked"),
        ("restore", "incorrect"),
        ("restore", "no label"),
    ]


def test_a_restore_of_what_changed_meanwhile_is_a_conflict(studio: Studio) -> None:
    page = show("face", id="1")
    bring_back(studio, 1, 0, 1, "bob")
    press(page, "Restore no label")
    assert "has changed since version 1" in page.toast[0].value
    assert face_history(studio, 1).version == 2


def test_a_number_that_is_no_face_gets_a_sentence(studio: Studio) -> None:
    assert "face 99" in show("face", id="99").error[0].value.lower()
    assert show("face", id="x").title[0].value == "History of a face"


def test_names_do_not_become_markup(studio: Studio) -> None:
    with connect(studio.home) as db:
        say(db, 1, Label(mask=UNMASKED, note="<b>*look*</b>"), "[x](http://evil)")
    assert "\\[x\\]\\(http\\:" in texts(show("face", id="1"))
    assert "\\<b\\>\\*look" in texts(show("adjudicate"))


def test_suspected_labels_are_shown_with_the_reason(studio: Studio) -> None:
    page = show("label_errors")
    assert "Which labels are wrong?" in page.info[0].value
    check = LabelCheck(
        model="student", faces=12, candidates=1, left_out=0, accuracy=0.9, checked_at="2026-01-01"
    )
    suspicion = Suspicion(
        face_id=10, event_id=10, score=0.9, reason="other labels say unmasked 97%"
    )
    with connect(studio.home) as db:
        store_check(db, check, [suspicion])
    page = show("label_errors")
    story = texts(page)
    assert "1 of 12 labels look wrong" in story and "left, the surest first" in story
    assert "**masked**, says ann  \nother labels say unmasked 97%" in story


def test_a_suspected_label_is_corrected_or_confirmed_where_it_stands(studio: Studio) -> None:
    page = show("label_errors")
    check = LabelCheck(
        model="student", faces=12, candidates=2, left_out=0, accuracy=0.9, checked_at="2026-01-01"
    )
    found = [Suspicion(face_id=face, event_id=face, score=0.9, reason="so") for face in (10, 11)]
    with connect(studio.home) as db:
        store_check(db, check, found)

    def say_of(face: int, label: str) -> None:
        page.button(f"say-{face}-{len(said(studio, face))}-{label}").click().run()
        assert not page.exception

    def waiting() -> set[str]:
        return {button.key.split("-")[1] for button in page.button if "say-" in (button.key or "")}

    page = show("label_errors")
    asked = waiting()
    assert {"10", "11"} <= asked
    say_of(10, "masked")  # as it was
    assert waiting() == asked - {"10"}
    say_of(11, "masked")
    assert [event.label.mask for event in said(studio, 11)] == [INCORRECT, MASKED]
    press(page, "Undo")
    press(page, "Undo")
    assert waiting() == asked
    assert [event.label.mask for event in said(studio, 10)] == [MASKED] * 3
