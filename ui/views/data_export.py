"""Take labels, pictures and backups away; each is a download of ``/api``."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from db.filters import FaceFilter
from trainer.dataset_export import EXPORT_FORMATS
from ui import stored_faces
from ui.studio import Studio

_TITLES = {
    "csv": "CSV",
    "jsonl": "JSON lines",
    "coco": "COCO (JSON)",
    "voc": "PASCAL VOC (XML)",
    "folders": "A folder per class, the faces cut out",
}
_BACKUPS = (("Labels only (.db)", "false"), ("With pictures and models (.tar)", "true"))
_LABELLED, _FOUND = "everything that somebody labelled", "the faces found in the first tab"


def show(studio: Studio, found: FaceFilter | None) -> None:
    _labels(studio, found)
    _backup()


def _labels(studio: Studio, found: FaceFilter | None) -> None:
    st.subheader("Labels", anchor=False)
    which = st.radio("Which", [_LABELLED, *([_FOUND] if found else [])], horizontal=True)
    format = st.selectbox("Format", EXPORT_FORMATS, format_func=_TITLES.__getitem__, width=340)
    images = st.toggle("With the pictures", value=format == "folders")
    asked = {"format": format, "images": str(images).lower()}
    chosen = found if which == _FOUND else None
    if chosen:
        asked["filter"] = chosen.to_json()
    st.caption(f"{stored_faces.count_exported(studio, chosen):,} faces")
    st.link_button(
        "Download", f"/api/v1/export?{urlencode(asked)}", icon=":material/download:", type="primary"
    )
    st.caption("What is downloaded here can be imported again, here or in another studio.")


def _backup() -> None:
    st.subheader("Backup", anchor=False)
    st.markdown(
        "A copy of one moment, made while others work. `python launch.py restore FILE` brings it "
        "back."
    )
    with st.container(horizontal=True):
        for title, pictures in _BACKUPS:
            address = f"/api/v1/backup?pictures={pictures}"
            st.link_button(title, address, icon=":material/archive:")
