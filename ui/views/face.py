"""One face and its history: who said what and when, what models said, and the way back."""

from __future__ import annotations

import streamlit as st

from db.errors import NotFound
from db.faces import BY_DATASET, BY_PERSON
from db.labels import describe
from ui import stored_faces
from ui.face_history import FaceHistory, Step, bring_back, face_history
from ui.gestures import say_done
from ui.model_words import model_lines
from ui.pictures import show_picture
from ui.plain import plain
from ui.studio import Studio, current_studio
from ui.when import local_time

_CROP_PX = 480
#: Where boxes come from that no detector found.
_FOUND = {BY_PERSON: "drawn by a person", BY_DATASET: "given by its data set"}


def show() -> None:
    studio = current_studio()
    face_id = _asked()
    st.title(f"Face {face_id}" if face_id else "History of a face", anchor=False)
    if face_id is None:
        _ask()
        return
    try:
        found = face_history(studio, face_id)
    except NotFound as error:
        st.error(plain(f"{error}.".capitalize()))
        _ask()
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        _picture(studio, found)
    with right:
        _timeline(studio, found)
        _models(found)


def link(face_id: int, label: str) -> None:
    """The way from another page to this one."""
    pages = st.session_state["pages"]
    if "face" in pages:
        query = {"id": str(face_id)}
        st.page_link(pages["face"], label=label, icon=":material/history:", query_params=query)


def _asked() -> int | None:
    text = st.query_params.get("id", "")
    return int(text) if text.isdecimal() else None


def _ask() -> None:
    """For those who know a number; links lead here with it."""
    number = st.number_input("Number of the face", min_value=1, value=None, step=1, width=240)
    if number:
        st.query_params["id"] = str(number)
        st.rerun()


def _picture(studio: Studio, found: FaceHistory) -> None:
    face, image = found.face, found.image
    show_picture(
        lambda: stored_faces.face_crop(studio, face.image_id, face.box, _CROP_PX),
        alt=f"Face {face.id} in {image.name}",
    )
    found_by = _FOUND.get(face.detector, f"found by {face.detector}")
    st.markdown(
        f"**{describe(found.label)}** counts now.  \n"
        f"In [{plain(image.name)}](/api/v1/images/{image.id}/file), from {plain(image.source)}, "
        f"kept {_when(face.added_at)}.  \n"
        f"Box {face.box.width_px:.0f} × {face.box.height_px:.0f} px, {found_by}."
    )


def _timeline(studio: Studio, found: FaceHistory) -> None:
    st.subheader("What people said", anchor=False)
    if not found.steps:
        st.write("Nobody has said anything about this face yet.")
        return
    for step in reversed(found.steps):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(_line(step), width="stretch")
            if step.version is not None and step.label != found.label:
                _restore_button(studio, found, step.version, describe(step.label))
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{_when(found.face.added_at)}** · kept, without a label", width="stretch")
        if describe(found.label) != "no label":
            _restore_button(studio, found, 0, "no label")


def _line(step: Step) -> str:
    note = f"  \nNote: {plain(step.label.note)}" if step.label.note else ""
    version = f" · version {step.version}" if step.version is not None else ""
    return (
        f"**{step.words}**  \n{plain(step.who)} {step.did}  \n"
        f":small[:gray[{_when(step.at)}{version}]]{note}"
    )


def _restore_button(studio: Studio, found: FaceHistory, version: int, words: str) -> None:
    st.button(
        f"Restore {words}",
        icon=":material/history:",
        key=f"restore-{found.face.id}-{version}",
        on_click=_restore,
        args=(studio, found.face.id, version, found.version),
    )


def _restore(studio: Studio, face_id: int, version: int, seen: int) -> None:
    def act() -> str:
        event = bring_back(studio, face_id, version, seen, studio.who(st.context.headers))
        return f"“{describe(event.label)}” counts again; the history keeps what was there."

    say_done(act)


def _models(found: FaceHistory) -> None:
    st.subheader("What models said", anchor=False)
    if not found.said:
        st.write("No model has been asked about this face yet.")
    for line in model_lines(found.said, found.roles):
        st.markdown(line)


def _when(at: str) -> str:
    return local_time(at, st.context.timezone)
