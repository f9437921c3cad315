"""The studio's pages, listed once: the shell, the demo's header and the home page read this.

A new page is a line here and a module of ``ui.views`` with a function ``show``.
"""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """``path`` is its address and, with few exceptions, its module; ``does`` invites to it."""

    path: str
    title: str
    icon: str
    does: str
    view: str = ""

    @property
    def module(self) -> str:
        return f"ui.views.{self.view or self.path}"

    @property
    def address(self) -> str:
        return "/" if self is HOME else f"/{self.path}"


HOME = Page("home", "Home", "home", "")
DEMO = Page(
    "try", "Demo", "photo_camera", "Photos, camera or video: every face is answered.", "demo"
)
#: In the order of the navigation; the first is the start page.
PAGES = (
    HOME,
    DEMO,
    Page("review", "Review", "fact_check", "One click or key for each label, with undo."),
    Page("grid", "Grid", "grid_view", "Thousands of faces: select many, label them with one key."),
    Page("train", "Train", "model_training", "The student learns from your corrections."),
    Page("models", "Models", "inventory_2", "Every student and teacher; choose who answers."),
    Page("data", "Data", "database", "Every kept photo: who said what, and when."),
)
#: What several people said, compared; in a menu of their own.
CHECKS = (
    Page("agreement", "Agreement", "handshake", "How far people agree, and where they do not."),
    Page("adjudicate", "Disagreements", "balance", "Two opinions on a face: decide."),
    Page(
        "label-errors", "Label errors", "rule", "Labels that look wrong, and why.", "label_errors"
    ),
)
#: Pages of figures, in a menu of their own.
DASHBOARDS = (
    Page("overview", "Overview", "monitoring", "How good the student is, and what to do next."),
    Page("mask-errors", "Mask errors", "masks", "Where the student errs on masks.", "mask_errors"),
    Page("pose-errors", "Pose errors", "3d_rotation", "Where it errs on poses.", "pose_errors"),
    Page("teachers", "Teacher against student", "school", "Where they differ; who was right."),
    Page("compare", "Compare models", "compare_arrows", "Which is better on the same faces."),
    Page("map", "Map of faces", "scatter_plot", "Alike faces side by side; a lasso.", "face_map"),
    Page("data-quality", "Data quality", "fact_check", "Balance, duplicates.", "data_quality"),
    Page("benchmarks", "Benchmarks", "leaderboard", "Measured beside what was published."),
)
#: Reached by links alone.
DETAILS = (Page("face", "Face", "history", "The history of one face."),)


class Menu(NamedTuple):
    """Pages under one name; ``does`` invites to them."""

    title: str
    icon: str
    does: str
    pages: tuple[Page, ...]


MENUS = (
    Menu("Check labels", "handshake", "What several people say of a face, compared.", CHECKS),
    Menu("Dashboards", "monitoring", "Where the student errs, and on which faces.", DASHBOARDS),
)


def entries() -> tuple[Page, ...]:
    """What a short navigation shows: the pages, and for each menu the way to its first page."""
    first = (
        menu.pages[0]._replace(title=menu.title, icon=menu.icon, does=menu.does) for menu in MENUS
    )
    return (*PAGES, *first)
