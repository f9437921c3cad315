"""Jobs beside the pages: imports from folders and uploads, with progress, an end and a report."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from db_support import picture
from studio_files import start_studio

from core.faces import MaskLabel
from db.database import connect
from db.filters import FaceFilter
from db.review_queue import count
from trainer.jobs import local
from ui import face_jobs, imports
from ui.data_jobs import DataJobs, JobBusy, Progress
from ui.studio import Studio, open_studio, use_studio

PATIENCE_S = 300


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    yield open_studio(tmp_path / "home")
    use_studio(None)


def ended(studio: Studio) -> str:
    """The report of the job that was started; it must have gone well."""
    job = studio.jobs.wait(PATIENCE_S)
    assert job is not None and job.status == "finished", job
    return job.report


def number(studio: Studio, **conditions: object) -> int:
    with connect(studio.home, read_only=True) as db:
        return count(db, FaceFilter(**conditions))


def class_folders(root: Path) -> Path:
    for seed, name in enumerate(("masked", "masked", "unmasked")):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / f"{seed}.png").write_bytes(picture(seed))
    return root


def zipped(root: Path, top: str) -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in root.rglob("*.png"):
            archive.write(path, f"{top}{path.relative_to(root)}")
    data.seek(0)
    return data


def test_a_folder_is_imported_with_progress_and_a_report(studio: Studio, tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "faces")
    imports.start_folder_import(studio, str(folder), source="holiday", ask=False)
    assert "3 entries read" in ended(studio)
    job = studio.jobs.state
    assert (job.title, job.done, job.total) == ("Import of faces", 3, 3)
    assert number(studio, labels=(MaskLabel.MASKED,), source="holiday") == 2


@pytest.mark.parametrize("top", ["", "faces/"])
def test_a_zip_is_unpacked_imported_and_gone(studio: Studio, tmp_path: Path, top: str) -> None:
    data = zipped(class_folders(tmp_path / "faces"), top)
    imports.start_upload_import(studio, [imports.Upload("faces.zip", data)], ask=False)
    assert "labels: 3 new" in ended(studio)
    assert number(studio, source="faces", labels=(MaskLabel.UNMASKED,)) == 1
    assert not list(studio.home.root.glob("upload-*"))


def test_a_zip_cannot_write_elsewhere(studio: Studio, tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("../../../masked/evil.png", picture(1))
    data.seek(0)
    imports.start_upload_import(studio, [imports.Upload("evil.zip", data)], ask=False)
    studio.jobs.wait(PATIENCE_S)
    assert not [path for path in tmp_path.rglob("evil.png")]


@pytest.mark.parametrize(
    ("data", "says"), [(b"PK no zip", "cannot be unpacked"), (b"", "cannot be unpacked")]
)
def test_what_is_no_zip_is_refused_in_a_sentence(studio: Studio, data: bytes, says: str) -> None:
    with pytest.raises(imports.UploadRefused, match=says):
        imports.start_upload_import(studio, [imports.Upload("a.zip", io.BytesIO(data))])
    assert not list(studio.home.root.glob("upload-*"))


def test_a_bomb_is_refused_before_it_is_unpacked(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MAX_UNPACKED_BYTES", 1000)
    data = zipped(class_folders(tmp_path / "faces"), "")
    with pytest.raises(imports.UploadRefused, match="at most"):
        imports.start_upload_import(studio, [imports.Upload("faces.zip", data)])


@pytest.mark.parametrize("path", ["", "  ", "/no/such/folder"])
def test_a_path_that_is_not_there_is_refused(studio: Studio, path: str) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        imports.start_folder_import(studio, path)


def test_after_an_import_the_models_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "start_worker", lambda home, device: None)  # the queue is enough
    studio = start_studio(tmp_path)
    try:
        imports.start_folder_import(studio, str(class_folders(tmp_path / "faces")))
        assert "Run 1 asks 1 models" in ended(studio)
        (run,) = face_jobs.jobs_of(studio, "answer")
        assert [name.split("-")[0] for name in run.config["models"]] == ["mhpnet"]
        assert run.config["labelled_only"] is False
    finally:
        use_studio(None)


def test_an_import_needs_no_models(studio: Studio, tmp_path: Path) -> None:
    imports.start_folder_import(studio, str(class_folders(tmp_path / "faces")))
    assert "no model can be asked" in ended(studio)
    assert number(studio) == 3


def test_one_job_at_a_time_and_a_person_may_stop_it() -> None:
    jobs, began = DataJobs(), threading.Event()

    def work(progress: Progress) -> str:
        while True:
            progress(1, 2, "waiting")
            began.set()

    jobs.start("A long job", work)
    assert began.wait(PATIENCE_S)
    with pytest.raises(JobBusy, match="A long job is still running"):
        jobs.start("Another", work)
    jobs.stop()
    assert jobs.wait(PATIENCE_S).status == "stopped"
    jobs.start("Another", lambda progress: "done")
    assert (jobs.wait(PATIENCE_S).status, jobs.state.report) == ("finished", "done")


def test_a_fault_is_told_and_the_next_job_may_run() -> None:
    jobs = DataJobs()

    def fail(progress: Progress) -> str:
        raise ValueError("the file is not what its name says")

    jobs.start("A job", fail)
    assert jobs.wait(PATIENCE_S).status == "failed"
    assert "not what its name says" in jobs.state.report
