"""What a press of a button does to labels on a Streamlit page, and the message that says so."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from db.errors import NothingToUndo, NotTheLast, StudioError
from db.labels import describe
from db.queue_items import QueueItem
from ui import actions, bulk_actions
from ui.actions import Verdict
from ui.plain import plain
from ui.studio import Studio, current_studio


def say_done(act: Callable[[], str]) -> None:
    """Do it, and show for a moment what it says; why it could not be done, until that is closed."""
    try:
        done = act()
    except (NothingToUndo, NotTheLast) as error:  # which lose nothing
        st.toast(plain(error), icon=":material/info:")
    except StudioError as error:
        st.toast(plain(error), icon=":material/error:", duration="infinite")
    else:
        st.toast(plain(done))


def label_face(studio: Studio, item: QueueItem, verdict: Verdict) -> None:
    """Say what a face is that the page shows; not where somebody else was faster."""

    def act() -> str:
        (event,) = actions.label_faces(
            studio,
            {item.face_id: item.version},
            verdict,
            annotator=studio.who(st.context.headers),
            op_id=actions.new_op_id(),
        )
        return f"Face {item.face_id}: {describe(event.label)}. Ctrl+Z takes it back."

    say_done(act)


def undo_button() -> None:
    """Takes back this person's last gesture, on whichever page it was."""
    st.button("Undo", shortcut="Ctrl+Z", icon=":material/undo:", on_click=_undo)


def _undo() -> None:
    who = current_studio().who(st.context.headers)
    say_done(partial(bulk_actions.undo, current_studio(), annotator=who))
