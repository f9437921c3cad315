"""Jobs beside the pages: imports from folders and uploads, with progress, an end and a report."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from db_support import picture
from studio_files import start_studio
from waiting import wait_for

import launch
from core.faces import MaskLabel
from db.backup import back_up
from db.database import connect
from db.filters import FaceFilter
from db.review_queue import count
from db.work_folders import WorkFolder, remove_left_behind
from tests.dataset_files import write_biwi_frame
from trainer.jobs import local
from ui import face_jobs, imports, uploads
from ui.data_jobs import DataJobs, JobBusy, Progress
from ui.studio import Studio, open_studio, use_studio
from ui.uploads import Upload, UploadRefused

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


def zipped(root: Path, top: str, compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
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
    imports.start_upload_import(studio, [Upload("faces.zip", data)], ask=False)
    assert "labels: 3 new" in ended(studio)
    assert number(studio, source="faces", labels=(MaskLabel.UNMASKED,)) == 1
    assert not list(studio.home.work_dir.iterdir())


def test_a_zip_cannot_write_elsewhere(studio: Studio, tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("../../../masked/evil.png", picture(1))
    data.seek(0)
    imports.start_upload_import(studio, [Upload("evil.zip", data)], ask=False)
    studio.jobs.wait(PATIENCE_S)
    assert not [path for path in tmp_path.rglob("evil.png")]


@pytest.mark.parametrize(
    ("data", "says"), [(b"PK no zip", "cannot be unpacked"), (b"", "cannot be unpacked")]
)
def test_what_is_no_zip_is_refused_in_a_sentence(studio: Studio, data: bytes, says: str) -> None:
    with pytest.raises(UploadRefused, match=says):
        imports.start_upload_import(studio, [Upload("a.zip", io.BytesIO(data))])
    assert not list(studio.home.work_dir.iterdir())


def damaged(data: io.BytesIO) -> io.BytesIO:
    """The archive with some bytes of its first picture turned over."""
    there = bytearray(data.getvalue())
    there[200:400] = bytes(byte ^ 0xFF for byte in there[200:400])
    return io.BytesIO(bytes(there))


def cut_short(data: io.BytesIO) -> io.BytesIO:
    """The archive without what its list at the end speaks of."""
    there, start = data.getvalue(), data.getvalue().index(b"PK\x01\x02")
    return io.BytesIO(there[:100] + there[start:])


@pytest.mark.parametrize("spoil", [damaged, cut_short])
@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]
)
def test_a_damaged_zip_is_refused_in_a_sentence(
    studio: Studio, tmp_path: Path, spoil: Callable[[io.BytesIO], io.BytesIO], compression: int
) -> None:
    data = spoil(zipped(class_folders(tmp_path / "faces"), "", compression))
    with pytest.raises(UploadRefused, match=r"a\.zip cannot be unpacked \(.*zip it again"):
        imports.start_upload_import(studio, [Upload("a.zip", data)])
    assert not list(studio.home.work_dir.iterdir())


def test_nothing_chosen_is_said_so(studio: Studio) -> None:
    with pytest.raises(UploadRefused, match="no file was chosen"):
        imports.start_upload_import(studio, [])
    assert not list(studio.home.work_dir.iterdir())


def test_two_photos_of_one_name_are_two_photos(studio: Studio) -> None:
    chosen = [Upload("IMG_1.png", io.BytesIO(picture(seed))) for seed in (1, 2, 3)]
    imports.start_upload_import(studio, chosen, ask=False)
    assert "pictures: 3 new" in ended(studio)
    with connect(studio.home, read_only=True) as db:
        names = db.execute("SELECT name FROM images ORDER BY name").fetchall()
    assert names == [("IMG_1-2.png",), ("IMG_1-3.png",), ("IMG_1.png",)]


def test_two_zips_with_equal_names_are_both_taken_in_with_their_labels(
    studio: Studio, tmp_path: Path
) -> None:
    (tmp_path / "b" / "masked").mkdir(parents=True)
    for seed in (7, 8):
        (tmp_path / "b" / "masked" / f"{seed - 7}.png").write_bytes(picture(seed))
    zips = [zipped(class_folders(tmp_path / "a"), ""), zipped(tmp_path / "b", "b/")]
    loose = Upload("c.png", io.BytesIO(picture(9)))
    chosen = [Upload("a.zip", zips[0]), loose, Upload("b.zip", zips[1])]
    imports.start_upload_import(studio, chosen, ask=False)
    report = ended(studio)
    assert [line for line in report.splitlines() if not line.startswith(" ")] == [
        *("a:", "3 entries read", "b:", "2 entries read", "c:", "1 entries read")
    ]
    assert (studio.jobs.state.done, studio.jobs.state.total) == (6, 6)
    assert number(studio, source="a") == 3
    assert number(studio, source="b", labels=(MaskLabel.MASKED,)) == 2
    assert not list(studio.home.work_dir.iterdir())


@pytest.mark.parametrize("name", ["labels.csv", "my faces.CSV"])
def test_labels_are_uploaded_with_their_photos(studio: Studio, name: str) -> None:
    labels = Upload(name, io.BytesIO(b"file,mask_label\na.png,masked\n"))
    imports.start_upload_import(
        studio, [Upload("a.png", io.BytesIO(picture(1))), labels], ask=False
    )
    assert "labels: 1 new" in ended(studio)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a.csv", "b.csv"], "b.csv is a second list of labels"),
        (["a.xml", "a.xml"], "two files are called a.xml"),
        (["a.png", "a.csv", "a.png"], "two files are called a.png"),
        (["x" * 300 + ".png"], "the upload cannot be kept .File name too long"),
    ],
)
def test_what_would_be_labelled_wrongly_is_refused(
    studio: Studio, names: list[str], says: str
) -> None:
    with pytest.raises(UploadRefused, match=says):
        imports.start_upload_import(studio, [Upload(name, io.BytesIO(b"x")) for name in names])
    assert not list(studio.home.work_dir.iterdir())


def test_one_sequence_of_biwi_keeps_the_folder_it_is_known_by(
    studio: Studio, tmp_path: Path
) -> None:
    write_biwi_frame(tmp_path / "set" / "01", 3, np.eye(3), (20.0, 10.0, 900.0))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in (tmp_path / "set").rglob("*.*"):
            archive.write(path, f"BIWI/{path.relative_to(tmp_path / 'set')}")
    data.seek(0)
    imports.start_upload_import(studio, [Upload("BIWI.zip", data)], ask=False)
    assert "labels: 1 new" in ended(studio)


def test_what_a_dead_server_left_behind_is_removed_and_nothing_else(
    studio: Studio, tmp_path: Path
) -> None:
    back_up(studio.home, tmp_path / "all.tar")
    script = f"""
