"""The review page as people use it: quick keys, lost connections, two at once, undo, poses."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from many_faces import add_many_faces
from waiting import wait_for

from core.faces import FaceBox, HeadPose, MaskLabel
from core.head_pose import axes_in_image, head_pose, rotation_from_euler
from core.images import read_image
from db.annotations import annotate, current_annotation, history
from db.database import connect
from db.faces import add_faces
from db.home import Home
from db.images import add_image
from db.labels import Change, Label
from db.migrations import open_home
from db.reviews import present_reviews, reviews_of_face

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from browser_files import CHROMIUM, PATIENCE_MS, open_page
from pages_server import running_pages
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
expect.set_options(timeout=PATIENCE_MS)
ON_SCREEN = ".review[data-face]:not([data-face=''])"
#: What a browser writes into its console where a test cuts the line or provokes a conflict.
CUT = r"Failed to load resource|WebSocket connection"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("review")
    home = open_home(folder / "home")
    add_many_faces(home, folder, 200)
    return home


@pytest.fixture(scope="module")
def unused(home: Home) -> Iterator[int]:
    """Faces that no test has touched."""
    return iter(range(1, 201))


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    with running_pages(home.root) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with open_page(browser, address, expected=CUT) as page:
        yield page


@contextmanager
def colleague(browser: Browser, address: str, name: str) -> Iterator[Page]:
    """Another person at another browser."""
    with open_page(browser, address, expected=CUT) as page:
        page.context.request.post("/api/v1/me", form={"annotator": name})
        yield page


def some(unused: Iterator[int], count: int) -> list[int]:
    """Faces for one test, in the order in which they come (the newest first)."""
    return sorted(islice(unused, count), reverse=True)


def review(page: Page, faces: list[int], **rules: str) -> None:
    """Open a session of these faces and wait until all their pictures are there."""
    query = "&".join(f"{name}={value}" for name, value in rules.items())
    ids = ",".join(map(str, faces))
    page.goto(f"/review?order=newest&face_ids={ids}&{query}", wait_until="commit")
    expect(page.locator(ON_SCREEN)).to_have_attribute("data-ready", str(len(faces)))


def on_screen(page: Page) -> int:
    return int(page.locator(".review").get_attribute("data-face") or 0)


def sees(page: Page, face: int) -> None:
    expect(page.locator(f".review[data-face='{face}']")).to_be_visible()


def all_stored(page: Page) -> None:
    expect(page.locator(".storage")).to_have_text("✓ everything is stored")


def said_of(home: Home, face: int) -> Label:
    with connect(home, read_only=True) as db:
        annotation = current_annotation(db, face)
    return annotation.label if annotation else Label()


def story_of(home: Home, face: int) -> list[tuple[str, str, str | None]]:
    """(who, what, mask) of each event."""
    with connect(home, read_only=True) as db:
        events = history(db, face)
    return [(event.annotator, event.op, event.label.mask) for event in events]


def label_as(home: Home, who: str, face: int, mask: MaskLabel, version: int = 0) -> None:
    with connect(home) as db:
        change = Change(face_id=face, base_version=version, mask=mask)
        annotate(db, [change], annotator=who, client_op_id=f"{who} {face} {version}")


PRESS_AT_ONCE = """
(root, count) => {
  const seen = [];
  for (let i = 0; i < count; i++) {
    const key = String(1 + (i % 3));
    seen.push([Number(root.dataset.face), key]);
    root.dispatchEvent(new KeyboardEvent("keydown", {
      key, code: `Digit${key}`, bubbles: true, composed: true, cancelable: true }));
  }
  return seen;
}
"""


def test_forty_presses_at_once_are_kept_and_belong_to_the_picture_on_the_screen(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    faces = some(unused, 41)
    review(page, faces)
    seen = page.locator(".review").evaluate(PRESS_AT_ONCE, 40)
    assert [face for face, _ in seen] == faces[:40]
    sees(page, faces[40])
    all_stored(page)
    masks = {"1": MaskLabel.UNMASKED, "2": MaskLabel.MASKED, "3": MaskLabel.INCORRECT}
    assert {face: said_of(home, face).mask for face in faces[:40]} == {
        face: masks[key] for face, key in seen
    }


def test_a_key_before_its_picture_is_there_does_nothing(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, late = some(unused, 2)
    held = []
    page.route(f"**/faces/{late}/crop*", lambda route: held.append(route))
    query = f"/review?order=newest&face_ids={first},{late}"
    page.goto(query, wait_until="commit")
    sees(page, first)
    page.keyboard.press("2")
    expect(page.locator(".notice")).to_have_text("The picture is loading …")
    page.keyboard.press("2")
    expect(page.locator(".message")).to_contain_text("this key did nothing")
    held[0].continue_()
    sees(page, late)
    all_stored(page)
    assert (said_of(home, first).mask, said_of(home, late).mask) == (MaskLabel.MASKED, None)


def test_keys_alone_do_everything(page: Page, home: Home, unused: Iterator[int]) -> None:
    faces = some(unused, 6)
    review(page, faces)
    suggestion = page.locator("[data-action=accept]").inner_text()
    page.keyboard.press("Enter")  # the student's label
    page.keyboard.press("x")
    page.keyboard.press("Space")
    page.keyboard.press("g")
    page.keyboard.press("3")
    sees(page, faces[4])
    page.keyboard.press("ArrowLeft")
    sees(page, faces[3])
    expect(page.locator(".people")).to_have_text("You: incorrect")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    expect(page.locator(".photo .frame")).to_be_visible()
    page.keyboard.press("f")
    expect(page.locator(".photo")).to_be_hidden()
    all_stored(page)
    assert said_of(home, faces[0]).mask in suggestion
    assert said_of(home, faces[1]).rejected
    assert said_of(home, faces[3]).mask == MaskLabel.INCORRECT
    with connect(home, read_only=True) as db:
        marks = [
            db.execute(f"SELECT group_concat(face_id) FROM {table}").fetchone()[0]
            for table in ("skips", "flags")
        ]
    assert marks == [str(faces[2]), str(faces[3])]


def test_undo_says_what_it_undid_and_redo_does_it_again(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second, third = some(unused, 3)
    review(page, [first, second, third])
    page.keyboard.press("2")
    page.keyboard.press("Space")
    page.keyboard.press("Backspace")
    expect(page.locator(".message")).to_contain_text(f"Undone. Face {second}: skipped")
    page.keyboard.press("Control+z")
    expect(page.locator(".message")).to_contain_text(
        f"Undone. Face {first}: masked; now without your label."
    )
    sees(page, first)
    page.keyboard.press("Control+Shift+Z")
    sees(page, second)
    all_stored(page)
    assert [what for _, what, _ in story_of(home, first)] == ["label", "undo", "redo"]
    page.reload(wait_until="commit")  # the page has forgotten, the studio has not
    sees(page, first)
    page.keyboard.press("Backspace")
    expect(page.locator(".message")).to_contain_text(
        f"Undone: face {first} was masked, now no label."
    )
    assert said_of(home, first) == Label()


def test_labels_wait_while_the_connection_is_lost(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    faces = some(unused, 4)
    review(page, faces)
    page.context.set_offline(True)
    for key in "123":
        page.keyboard.press(key)
    expect(page.locator(".storage")).to_contain_text("No connection: 3 labels wait here")
    sees(page, faces[3])
    assert said_of(home, faces[0]) == Label()
    page.context.set_offline(False)
    all_stored(page)
    assert [said_of(home, face).mask for face in faces[:3]] == list(MaskLabel)


def test_a_reload_loses_no_label_and_closing_warns(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    page.route("**/annotations", lambda route: route.abort())
    page.keyboard.press("2")
    expect(page.locator(".storage")).to_contain_text("1 label waits here")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload(wait_until="commit")
    sees(page, second)
    assert asked == ["beforeunload"]
    page.unroute("**/annotations")
    wait_for(lambda: said_of(home, first).mask == MaskLabel.MASKED)
    all_stored(page)
    with connect(home, read_only=True) as db:
        assert len(history(db, first)) == 1


def test_what_a_tab_leaves_behind_is_sent_by_another(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    with page.context.new_page() as closed:
        closed.set_default_timeout(PATIENCE_MS)
        closed.route("**/annotations", lambda route: route.abort())
        review(closed, [first])
        closed.keyboard.press("2")
        expect(closed.locator(".storage")).to_contain_text("1 label waits here")
        review(page, [second])
        assert said_of(home, first) == Label()  # the tab that waits lives still
    wait_for(lambda: said_of(home, first).mask == MaskLabel.MASKED)


def test_two_people_on_one_face_decide_knowingly(
    browser: Browser, page: Page, address: str, home: Home, unused: Iterator[int]
) -> None:
    first, second, third = some(unused, 3)
    review(page, [first, second, third])
    with colleague(browser, address, "bob") as other:
        other.goto(f"/grid?face_ids={first}", wait_until="commit")  # the same face, elsewhere
        label_as(home, "bob", first, MaskLabel.UNMASKED)
        label_as(home, "bob", second, MaskLabel.INCORRECT)
    page.keyboard.press("2")
    dialog = page.locator("dialog.conflict")
    expect(dialog).to_contain_text("bob was faster")
    expect(dialog).to_contain_text("unmasked")
    page.keyboard.press("Enter")  # a key of somebody in a hurry decides nothing
    expect(dialog).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert said_of(home, first).mask == MaskLabel.UNMASKED
    page.keyboard.press("2")
    expect(dialog).to_contain_text("bob")
    dialog.get_by_role("button", name="Change to mine: masked").click()
    all_stored(page)
    assert [mask for _, _, mask in story_of(home, second)] == ["incorrect", "masked"]


def test_a_label_taken_back_and_given_again_is_still_asked_about(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    face, taken_back, _ = faces = some(unused, 3)
    review(page, faces)
    page.context.set_offline(True)
    page.keyboard.press("2")
    page.keyboard.press("Backspace")
    page.keyboard.press("Control+Shift+Z")
    page.keyboard.press("2")
    page.keyboard.press("Backspace")
    for one in (face, taken_back):
        label_as(home, "bob", one, MaskLabel.UNMASKED)
    page.context.set_offline(False)
    dialog = page.locator("dialog.conflict")
    dialog.get_by_role("button", name="Change to mine: masked").click()
    all_stored(page)
    assert [mask for _, _, mask in story_of(home, face)] == ["unmasked", "masked"]
    assert [mask for _, _, mask in story_of(home, taken_back)] == ["unmasked"]


def test_what_is_said_of_a_face_before_its_conflict_is_decided_waits_too(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    label_as(home, "bob", first, MaskLabel.UNMASKED)
    page.keyboard.press("2")
    dialog = page.locator("dialog.conflict")
    expect(dialog).to_contain_text("bob was faster")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowLeft")
    sees(page, first)
    page.keyboard.press("3")  # on the very version that bob made
    dialog.get_by_role("button", name="Change to mine: incorrect").click()
    all_stored(page)
    assert [mask for _, _, mask in story_of(home, first)] == ["unmasked", "incorrect"]


def test_what_one_keeps_in_a_conflict_is_all_that_one_said(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    page.context.set_offline(True)
    page.keyboard.press("p")
    page.keyboard.press("2")  # with the pose
    page.keyboard.press("p")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("3")  # the mask alone
    label_as(home, "bob", first, MaskLabel.UNMASKED)
    page.context.set_offline(False)
    dialog = page.locator("dialog.conflict")
    dialog.get_by_role("button", name="Change to mine: incorrect").click()
    all_stored(page)
    label = said_of(home, first)
    assert label.mask == MaskLabel.INCORRECT and label.pose is not None


def test_a_conflict_that_no_page_saw_or_that_was_put_off_is_found_by_the_next_page(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    label_as(home, "bob", first, MaskLabel.UNMASKED)
    page.route("**/api/v1/annotations", lambda route: route.abort())
    page.keyboard.press("2")
    go_to(page, "Data")
    with page.expect_response("**/api/v1/annotations") as answer:
        page.unroute("**/api/v1/annotations")
    assert answer.value.status == 409
    go_to(page, "Grid")
    expect(page.locator(".decision")).to_contain_text("bob was faster on 1 face, now: unmasked")
    go_to(page, "Review")
    dialog = page.locator("dialog.conflict")
    expect(dialog).to_contain_text("bob was faster")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    go_to(page, "Data")
    go_to(page, "Review")
    expect(dialog).to_contain_text("bob was faster")
    page.keyboard.press("Escape")
    expect(page.locator(".storage")).to_have_text("⚠ 1 conflict to decide")
    page.get_by_role("button", name="Decide").click()
    dialog.get_by_role("button", name="Change to mine: masked").click()
    all_stored(page)
    assert [mask for _, _, mask in story_of(home, first)] == ["unmasked", "masked"]


def go_to(page: Page, name: str) -> None:
    """By a click, as people do: the tab and its outbox live on."""
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_what_the_server_fails_over_is_kept_aside_and_does_not_block_the_rest(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second, third = some(unused, 3)
    review(page, [first, second, third])
    sentence = {"title": "the disk is full"}
    page.route(f"**/faces/{first}/skip", lambda route: route.fulfill(status=500, json=sentence))
    page.keyboard.press("Space")
    page.keyboard.press("2")
    aside = page.locator(".aside[role=alert]")
    expect(aside).to_contain_text(f"Not stored, but kept here: Face {first}: skipped.")
    expect(aside).to_contain_text("the disk is full")
    wait_for(lambda: said_of(home, second).mask == MaskLabel.MASKED)
    page.on("dialog", lambda dialog: dialog.accept())  # "leave with labels unsent?"
    page.reload(wait_until="commit")
    expect(aside).to_contain_text(f"Face {first}: skipped")
    page.unroute(f"**/faces/{first}/skip")
    aside.get_by_role("button", name="Try again").click()
    expect(aside).to_be_hidden()
    all_stored(page)
    with connect(home, read_only=True) as db:
        assert db.execute("SELECT 1 FROM skips WHERE face_id = ?", [first]).fetchone()


def test_what_is_said_of_a_face_whose_label_was_put_aside_stands_on_it(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    page.route("**/annotations", lambda route: route.fulfill(status=500))
    page.keyboard.press("2")
    aside = page.locator(".aside[role=alert]")
    expect(aside).to_contain_text(f"Face {first}: masked.")
    page.unroute("**/annotations")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("3")
    expect(aside).to_contain_text(f"Face {first}: masked and 1 more action.")
    aside.get_by_role("button", name="Try again").click()
    all_stored(page)
    assert [mask for _, _, mask in story_of(home, first)] == ["masked", "incorrect"]


def test_a_skip_that_is_given_up_leaves_its_face_open(page: Page, unused: Iterator[int]) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    page.route(f"**/faces/{first}/skip", lambda route: route.fulfill(status=500))
    page.keyboard.press("Space")
    page.locator(".aside[role=alert]").get_by_role("button", name="Give it up").click()
    expect(page.locator(".message")).to_contain_text(f"Not stored: Face {first}: skipped.")
    page.unroute(f"**/faces/{first}/skip")
    page.keyboard.press("2")
    sees(page, first)  # it comes again
    all_stored(page)


def test_what_was_kept_aside_can_be_given_up(page: Page, unused: Iterator[int]) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    page.route("**/annotations", lambda route: route.fulfill(status=500))
    page.keyboard.press("2")
    aside = page.locator(".aside[role=alert]")
    expect(aside).to_contain_text("the server answered 500")
    aside.get_by_role("button", name="Give it up").click()
    expect(aside).to_be_hidden()
    expect(page.locator(".message")).to_contain_text(f"Not stored: Face {first}: masked.")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".people")).to_have_text("Nobody has labelled this face.")
    all_stored(page)


#: Busy or restarting; then somebody else at the studio's address: a login page, a proxy, a program.
NOT_FROM_THE_STUDIO: list[dict[str, Any]] = [
    {"status": status, "content_type": "text/html", "body": "<h1>Log in</h1>"}
    for status in (401, 429, 502, 503, 504, 200, 400, 403, 404, 405)
]
NOT_FROM_THE_STUDIO += [
    {"status": 404, "content_type": "text/plain", "body": "404 page not found"},
    {"status": 404, "json": {"detail": "Not Found"}},
]


def test_a_label_waits_until_it_is_the_studio_that_answers(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    answers = [*NOT_FROM_THE_STUDIO]

    def answer(route: Route) -> None:
        if answers:
            route.fulfill(**answers.pop(0))
        else:
            route.continue_()

    page.route("**/annotations", answer)
    page.keyboard.press("2")
    words = re.compile(r"The server or a proxy answered \d+ “.+”: 1 label waits here")
    expect(page.locator(".storage")).to_contain_text(words)
    wait_for(lambda: page.evaluate("dispatchEvent(new Event('online'))") and not answers)
    all_stored(page)
    assert said_of(home, first).mask == MaskLabel.MASKED


#: What a proxy answers, and what a person reads of it.
PROXIES: dict[str, tuple[dict[str, Any], str]] = {
    "too large": (
        {
            "status": 413,
            "content_type": "text/html",
            "body": "<html><head><title>413 Request Entity Too Large</title></head><body>"
            "<center><h1>413 Request Entity Too Large</h1></center><hr><center>nginx</center>",
        },
        "413 “Request Entity Too Large nginx”",
    ),
    "a page that would run": (
        {
            "status": 403,
            "content_type": "text/html",
            "body": "<style>p { color: red }</style><script>window.hasRun = 1</script>"
            "<h1>Access denied</h1><p>ask &lt;b&gt;IT<img src=x onerror='window.hasRun = 1'>"
            + "<p>and wait"
            * 200,
        },
        f"403 “{('Access denied ask <b>IT' + ' and wait' * 20)[:100]}…”",
    ),
    "the studio's own form": (
        {
            "status": 403,
            "content_type": "application/problem+json",
            "body": '{"type": "about:blank", "status": 403, "title": "blocked by the gateway"}',
        },
        "403 “blocked by the gateway”",
    ),
    "no words": ({"status": 429}, "429 “Too Many Requests”"),
}


@pytest.mark.parametrize(("answer", "words"), PROXIES.values(), ids=PROXIES)
def test_a_proxys_words_are_shown_and_labels_arrive_once_it_lets_them_through(
    page: Page, home: Home, unused: Iterator[int], answer: dict[str, Any], words: str
) -> None:
    faces = some(unused, 4)
    review(page, faces)
    arrived: list[int] = []

    def refuse(route: Route) -> None:
        if not arrived:  # the studio has the first label, and the page is told otherwise
            arrived.append(route.fetch().status)
        route.fulfill(**answer)

    page.route("**/annotations", refuse)
    for key in "123":
        page.keyboard.press(key)
    storage = page.locator(".storage")
    told = f"⚠ The server or a proxy answered {words}: 3 labels wait here and will be sent"
    expect(storage).to_have_text(told)
    page.on("dialog", lambda dialog: dialog.accept())  # "leave with labels unsent?"
    page.reload(wait_until="commit")
    expect(storage).to_have_text(told)
    assert storage.evaluate("line => line.childElementCount") == 0
    assert page.evaluate("window.hasRun") is None
    page.unroute("**/annotations")
    all_stored(page)
    assert arrived == [200]
    assert [[mask for _, _, mask in story_of(home, face)] for face in faces] == [
        ["unmasked"],
        ["masked"],
        ["incorrect"],
        [],
    ]


def test_a_label_is_sent_again_when_the_answer_asks_for_it(
    page: Page, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    tries_s: list[float] = []

    def answer(route: Route) -> None:
        tries_s.append(time.monotonic())
        if len(tries_s) == 1:
            route.fulfill(status=429, headers={"retry-after": "3"})
        else:
            route.continue_()

    page.route("**/annotations", answer)
    page.keyboard.press("2")
    all_stored(page)
    assert tries_s[1] - tries_s[0] > 2.5


def test_a_label_waits_while_the_demo_alone_is_served(
    page: Page, address: str, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    nowhere = f"{address}/api/v1/nowhere"  # there all of the studio's routes are like this one
    page.route("**/annotations", lambda route: route.continue_(url=nowhere))
    page.keyboard.press("2")
    words = "answered 404 “there is no /api/v1/nowhere; /api/ lists what there is”: 1 label waits"
    expect(page.locator(".storage")).to_contain_text(words)
    page.unroute("**/annotations")
    all_stored(page)
    assert said_of(home, first).mask == MaskLabel.MASKED


def test_what_the_studio_refuses_does_not_wait(
    page: Page, address: str, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    unknown = f"{address}/api/v1/faces/9999/flag"
    page.route("**/flag", lambda route: route.continue_(url=unknown))
    page.keyboard.press("g")
    expect(page.locator(".message")).to_contain_text(f"Not stored: Face {first}: flagged.")
    all_stored(page)


def test_a_page_keeps_the_name_it_was_opened_under(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    """The name is a cookie, and another tab may change it at any time."""
    first, second, third = some(unused, 3)
    page.context.request.post("/api/v1/me", form={"annotator": "carl"})
    review(page, [first, second])
    page.keyboard.press("2")
    all_stored(page)
    with page.context.new_page() as tab:
        tab.set_default_timeout(PATIENCE_MS)
        tab.goto(f"/review?order=newest&face_ids={third}", wait_until="commit")
        call_oneself(tab, "dora")
        expect(tab.locator(f".review[data-face='{third}'][data-ready='1']")).to_be_visible()
        page.bring_to_front()  # a tab that is not seen does not paint, and labels nothing
        page.keyboard.press("3")  # carl's page still says that it is carl's
        all_stored(page)
        tab.bring_to_front()
        tab.keyboard.press("1")
        all_stored(tab)
    assert story_of(home, first) == [("carl", "label", "masked")]
    assert story_of(home, second) == [("carl", "label", "incorrect")]
    assert story_of(home, third) == [("dora", "label", "unmasked")]


def test_labels_that_wait_are_never_sent_for_somebody_else(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second, third = some(unused, 3)
    page.context.request.post("/api/v1/me", form={"annotator": "carl"})
    review(page, [first, second])
    page.route("**/annotations", lambda route: route.abort())
    page.keyboard.press("2")
    expect(page.locator(".storage")).to_contain_text("1 label waits here")
    page.on("dialog", lambda dialog: dialog.accept())  # "leave with labels unsent?"
    call_oneself(page, "dora")
    page.unroute("**/annotations")
    review(page, [third])
    page.keyboard.press("1")
    all_stored(page)
    assert not [one for one in story_of(home, first) if one[0] == "carl"]
    call_oneself(page, "carl")
    wait_for(lambda: ("carl", "label", "masked") in story_of(home, first))
    all_stored(page)


def call_oneself(page: Page, name: str) -> None:
    """Take over by the form on the page."""
    page.get_by_role("button", name=re.compile("^You are")).click()
    page.get_by_label("Who is working here?").fill(name)
    page.get_by_role("button", name="This is me").click()
    expect(page.get_by_role("button", name=f"You are {name}")).to_be_visible()


def test_faces_of_a_tab_that_is_gone_come_back_to_the_same_person(
    browser: Browser, address: str, unused: Iterator[int]
) -> None:
    faces = some(unused, 2)
    with colleague(browser, address, "bob") as lost:
        review(lost, faces)
        sees(lost, faces[0])  # and ends without a word, as in a crash
    with colleague(browser, address, "bob") as again:
        review(again, faces)
        sees(again, faces[0])


def test_two_tabs_of_one_person_never_show_the_same_face(page: Page, unused: Iterator[int]) -> None:
    faces = some(unused, 2)
    review(page, faces)
    with page.context.new_page() as other:
        other.set_default_timeout(PATIENCE_MS)
        gets_faces_only_when_they_are_given_back(other, page, faces)


def test_two_people_never_get_the_same_face(
    browser: Browser, page: Page, address: str, unused: Iterator[int]
) -> None:
    faces = some(unused, 2)
    review(page, faces)
    with colleague(browser, address, "bob") as other:
        gets_faces_only_when_they_are_given_back(other, page, faces)


def gets_faces_only_when_they_are_given_back(other: Page, holder: Page, faces: list[int]) -> None:
    ids = ",".join(map(str, faces))
    other.goto(f"/review?order=newest&face_ids={ids}", wait_until="commit")
    expect(other.locator(".notice")).to_have_text("No face waits in this queue.")
    holder.goto("/data", wait_until="commit")  # leaving gives the faces back
    holder.wait_for_selector("h1")
    other.locator(".message button", has_text="Look again").click()
    sees(other, faces[0])


def test_blind_shows_no_opinion_before_the_decision(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    label_as(home, "bob", first, MaskLabel.INCORRECT)
    review(page, [first, second], blind="true")
    expect(page.locator(".people")).to_have_text("Blind: what do you see?")
    expect(page.locator(".said tbody tr")).to_have_count(0)
    expect(page.locator("[data-action=accept]")).to_be_disabled()
    page.keyboard.press("Enter")
    assert on_screen(page) == first
    page.keyboard.press("2")
    sees(page, second)
    expect(page.locator(".last")).to_contain_text("student")
    expect(page.locator(".people")).to_have_text("Blind: what do you see?")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".said tbody tr")).to_have_count(1)
    assert said_of(home, first).mask == MaskLabel.MASKED


def test_what_others_say_comes_too_late_for_a_decision_that_was_taken_back(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second], blind="true")
    held: list[Route] = []
    page.route("**/queue/faces*", lambda route: held.append(route))
    page.keyboard.press("2")
    sees(page, second)
    page.keyboard.press("Backspace")
    sees(page, first)
    wait_for(lambda: page.evaluate("1") and held)
    with page.expect_event("requestfinished", lambda sent: "/queue/faces" in sent.url):
        held[0].continue_()
    page.unroute("**/queue/faces*")
    all_stored(page)
    expect(page.locator(".people")).to_have_text("Blind: what do you see?")
    page.keyboard.press("1")
    sees(page, second)
    expect(page.locator(".last")).to_contain_text("student")
    all_stored(page)
    assert [mask for _, _, mask in story_of(home, first)] == ["masked", None, "unmasked"]


def test_a_second_opinion_is_kept_beside_the_label(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    (face,) = some(unused, 1)
    label_as(home, "bob", face, MaskLabel.INCORRECT)
    review(page, [face], second_opinion="true")
    page.keyboard.press("2")
    expect(page.locator(".notice")).to_contain_text("No more faces in this queue")
    all_stored(page)
    assert said_of(home, face).mask == MaskLabel.INCORRECT
    with connect(home, read_only=True) as db:
        (row,) = db.query("SELECT mask_label, verdict, blind FROM reviews")
    assert row == {"mask_label": "masked", "verdict": "disagree", "blind": 1}


def test_the_last_opinion_counts_though_the_label_has_changed_meanwhile(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    (face,) = some(unused, 1)
    label_as(home, "bob", face, MaskLabel.INCORRECT)
    review(page, [face], second_opinion="true")
    page.route("**/opinions", lambda route: route.abort())
    page.keyboard.press("2")
    page.keyboard.press("Backspace")
    page.keyboard.press("1")
    expect(page.locator(".storage")).to_contain_text("2 labels wait here")
    label_as(home, "bob", face, MaskLabel.MASKED, version=1)
    page.unroute("**/opinions")
    all_stored(page)
    with connect(home, read_only=True) as db:
        said = [one.opinion.mask for one in present_reviews(db, [face])]
        told = [one.opinion.mask for one in reviews_of_face(db, face)]
    assert said == [MaskLabel.UNMASKED]
    assert told == [MaskLabel.MASKED, MaskLabel.UNMASKED]


def test_a_pose_is_corrected_and_stored_like_a_label(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    page.keyboard.press("p")
    yaw = page.get_by_role("slider", name="yaw")
    before = int(yaw.input_value())
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert int(yaw.input_value()) < before  # the nose goes right: yaw falls
    for name, angle in (("yaw", 20), ("pitch", -10), ("roll", 5)):
        page.get_by_role("slider", name=name).fill(str(angle))
    expect(page.locator(".pose-note")).to_contain_text("Set by you")
    page.keyboard.press("l")  # nose right by two degrees, about the viewer's upright axis
    shown = int(yaw.input_value())
    assert shown in (18, 19)
    page.keyboard.press("2")
    sees(page, second)
    page.keyboard.press("2")  # not touched: the student's pose is confirmed
    all_stored(page)
    label = said_of(home, first)
    assert label.mask == MaskLabel.MASKED and round(label.pose.yaw_deg) == shown
    assert label.pose.pitch_deg == pytest.approx(-10, abs=1.5)
    assert label.pose.roll_deg == pytest.approx(5, abs=1.5)
    with connect(home, read_only=True) as db:
        row = db.query(
            f"SELECT yaw_deg, pitch_deg, roll_deg FROM predictions WHERE face_id = {second}"
        )
        assert said_of(home, second).pose == HeadPose(**next(row))


def test_the_page_turns_heads_as_the_networks_do(page: Page) -> None:
    page.goto("/review", wait_until="commit")
    page.wait_for_selector(".review")
    angles_deg = np.random.default_rng(1).uniform(-80, 80, (20, 3))
    poses = [head_pose(*angles) for angles in angles_deg]
    found = page.evaluate(
        """async (poses) => {
          const { axesOf, poseOf, rotationOf } = await import("/components/review/pose.js");
          return poses.map((pose) => [rotationOf(pose), axesOf(pose), poseOf(rotationOf(pose))]);
        }""",
        [asdict(pose) for pose in poses],
    )
    for pose, (rotation, axes, back) in zip(poses, found, strict=True):
        expected = rotation_from_euler(pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        np.testing.assert_allclose(rotation, expected, atol=1e-12)
        np.testing.assert_allclose(axes, axes_in_image([pose])[0], atol=1e-12)
        assert back == pytest.approx(asdict(pose))


def test_keys_can_be_changed_and_are_remembered(
    page: Page, home: Home, unused: Iterator[int]
) -> None:
    first, second = some(unused, 2)
    review(page, [first, second])
    page.keyboard.press("?")
    dialog = page.locator("dialog.keys")
    dialog.locator("[data-action=masked]").click()
    page.keyboard.press("x")
    expect(dialog.locator(".objection")).to_have_text("X is “reject” already")
    dialog.locator("[data-action=masked]").click()
    page.keyboard.press("m")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.reload(wait_until="commit")
    sees(page, first)
    expect(page.locator(".labels [data-action=masked] kbd")).to_have_text("M")
    page.keyboard.press("2")
    page.keyboard.press("m")
    sees(page, second)
    all_stored(page)
    assert said_of(home, first).mask == MaskLabel.MASKED


def test_a_session_of_some_size_ends_and_is_continued_later(
    page: Page, unused: Iterator[int]
) -> None:
    faces = some(unused, 3)
    ids = ",".join(map(str, faces))
    page.goto(f"/review?order=newest&size=2&face_ids={ids}", wait_until="commit")
    sees(page, faces[0])
    page.keyboard.press("1")
    expect(page.locator(".progress")).to_contain_text("Session: 1 of 2")
    all_stored(page)
    page.reload(wait_until="commit")
    expect(page.locator(".progress")).to_contain_text("Session: 1 of 2")


@pytest.mark.parametrize("size", [(390, 844), (1600, 900)], ids=["phone", "wide"])
def test_nothing_sticks_out_sideways(
    browser: Browser, address: str, unused: Iterator[int], size: tuple[int, int]
) -> None:
    with open_page(browser, address, size=size, colors="dark") as page:
        review(page, some(unused, 1))
        page.keyboard.press("p")
        page.keyboard.press("f")
        expect(page.locator(".photo .frame")).to_be_visible()
        width_px = page.evaluate("document.documentElement.scrollWidth")
        assert width_px <= size[0]


def test_real_photos_are_reviewed_with_their_boxes(
    browser: Browser, shared_data: Path, tmp_path: Path
) -> None:
    home = open_home(tmp_path / "home")
    ids = add_photos(home, shared_data / "photos", 3)
    with running_pages(home.root) as address, open_page(browser, address) as page:
        review(page, sorted(ids, reverse=True))
        page.keyboard.press("f")
        frame = page.locator(".photo .frame")
        expect(frame).to_be_visible()
        assert re.fullmatch(r"[\d.]+%", frame.evaluate("node => node.style.left"))
        page.keyboard.press("2")
        all_stored(page)
        assert said_of(home, max(ids)).mask == MaskLabel.MASKED


def add_photos(home: Home, folder: Path, count: int) -> list[int]:
    """The faces of the first photos."""
    boxes: dict[str, list[FaceBox]] = {}
    with (folder / "boxes.csv").open() as file:
        for row in csv.DictReader(file):
            sides = (float(row[name]) for name in ("x", "y", "width", "height"))
            boxes.setdefault(row["file"], []).append(FaceBox(*sides))
    ids = []
    with connect(home) as db:
        for name, found in islice(boxes.items(), count):
            height_px, width_px = read_image(folder / name).shape[:2]
            image = add_image(
                db,
                home,
                (folder / name).read_bytes(),
                name=name,
                width_px=width_px,
                height_px=height_px,
            )
            ids += [face.id for face in add_faces(db, image.id, found, detector="dataset")]
    return ids
