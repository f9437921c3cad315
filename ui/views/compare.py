"""Models on the same faces: which is better, surely; which faces changed; what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st
from sqlite_utils import Database

from core.intervals import proportion_interval
from db import paired_answers
from db.filters import FaceFilter
from db.models import get_model
from db.paired_answers import Flip, Triple
from ui import face_jobs, stored_faces
from ui.dashboard import Chart, current_look, face_links, show_chart, show_faces
from ui.dashboard_source import about_learned_faces, choose_part, counted
from ui.figures import model_differences
from ui.figures.model_differences import Difference, ModelCost
from ui.job_panel import device_choice, follow, start_button
from ui.studio import Studio, current_studio

#: Faces that a link to the grid may name.
_LINKED = 500
_PICTURES = 8
_FLIPS: dict[Flip, str] = {"now right": "Now right", "now wrong": "Now wrong"}


def show() -> None:
    studio = current_studio()
    st.title("Compare models", anchor=False)
    names = counted(paired_answers.answering_models, studio.home)
    if len(names) < 2:
        _empty(studio, names)
        return
    chosen = st.multiselect(
        "Models",
        names,
        default=names[:2],
        key="compare",
        bind="query-params",
        help="The first is what the others are compared with.",
    )
    faces = choose_part(studio.home)
    if len(chosen) < 2:
        st.caption("Choose two models or more.")
    else:
        st.caption(
            f"{about_learned_faces(studio.home)} *Models* compares a new student with the champion"
            " on held-out faces alone."
        )
        for second in chosen[1:]:
            _pair(studio, chosen[0], second, faces)
        _cost(studio, chosen, faces)
    with st.expander("Let models answer more faces"):
        _answer(studio)


def count_ahead(studio: Studio) -> None:
    """For ``ui.pages_ahead``."""
    names = counted(paired_answers.answering_models, studio.home)
    if len(names) > 1:
        counted(paired_answers.mask_answers, studio.home, *names[:2], filter=FaceFilter())


def _empty(studio: Studio, names: Sequence[str]) -> None:
    st.info(
        "**Here two or more models are compared on the very same faces**: what is better and how "
        "surely, which faces flipped, what speed and size it costs. "
        f"{len(names)} model{'s have' if len(names) != 1 else ' has'} answered stored faces so "
        "far; let at least two answer the same ones.",
        icon=":material/compare_arrows:",
    )
    _answer(studio)


def _answer(studio: Studio) -> None:
    models = [model.name for model in face_jobs.registered(studio)]
    chosen = st.multiselect("Who answers", models, default=models[:2], key="answering")
    device = device_choice("answer-device")
    start_button(
        "Answer the labelled faces they have not seen",
        lambda: face_jobs.let_answer(studio, chosen, device),
        key="answer-start",
        disabled=not chosen,
    )
    follow(studio, "answer")


def _pair(studio: Studio, first: str, second: str, faces: FaceFilter) -> None:
    """What changes when the second answers in place of the first."""
    triples = counted(paired_answers.mask_answers, studio.home, first, second, filter=faces)
    masks = _mask_differences(tuple(triples.items())) if triples else []
    _difference("mask", masks, first, second, faces)
    errors = counted(paired_answers.pose_answers, studio.home, first, second, filter=faces)
    poses = model_differences.pose_difference(errors)
    _difference("pose", poses, first, second, faces)
    if not (masks or poses):
        st.caption(f"{first} and {second} have no such labelled face in common yet.")
    if triples:
        for flip in _FLIPS:
            ids = counted(_flipped_ids, studio.home, first, second, flip, faces)
            _flipped(studio, second, flip, _flipped_count(triples, flip), ids)


def _difference(
    task: str, found: Sequence[Difference], first: str, second: str, faces: FaceFilter
) -> None:
    if found:
        look = current_look()
        show_chart(
            Chart(
                key=f"{task}-{second}",
                figure=model_differences.difference_chart(found, first, second, look, faces),
                numbers=partial(model_differences.difference_numbers, found),
            )
        )


def _flipped(studio: Studio, second: str, flip: Flip, n: int, ids: Sequence[int]) -> None:
    """The ``n`` faces that one of the two alone gets right; ``ids``: the surest of them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        shown = f", the surest {len(ids):,} of them behind the links" if n > len(ids) else ""
        st.markdown(f"**{_FLIPS[flip]} with {second}: {n:,} faces**{shown}")
        if ids:
            face_links(FaceFilter(face_ids=tuple(ids)), "newest")
    if ids:
        show_faces(studio, stored_faces.faces_by_id(studio, ids[:_PICTURES]))


def _cost(studio: Studio, models: Sequence[str], faces: FaceFilter) -> None:
    costs = counted(_costs, studio.home, tuple(models), faces, str(studio.home.root))
    show_chart(
        Chart(
            key="cost",
            figure=model_differences.cost_chart(costs, current_look(), faces),
            numbers=partial(model_differences.cost_numbers, costs),
        )
    )


@st.cache_data(max_entries=60, show_spinner=False)
def _mask_differences(triples: tuple[tuple[Triple, int], ...]) -> list[Difference]:
    return model_differences.mask_differences(dict(triples))


def _flipped_ids(db: Database, first: str, second: str, flip: Flip, faces: FaceFilter) -> list[int]:
    return paired_answers.flipped_faces(db, first, second, flip, filter=faces, limit=_LINKED)


def _flipped_count(triples: Mapping[Triple, int], flip: Flip) -> int:
    gains = flip == "now right"
    return sum(
        n for (label, a, b), n in triples.items() if (a is label, b is label) == (not gains, gains)
    )


def _costs(db: Database, models: Sequence[str], faces: FaceFilter, root: str) -> list[ModelCost]:
    n, hits = paired_answers.accuracies(db, models, filter=faces)
    latencies = paired_answers.latencies_ms(db, models)
    return [
        ModelCost(
            model=name,
            role=get_model(db, name).kind.replace("_", " "),
            n=n,
            accuracy=hit / n if n else None,
            accuracy_ci95=proportion_interval(hit, n),
            latency_ms=latencies.get(name),
            size_mb=face_jobs.size_mb(root, get_model(db, name)),
        )
        for name, hit in zip(models, hits, strict=True)
    ]