import os
from pathlib import Path
import db.backup
from db.home import Home
from db.work_folders import WorkFolder
home, place = Home(Path({str(studio.home.root)!r})), Path({str(tmp_path)!r})
for purpose in ("upload", "download"):
    (WorkFolder(home, purpose).path / "a.jpg").touch()
db.backup.write_archive = db.backup.extract_files = lambda *given: os._exit(9)
if os.fork():  # two programs, each killed in the midst of it
    os.wait()
    db.backup.back_up(home, place / "new.tar")
db.backup.restore(home.root, place / "all.tar")
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    left = studio.home.work_dir
    assert sorted(path.parent.name.partition("-")[0] for path in left.glob("*-*/*.*")) == [
        *("backup", "download", "restore", "upload")
    ]
    photos = studio.home.root / "upload-march"
    photos.mkdir()
    with WorkFolder(studio.home, "backup") as at_work:
        remove_left_behind(studio.home).join(PATIENCE_S)
        assert [*left.iterdir()] == [at_work]
    assert not [*left.iterdir()] and photos.is_dir()


def test_a_server_that_starts_removes_it(studio: Studio) -> None:
    left = studio.home.work_dir / "upload-dead"
    left.mkdir(parents=True)
    (left / "a.jpg").touch()
    words = ["serve", "--no-browser", "--only", "demo", "--port", "0"]
    command = [sys.executable, launch.__file__, *words, "--home", studio.home.root]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: not left.exists())
    finally:
        server.kill()
        server.wait()


def test_a_format_may_be_said(studio: Studio, tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "faces")
    imports.start_folder_import(studio, str(folder), format="photos", ask=False)
    assert "labels: 0 new" in ended(studio)


def test_a_bomb_is_refused_before_it_is_unpacked(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UNPACKED_BYTES", 1000)
    data = zipped(class_folders(tmp_path / "faces"), "")
    with pytest.raises(UploadRefused, match="at most"):
        imports.start_upload_import(studio, [Upload("faces.zip", data)])


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
