"""One kept photo, its faces, and who said what about them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from db.labels import describe
from ui import stored_faces
from ui.pictures import show_picture
from ui.studio import Studio


def show(studio: Studio, image_id: int) -> None:
    stored = stored_faces.stored_photo(studio, image_id)
    left, right = st.columns([2, 3])
    show_picture(
        lambda: stored_faces.photo_file(studio, image_id)[1], alt=stored.image.name, place=left
    )
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
