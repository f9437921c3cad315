"""Bring photos and labels in, and follow how far it is."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from db.errors import StudioError
from trainer.dataset_import import IMPORT_FORMATS
from ui import imports
from ui.job_panel import follow
from ui.plain import plain
from ui.studio import Studio
from ui.uploads import Upload

_KINDS = ["zip", "csv", "jsonl", "json", "xml", "jpg", "jpeg", "png", "webp", "bmp", "tif", "gif"]
_HELP = (
    "Photos, or labels with or without them: CSV, JSON lines, COCO, PASCAL VOC, a folder per "
    "class. What is known already is recognised, labels that people gave here are kept."
)


def show(studio: Studio) -> None:
    st.markdown(_HELP)
    folder, upload = st.columns(2, gap="large")
    with folder.container(border=True, height="stretch"):
        _folder(studio)
    with upload.container(border=True, height="stretch"):
        _upload(studio)
    _progress(studio)
    if st.button(
        "Ask the models about faces they have not seen",
        icon=":material/network_intelligence:",
        help="Their opinions order the review queue and the grid.",
    ):
        _begin(lambda: st.toast(imports.ask_models(studio)))
    follow(studio, "answer")


def _folder(studio: Studio) -> None:
    st.subheader("From this computer", anchor=False)
    with st.form("import-folder", border=False):
        path = st.text_input("Folder or file on the server", placeholder="/path/to/photos")
        source = st.text_input("What to call it", placeholder="the name of the folder")
        format = _format("import-folder-format")
        if st.form_submit_button("Import the folder", icon=":material/folder_open:"):
            _begin(lambda: imports.start_folder_import(studio, path, source=source, format=format))
    st.caption("Interrupted, it goes on when given again.")


def _upload(studio: Studio) -> None:
    st.subheader("Upload", anchor=False)
    with st.form("import-upload", border=False, clear_on_submit=True):
        files = st.file_uploader(
            "Photos, one label file, or zips of folders", type=_KINDS, accept_multiple_files=True
        )
        source = st.text_input("What to call them", placeholder="the name of the file")
        format = _format("import-upload-format")
        if st.form_submit_button("Import the upload", icon=":material/upload:"):
            uploads = [Upload(file.name, file) for file in files or []]
            _begin(
                lambda: imports.start_upload_import(studio, uploads, source=source, format=format)
            )
    st.caption("Larger than 64 MiB: copy it to the server and give the folder.")


def _format(key: str) -> str | None:
    chosen: str = st.selectbox(
        "Format",
        ["", *IMPORT_FORMATS],
        format_func=lambda name: name or "found out by itself",
        help="Needed only where a folder can be read in more than one way.",
        key=key,
    )
    return chosen or None


def _begin(start: Callable[[], object]) -> None:
    try:
        start()
    except StudioError as error:
        st.error(plain(error))


def _progress(studio: Studio) -> None:
    """The job under way, followed while the page is open; the report of the last one."""
    job = studio.jobs.state
    is_running = job is not None and job.status == "running"
    st.fragment(_job, run_every=1.0 if is_running else None)(studio, is_running)


def _job(studio: Studio, was_running: bool) -> None:
    job = studio.jobs.state
    if job is None:
        return
    if job.status == "running":
        share = min(1.0, job.done / job.total) if job.total else 0.0
        count = f"{job.done:,} of {job.total:,}" if job.total else f"{job.done:,}"
        st.progress(share, f"**{plain(job.title)}**: {job.doing}, {count}")
        st.button("Stop", icon=":material/stop:", on_click=studio.jobs.stop)
        return
    if was_running:
        st.rerun()  # the rest of the page knows nothing of the new faces yet
    show_end = {"finished": st.success, "failed": st.error, "stopped": st.warning}[job.status]
    show_end(f"**{plain(job.title)}** is {job.status}.")
    if job.report:
        st.code(job.report, language=None, wrap_lines=True)
