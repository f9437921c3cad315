"""Faces about which people disagree: all opinions side by side, and a decision by key."""

from __future__ import annotations

import streamlit as st

from core.faces import MASK_CLASSES, HeadPose
from db.adjudication import Case
from db.labels import KEEP, Change, Label, describe
from ui import actions, opinions, stored_faces
from ui.gestures import say_done, undo_button
from ui.model_words import model_lines
from ui.name_form import show_name
from ui.pictures import show_picture
from ui.plain import plain
from ui.studio import Studio, current_studio
from ui.views import face as face_page
from ui.when import local_time

_AHEAD = 200
_CROP_PX = 480
_POSITION = "adjudicate-position"
#: Key and label of each decision; the keys are those of the review page.
_DECISIONS = {str(n): Label(mask=mask) for n, mask in enumerate(MASK_CLASSES, 1)} | {
    "X": Label(rejected=True)
}


def show() -> None:
    studio = current_studio()
    st.title("Disagreements", anchor=False)
    who = show_name(studio, "/adjudicate")
    cases = opinions.cases(studio, _AHEAD)
    if not cases:
        st.success("Nothing is in dispute: all opinions agree, or somebody has decided.")
        undo_button()
        return
    position = st.session_state.get(_POSITION, 0) % len(cases)
    case = cases[position]
    total = opinions.number_of_cases(studio)
    st.markdown(f"**{total:,}** to settle · face {case.face_id}, {position + 1} of {len(cases)}")
    left, right = st.columns([2, 3], gap="large")
    with left:
        show_picture(
            lambda: stored_faces.crop_of_face(studio, case.face_id, _CROP_PX),
            alt=f"Face {case.face_id}",
        )
        _ways_on(studio, case)
    with right:
        _what_people_said(case, who)
        _decide(studio, case)
        _move()


def _ways_on(studio: Studio, case: Case) -> None:
    face_page.link(case.face_id, "History")
    if st.toggle("Show what models said", key="adjudicate-models"):
        for line in model_lines(stored_faces.face_story(studio, case.face_id).predictions):
            st.markdown(line)


def _what_people_said(case: Case, who: str) -> None:
    label = case.label
    st.markdown(_said(label.annotator, label.label, label.created_at, "gave the label"))
    for one in case.opinions:
        how = "without seeing the label" if one.blind else "having seen the label"
        st.markdown(_said(one.reviewer, one.opinion, one.created_at, how))
    if who in {label.annotator, *(one.reviewer for one in case.opinions)}:
        st.caption("One of these opinions is yours: better somebody else decides.")


def _said(who: str, label: Label, at: str, how: str) -> str:
    note = f"  \nNote: {plain(label.note)}" if label.note else ""
    when = local_time(at, st.context.timezone)
    said = describe(label) if label != Label() else "not sure"
    return f"{plain(who)} says **{said}**  \n:small[:gray[{how}, {when}]]{note}"


def _decide(studio: Studio, case: Case) -> None:
    """A button for everything that can be said; those that somebody said stand out."""
    pose = _pose(case)
    given = [case.label.label, *(one.opinion for one in case.opinions)]
    st.subheader("What is it?", anchor=False)
    with st.container(horizontal=True):
        for key, decision in _DECISIONS.items():
            stands_out = any(_same_class(decision, one) for one in given)
            st.button(
                describe(decision),
                key=f"decide-{case.face_id}-{case.label.version}-{key}",
                shortcut=key,
                type="primary" if stands_out else "secondary",
                on_click=_settle,
                args=(studio, case, decision, pose),
            )
    st.text_input("Why (kept with the decision)", key=_note_key(case), max_chars=500)


def _pose(case: Case) -> HeadPose | None:
    """The pose to keep: asked where people gave several."""
    given = [(case.label.annotator, case.label.label.pose)]
    given += [(one.reviewer, one.opinion.pose) for one in case.opinions]
    poses = {pose: who for who, pose in reversed(given) if pose}
    if len(poses) < 2:
        return next(iter(poses), None)
    return st.radio(
        "Whose pose?",
        list(reversed(poses)),
        format_func=lambda pose: (
            f"{poses[pose]}: yaw {pose.yaw_deg:.0f}°, pitch {pose.pitch_deg:.0f}°,"
            f" roll {pose.roll_deg:.0f}°"
        ),
        key=f"pose-{case.face_id}-{case.label.version}",
    )


def _same_class(decision: Label, said: Label) -> bool:
    return (decision.mask, decision.rejected) == (said.mask, said.rejected)


def _settle(studio: Studio, case: Case, decision: Label, pose: HeadPose | None) -> None:
    note = st.session_state.get(_note_key(case)) or KEEP
    face = {"face_id": case.face_id, "base_version": case.label.version, "note": note}
    if decision.rejected:
        change = Change(**face, rejected=True)
    else:
        change = Change(**face, mask=decision.mask, pose=pose or KEEP)

    def act() -> str:
        opinions.settle(
            studio,
            change,
            annotator=studio.who(st.context.headers),
            op_id=actions.new_op_id(),
        )
        return f"Face {case.face_id}: {describe(decision)}. Ctrl+Z takes it back."

    say_done(act)


def _note_key(case: Case) -> str:
    return f"why-{case.face_id}-{case.label.version}"


def _move() -> None:
    with st.container(horizontal=True):
        st.button("Back", shortcut="Left", on_click=_step, args=(-1,))
        st.button("Later", shortcut="Right", on_click=_step, args=(1,))
        undo_button()


def _step(by: int) -> None:
    st.session_state[_POSITION] = st.session_state.get(_POSITION, 0) + by
