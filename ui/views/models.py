"""The registry: who serves, what challenges it, and one click to promote or to go back."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from db.errors import StudioError
from db.models import Model
from ui import registry as registries
from ui.model_files import why_not_servable
from ui.plain import plain
from ui.studio import Studio, current_studio

_VERDICTS = {
    "promoted": "Promoted: nowhere worse than tolerated.",
    "person": "A person has to decide: the figures do not tell.",
    "rejected": "Rejected: surely worse.",
}

_CHANGES = {
    "mask better": "Mask now right",
    "mask worse": "Mask now wrong",
    "pose better": "Pose better",
    "pose worse": "Pose worse",
    "pose turned": "Pose turned, unlabelled",
}


def show() -> None:
    studio = current_studio()
    st.title("Models", anchor=False)
    registry = registries.registry(studio)
    if not registry.students:
        st.info("No student is registered yet.")
        return
    _roll_back(studio, registry)
    picked = st.dataframe(
        _table(registry),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="models",
    )
    rows = picked.selection.rows
    default = registry.in_use.get("challenger", registry.students[0])
    model = registry.students[rows[0]] if rows else default
    _model(studio, registry, model)
    with st.expander("Every change of the serving model"):
        st.dataframe(_history(registry), hide_index=True)


def _table(registry: registries.Registry) -> pd.DataFrame:
    students = registry.students
    return pd.DataFrame(
        {
            "serves as": [registry.alias_of(model) for model in students],
            "model": [model.name for model in students],
            "recipe": [model.recipe for model in students],
            "run": ["" if model.run_id is None else str(model.run_id) for model in students],
            "registered": [_when(model.created_at) for model in students],
            "licence": [model.licence or "" for model in students],
        }
    )


def _roll_back(studio: Studio, registry: registries.Registry) -> None:
    champion, previous = (registry.in_use.get(alias) for alias in ("champion", "previous"))
    _follow(studio, champion)
    if previous is None or why_not_servable(studio.home, previous):
        return
    if st.button(f"Roll back to {previous.name}", icon=":material/undo:"):
        _do(
            lambda: registries.roll_back_champion(studio, _who(studio)),
            f"{previous.name} is the champion again.",
        )


@st.fragment(run_every=3.0)
def _follow(studio: Studio, shown: Model | None) -> None:
    """Who answers now; when somebody else changes that, this page changes, too."""
    champion = registries.registry(studio).in_use.get("champion")
    if champion != shown:
        st.rerun()
    if champion:
        st.markdown(registries.who_answers(studio, champion))


def _model(studio: Studio, registry: registries.Registry, model: Model) -> None:
    st.subheader(model.name, anchor=False)
    report = model.metrics.get("report")
    if report:
        decision = report["decision"]
        st.markdown(f"**{_VERDICTS[decision['verdict']]}** Compared with `{report['champion']}`:")
        for reason in decision["reasons"]:
            st.markdown(f"- {reason}")
        _before_and_after(report)
        _changed(studio, model)
    if registry.alias_of(model) == "champion":
        return
    if fault := why_not_servable(studio.home, model):
        st.caption(f"{plain(fault)}.")
        return
    rejected = bool(report) and report["decision"]["verdict"] == "rejected"
    title = f"Promote {model.name}{' although it was rejected' * rejected}"
    if st.button(title, icon=":material/upgrade:"):
        _do(
            lambda: registries.promote_model(studio, model.name, _who(studio)),
            f"{model.name} is the champion now.",
        )


#: Columns with two digits after the point, zeros too.
_MEASURED = ("champion", "challenger", "change")


def _before_and_after(report: dict) -> None:
    """What was known before and is now, on whole benchmarks; classes and ranges are folded."""
    table = _comparisons(report)
    whole = table["part"] == "all"
    st.caption("Less is better, everywhere. A change below 0 is an improvement.")
    columns = {name: st.column_config.NumberColumn(format="%.2f") for name in _MEASURED}
    st.dataframe(table[whole].drop(columns="part"), hide_index=True, column_config=columns)
    if not whole.all():
        with st.expander("By mask class and by how far the head is turned"):
            st.dataframe(table[~whole], hide_index=True, column_config=columns)


def _comparisons(report: dict) -> pd.DataFrame:
    """One row a figure; mask errors in %, poses in degrees; a negative change is better."""
    rows = report["comparisons"]
    factor = [100 if row["figure"] == "mask error" else 1 for row in rows]
    return pd.DataFrame(
        {
            "figure": [row["figure"] for row in rows],
            "unit": ["%" if f == 100 else "°" for f in factor],
            "on": [row["benchmark"] for row in rows],
            "part": [row["part"] or "all" for row in rows],
            "faces": [row["n"] for row in rows],
            # Faces of one photo count once. Reports of older trainings do not say.
            "origins": [row.get("origins") for row in rows],
            **{
                name: [round(f * row[name], 2) for f, row in zip(factor, rows, strict=True)]
                for name in ("champion", "challenger")
            },
            "change": [round(f * row["worse"], 2) for f, row in zip(factor, rows, strict=True)],
            "95 % interval": [
                _interval(row["worse_ci95"], f) for f, row in zip(factor, rows, strict=True)
            ],
        }
    )


def _interval(interval: list[float] | None, factor: int) -> str:
    return f"{factor * interval[0]:+.2f} … {factor * interval[1]:+.2f}" if interval else ""


def _changed(studio: Studio, model: Model) -> None:
    """Faces on which the two models differ, in a tab for each kind of change that occurred."""
    found = {kind: registries.changed_faces(studio, model, kind) for kind in _CHANGES}
    kinds = [kind for kind in _CHANGES if found[kind]]
    if not kinds:
        return
    st.markdown("**Faces that changed**")
    for tab, kind in zip(st.tabs([_CHANGES[kind] for kind in kinds]), kinds, strict=True):
        if kind.startswith("pose"):
            tab.caption(
                f"Left: as {model.metrics['report']['champion']} sees it; right: as this model."
            )
        pictures, texts = zip(*found[kind], strict=True)
        tab.image(
            list(pictures), caption=list(texts), width=240 if kind.startswith("pose") else 120
        )


def _history(registry: registries.Registry) -> pd.DataFrame:
    history = registry.history
    return pd.DataFrame(
        {
            "when": [_when(change.created_at) for change in history],
            "alias": [change.alias for change in history],
            "model": [change.model or "nobody" for change in history],
            "by": [change.changed_by for change in history],
            "why": [change.reason for change in history],
        }
    )


def _when(moment: str) -> str:
    """By the server's clock, so that it sorts as text, too; the database keeps UTC."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


def _do(action, done: str) -> None:
    """Carry out a click, say how it went, and show the new state."""
    try:
        action()
    except StudioError as error:
        st.error(plain(error))
    else:
        st.toast(done)
        st.rerun()


def _who(studio: Studio) -> str:
    return studio.who(st.context.headers)
