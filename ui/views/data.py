"""Every kept photo, its faces, and who said what about them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from db.images import Image
from db.labels import describe
from ui import stored_faces
from ui.studio import Studio, current_studio

_PAGE_SIZE = 200


def show() -> None:
    studio = current_studio()
    st.title("Data", anchor=False)
    st.caption(f"Kept in `{studio.home.root}`. Photos are stored only where somebody asked for it.")
    photos = stored_faces.photos(studio, limit=_PAGE_SIZE)
    if not photos:
        st.info("Nothing is kept yet.")
        return
    picked = st.dataframe(
        _table(photos),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key="photos",
    )
    rows = picked.selection.rows
    if rows:
        _photo(studio, photos[rows[0]])
    else:
        st.caption("Click a row to see the photo and what was said about its faces.")


def _table(photos: list[Image]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "photo": [photo.name for photo in photos],
            "width px": [photo.width_px for photo in photos],
            "height px": [photo.height_px for photo in photos],
            "source": [photo.source for photo in photos],
            "added": pd.to_datetime([photo.added_at for photo in photos]),
        }
    )


def _photo(studio: Studio, image: Image) -> None:
    stored = stored_faces.stored_photo(studio, image.id)
    left, right = st.columns([2, 3])
    _, data = stored_faces.photo_file(studio, image.id)
    left.image(data, width="stretch", alt=image.name)
    with right:
        for face in stored.faces:
            story = stored_faces.face_story(studio, face.id)
            st.markdown(f"**Face {face.id}** · found by {face.detector}")
            st.dataframe(
                pd.DataFrame(
                    {
                        "when": [event.created_at for event in story.events],
                        "who": [event.annotator for event in story.events],
                        "what": [event.op for event in story.events],
                        "label": [describe(event.label) for event in story.events],
                    }
                ),
                hide_index=True,
            )
