"""Which faces a dashboard is about, and their numbers: this studio's, or the bundled sample's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st
from sqlite_utils import Database
from streamlit.runtime.scriptrunner import get_script_run_ctx

from db.champion_states import answering_students
from db.database import connect, snapshot
from db.filters import FaceFilter
from db.home import Home
from db.images import SPLITS, list_sources
from db.models import model_in_use
from db.splits import BySplit, has_splits
from db.unreadable_faces import unreadable_faces
from ui import face_jobs
from ui.job_panel import device_choice, follow, start_button
from ui.sample_evaluation import sample_home
from ui.studio import Studio, current_studio

Counted = TypeVar("Counted")
Stamp = tuple[tuple[int, int], ...]
_ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a page's numbers come from: this studio, or the bundled sample where it is empty."""

    home: Home
    is_sample: bool


def choose_source(studio: Studio, has_numbers: Callable[[Database], bool], what: str) -> Source:
    """The studio if it has numbers for the page; else the sample, which says so.

    ``what`` is missing: ``labelled faces that the student has judged``.
    """
    with connect(studio.home, read_only=True) as db:
        if has_numbers(db):
            return Source(home=studio.home, is_sample=False)
    st.info(
        f"**A sample, to show what this page will tell.** There are no {what} here yet. Until then"
        " you see the answers of the student that comes with the program to 4,671 research faces"
        " that it never learned from: numbers alone, no pictures. Label some faces, and the page is"
        " about yours.",
        icon=":material/science:",
    )
    with st.container(horizontal=True):
        for page, label in (("try", "Add photos"), ("review", "Label faces")):
            if page in st.session_state["pages"]:
                st.page_link(st.session_state["pages"][page], label=label)
    return Source(home=sample_home(), is_sample=True)


def choose_faces(source: Source) -> FaceFilter:
    """Which part of the faces the serving student is shown on; where it is not its answers that
    are counted, whose they are."""
    if source.is_sample:
        return FaceFilter()
    faces = choose_part(source.home)
    _say_who_answered(source.home, faces)
    return faces


def choose_part(home: Home) -> FaceFilter:
    """The page's own question, which stays in its address: which part of the faces?"""
    sources = counted(list_sources, home)
    name = split = _ALL
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if len(sources) > 1:
            name = st.selectbox(
                "Source", [_ALL, *sources], key="of-source", bind="query-params", width=220
            )
        if counted(has_splits, home):
            split = st.segmented_control(
                "Split",
                [_ALL, *SPLITS],
                default=_ALL,
                required=True,
                key="of-split",
                bind="query-params",
                help="As the pictures were imported. Trainings leave out val and test; of all other"
                " pictures, also those without a split, they learn from four origins in five.",
            )
    return FaceFilter(source=None if name == _ALL else name, split=None if split == _ALL else split)


def about_learned_faces(home: Home) -> str:
    """A warning in Markdown that every figure of a retrained student needs."""
    if counted(has_splits, home):
        return (
            "Faces that a student learned from flatter it: *test* and *val* above are those that"
            " no training here learned from."
        )
    return (
        "Faces that a student learned from flatter it, and trainings here learn from four labelled"
        " pictures in five."
    )


def _say_who_answered(home: Home, faces: FaceFilter) -> None:
    """After a promotion the new champion has not seen the faces that the old one answered."""
    champion = counted(model_in_use, home, alias="champion")
    answered = counted_of(answering_students, home, faces)
    if champion is None or not answered.keys() - {champion.name}:
        return
    others = Counter({name: n for name, n in answered.items() if name != champion.name})
    lost = others & _unreadable(home, faces)
    if waiting := others - lost:
        st.warning(
            f"**{waiting.total():,} of {sum(answered.values()):,} labelled faces here are still"
            f" answered by {_names(waiting)}**, not by the champion `{champion.name}`: the figures"
            " are those of the student that answered.",
            icon=":material/swap_horiz:",
        )
        _let_answer(champion.name)
    if lost:
        n = lost.total()
        st.caption(
            f"{n:,} labelled face{'s keep' if n > 1 else ' keeps'} the answer of {_names(lost)}:"
            f" {'their pictures' if n > 1 else 'its picture'} cannot be read. Add the same again,"
            " and all is as before; `python launch.py check` names what is missing or damaged."
        )


def _unreadable(home: Home, faces: FaceFilter) -> Counter[str]:
    """By student: the labelled faces that it answered and nobody can now."""
    with connect(home, read_only=True) as db:
        found = tuple(unreadable_faces(db, home))
    return Counter(
        counted_of(answering_students, home, replace(faces, face_ids=found)) if found else {}
    )


def _let_answer(model: str) -> None:
    studio = current_studio()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        device = device_choice("champion-device")
        start_button(
            f"Let {model} answer them",
            lambda: face_jobs.let_answer(studio, [model], device),
            key="champion-answers",
        )
    follow(studio, "answer")


def _names(students: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(students))


def counted(read: Callable[..., Counted], home: Home, *given: Any, **named: Any) -> Counted:
    """What ``read(db, …)`` counts, read at one moment and kept until the database changes.

    A second caller, from whatever thread, waits for the first one's count.
    """
    name = f"{read.__module__}.{read.__qualname__}"
    is_on_page = get_script_run_ctx(suppress_warning=True) is not None
    kept = _kept if is_on_page else _kept_ahead
    return kept(name, str(home.root), _stamp(home), given, named, read)


def counted_of(
    read: Callable[[Database, FaceFilter], BySplit[Counted]], home: Home, faces: FaceFilter
) -> Counted:
    """What ``read`` counts of these faces. All splits are counted at once: the next is there."""
    return counted(read, home, replace(faces, split=None))[faces.split]


def _read_anew(
    name: str, root: str, stamp: Stamp, given: tuple[Any, ...], named: dict[str, Any], _read: Any
) -> Any:
    with connect(Home.at(Path(root)), read_only=True) as db, snapshot(db):
        return _read(db, *given, **named)


#: Two ways into one cache, which belongs to the function: other threads have no page for a spinner.
_kept = st.cache_data(max_entries=60, show_spinner="Counting …")(_read_anew)
_kept_ahead = st.cache_data(max_entries=60, show_spinner=False)(_read_anew)


def _stamp(home: Home) -> Stamp:
    """Changes with every commit: time and size of the database and of its log, unless that is
    empty, as reading alone makes it."""
    files = (home.database_path, home.database_path.with_name(f"{home.database_path.name}-wal"))
    states = [file.stat() if file.exists() else None for file in files]
    return tuple(
        (state.st_mtime_ns, state.st_size) if state and state.st_size else (0, 0)
        for state in states
    )
