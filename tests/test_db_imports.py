"""Import: interrupted and continued, repeated, contradicting, hostile, and of real data sets."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import db_workers
import pytest
from dataset_files import draw_face, voc_object, write_voc
from db_support import add_face, files_below, label, picture

from core.faces import FaceBox, MaskLabel
from db import imports
from db.annotations import current_annotation, history
from db.check import find_faults
from db.database import connect
from db.filters import FaceFilter
from db.home import Home
from db.migrations import open_home
from db.records import FormatError
from db.review_queue import count
from db.runs import submit_run
from db.undo import next_undo, undo
from trainer.annotated_faces import read_annotated
from trainer.dataset_import import find_format, import_path

MASKED, UNMASKED = MaskLabel.MASKED, MaskLabel.UNMASKED


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder per class as others name them, eight pictures, one of them twice."""
    root = tmp_path / "faces"
    for number, name in enumerate(("with_mask", "without_mask", "mask_weared_incorrect")):
        (root / name).mkdir(parents=True)
        for seed in range(3):
            (root / name / f"{seed}.png").write_bytes(picture(10 * number + seed))
    (root / "with_mask" / "copy.png").write_bytes(picture(0))
    (root / "without_mask" / "2.png").unlink()
    (root / "other").mkdir()
    return root


def write_jsonl(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_folder_per_class_becomes_labelled_faces(home: Home, folders: Path) -> None:
    report = import_path(home, folders)
    assert report.text().splitlines() == [
        "9 entries read",
        "  pictures: 8 new, 1 known already",
        "  faces: 8 new, 1 known already",
        "  labels: 8 new, 0 the same, 0 differ (the label here was kept)",
    ]
    with connect(home) as db:
        assert count(db, FaceFilter(labels=(MASKED,), source="faces")) == 3
        (event,) = history(db, 1)
        assert (event.annotator, event.annotator_kind, event.op) == (
            "import of faces",
            "dataset",
            "import",
        )
        assert next_undo(db, "import of faces") == []  # an import is nobody's keystroke
        assert find_faults(db, home) == []


def test_an_interrupted_import_goes_on_where_it_stopped(
    home: Home, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK_SIZE", 2)
    done: list[int] = []

    def stop_at_four(number: int) -> None:
        done.append(number)
        if number == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_path(home, folders, progress=stop_at_four)
    with connect(home) as db:
        assert count(db, FaceFilter(status="labelled")) == 4
    report = import_path(home, folders, progress=done.append)
    assert done == [2, 4, 6, 8, 9]
    assert (report.resumed_at, report.records, report.counts["label_new"]) == (4, 9, 8)
    assert "went on after entry 4, where it had stopped" in report.text()
    assert import_path(home, folders).resumed_at == 0


def test_an_import_that_is_killed_leaves_whole_chunks_and_goes_on(
    home: Home, tmp_path: Path
) -> None:
    root = tmp_path / "photos" / "masked"
    root.mkdir(parents=True)
    for seed in range(400):
        (root / f"{seed:03d}.png").write_bytes(picture(seed, 12, 12))
    worker = db_workers.start(db_workers.import_folder, home.root, root.parent, tmp_path / "done")
    db_workers.wait_for(tmp_path / "done")
    worker.kill()
    worker.join()
    with connect(home) as db:
        assert count(db, FaceFilter(status="labelled")) % 20 == 0
        assert find_faults(db, home) == []
    report = import_path(home, root.parent)
    assert (report.records, report.counts["label_new"]) == (400, 400)
    assert report.resumed_at > 0


def test_the_pictures_of_a_chunk_are_flushed_before_rows_name_them(
    home: Home, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power failure labels named pictures that had never reached the disk."""
    monkeypatch.setattr(imports, "CHUNK_SIZE", 4)
    flushed: list[tuple[int, int]] = []

    def note() -> None:
        with connect(home, read_only=True) as db:
            rows = db["images"].count
        flushed.append((len(files_below(home.images_dir)), rows))

    monkeypatch.setattr("os.sync", note)
    import_path(home, folders)
    assert flushed == [(4, 0), (7, 4), (8, 7)]  # the fifth is a copy of the first


def test_an_import_of_what_is_here_already_flushes_nothing(
    home: Home, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush is of all that the machine writes: a repeated import had one for each 200 entries."""
    flushed: list[bool] = []
    monkeypatch.setattr("os.sync", lambda: flushed.append(True))
    import_path(home, folders)
    assert len(flushed) == 1
    import_path(home, folders)
    assert len(flushed) == 1
    next(home.images_dir.rglob("*.png")).unlink()  # it comes back, and has to stay
    import_path(home, folders)
    assert len(flushed) == 2
    stopped = open_home(home.root.with_name("stopped"))  # between the files and their rows
    shutil.copytree(home.images_dir, stopped.images_dir, dirs_exist_ok=True)
    import_path(stopped, folders)
    assert len(flushed) == 3


def photos(root: Path, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    for name in names:
        (root / name).write_bytes(picture(int(name.removesuffix(".png"), 36), 12, 12))
    return root


def stop_at(number: int) -> Callable[[int], None]:
    def progress(done: int) -> None:
        if done == number:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_import_begins_anew_where_other_photos_come_first_now(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK_SIZE", 2)
    root = photos(tmp_path / "card", "c.png", "d.png", "e.png", "f.png")
    with pytest.raises(KeyboardInterrupt):
        import_path(home, root, progress=stop_at(2))
    photos(root, "a.png", "b.png")
    report = import_path(home, root)
    assert (report.resumed_at, report.records) == (0, 6)
    assert (report.counts["picture_new"], report.counts["picture_known"]) == (4, 2)
    with connect(home) as db:
        assert db.execute("SELECT count(*) FROM images").fetchone() == (6,)
    (root / "a.png").unlink()
    (root / "b.png").unlink()
    assert import_path(home, root).resumed_at == 0  # the one interrupted first is long forgotten


def test_an_interrupted_import_begins_anew_where_names_stand_for_other_photos_now(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK_SIZE", 1)
    root = photos(tmp_path / "card", "a.png", "b.png")
    with pytest.raises(KeyboardInterrupt):
        import_path(home, root, progress=stop_at(1))
    (root / "a.png").write_bytes(picture(77, 13, 12))  # the camera counts from 1 again
    report = import_path(home, root)
    assert (report.resumed_at, report.counts["picture_new"]) == (0, 2)


def test_an_import_that_an_older_version_began_begins_anew(home: Home, tmp_path: Path) -> None:
    root = photos(tmp_path / "card", "a.png", "b.png")
    import_path(home, root)
    with connect(home) as db:
        db.execute("""UPDATE imports SET status = 'running', report = '{"picture_new": 2}'""")
    report = import_path(home, root)
    assert (report.resumed_at, report.counts["picture_known"]) == (0, 2)


def test_a_picture_without_split_gets_that_of_a_later_import(home: Home, tmp_path: Path) -> None:
    photos(tmp_path / "set", "a.png", "b.png")
    import_path(home, tmp_path / "set", detect=lambda image_rgb: [FaceBox(1, 1, 9, 9)])
    row = {"file": "a.png", "mask_label": "masked", "split": "test", "origin": "album 1"}
    write_jsonl(tmp_path / "set" / "labels.jsonl", row, {**row, "file": "b.png", "split": None})
    assert import_path(home, tmp_path / "set").skipped == ()
    with connect(home) as db:
        assert db.execute("SELECT name, split, origin FROM images").fetchall() == [
            ("a.png", "test", "album 1"),
            ("b.png", None, "album 1"),
        ]
        assert count(db, FaceFilter(split="test")) == 2  # also the face that was there before
        assert find_faults(db, home) == []


def test_a_labelled_picture_stays_on_its_side_of_the_split(home: Home, tmp_path: Path) -> None:
    """A student may have learned from it: an origin or split that comes later moves nothing."""
    photos(tmp_path / "set", "a.png", "b.png")
    import_path(home, tmp_path / "set", detect=lambda image_rgb: [FaceBox(1, 1, 9, 9)])
    with connect(home) as db:
        label(db, 1, MASKED)
        label(db, 2, MASKED)
        undo(db, annotator="ann", client_op_id="takes back what was learned from")
    before = {split: sides(home, split) for split in ("train", "val", "test")}
    rows = [{"file": name, "split": "test", "origin": "album 1"} for name in ("a.png", "b.png")]
    write_jsonl(tmp_path / "set" / "labels.jsonl", *rows)
    assert import_path(home, tmp_path / "set").skipped[:2] == (
        (
            "a.png",
            "says split 'test', it stays without: a training may know its faces",
        ),
        (
            "a.png",
            "says origin 'album 1', it stays without: a training may know its faces",
        ),
    )
    assert {split: sides(home, split) for split in before} == before
    with connect(home) as db:
        assert set(db.execute("SELECT split, origin FROM images").fetchall()) == {(None, None)}
        assert find_faults(db, home) == []


def import_labels_then_origins(home: Home, root: Path, between: Callable[[], object]) -> str:
    """The labels of a.png, and later that it is a test picture; what the report says of that."""
    row: dict[str, object] = {"file": "a.png", "mask_label": "masked"}
    import_path(home, write_jsonl(photos(root, "a.png") / "labels.jsonl", row))
    between()
    row |= {"split": "test", "origin": "album 1"}
    return import_path(home, write_jsonl(root / "labels.jsonl", row)).text()


def test_what_only_an_import_labelled_gets_split_and_origin_of_a_later_import(
    home: Home, tmp_path: Path
) -> None:
    """Nobody learned from it: labels come in one file, splits in another."""
    text = import_labels_then_origins(home, tmp_path / "set", lambda: None)
    assert "stays without" not in text
    with connect(home) as db:
        assert db.execute("SELECT split, origin FROM images").fetchall() == [("test", "album 1")]
        assert find_faults(db, home) == []
    assert (len(sides(home, "train")), len(sides(home, "test"))) == (0, 1)


def test_what_an_import_labelled_stays_on_its_side_once_there_was_a_training(
    home: Home, tmp_path: Path
) -> None:
    def begin_a_run() -> None:
        with connect(home) as db:
            submit_run(db, recipe="quick", config={}, device="cpu")

    text = import_labels_then_origins(home, tmp_path / "set", begin_a_run)
    assert text.count("it stays without: a training may know its faces") == 2
    with connect(home) as db:
        assert db.execute("SELECT split, origin FROM images").fetchall() == [(None, None)]


def sides(home: Home, split: str) -> set[str]:
    """The faces that trainings find in a split."""
    return {sample.name for sample in read_annotated(home.root, split).samples}


def test_labels_alone_give_a_known_picture_its_split(home: Home, tmp_path: Path) -> None:
    with connect(home) as db:
        add_face(db, home, 1)
        sha256 = db.execute("SELECT sha256 FROM images").fetchone()[0]
    import_path(home, write_jsonl(tmp_path / "x.jsonl", {"sha256": sha256, "split": "val"}))
    with connect(home) as db:
        assert db.execute("SELECT split FROM images").fetchone() == ("val",)


def test_a_split_that_contradicts_is_reported_once_and_not_taken(
    home: Home, tmp_path: Path
) -> None:
    photos(tmp_path / "set", "a.png")
    row = {"file": "a.png", "mask_label": "masked", "split": "test", "origin": "album 1"}
    import_path(home, write_jsonl(tmp_path / "set" / "labels.jsonl", row))
    other = {**row, "split": "train", "origin": "album 2"}
    write_jsonl(tmp_path / "set" / "labels.jsonl", other, {**other, "split": "holdout"}, other)
    assert import_path(home, tmp_path / "set").skipped == (
        ("a.png", "says split 'train', 'test' was kept"),
        ("a.png", "says origin 'album 2', 'album 1' was kept"),
    )
    with connect(home) as db:
        assert db.execute("SELECT split, origin FROM images").fetchone() == ("test", "album 1")


def test_labels_by_people_are_kept_and_the_difference_reported(home: Home, tmp_path: Path) -> None:
    with connect(home) as db:
        face = add_face(db, home, 1)
        label(db, face, MASKED, annotator="ann")
        sha256 = db.execute("SELECT sha256 FROM images").fetchone()[0]
    row = {"sha256": sha256, "name": "1.png", "mask_label": "unmasked"}
    box = dict(zip(_BOX, (8, 6, 24, 30), strict=True))
    path = write_jsonl(tmp_path / "labels.jsonl", {**row, **box})
    report = import_path(home, path)
    assert report.counts["label_kept"] == 1
    assert report.skipped == (("1.png", "says 'unmasked', 'masked' by ann was kept"),)
    with connect(home) as db:
        assert current_annotation(db, face).label.mask == MASKED


_BOX = ("box_left_px", "box_top_px", "box_width_px", "box_height_px")


def test_photos_of_one_of_several_folders_share_an_origin(home: Home, tmp_path: Path) -> None:
    root = tmp_path / "holiday"
    for number, folder in enumerate((root, root / "day 1", root / "day 2" / "beach")):
        folder.mkdir(parents=True)
        (folder / f"{number}.png").write_bytes(picture(2 * number))
        (folder / f"{number}b.png").write_bytes(picture(2 * number + 1))
    import_path(home, root / "day 1")  # one folder alone tells nothing
    import_path(home, root)
    with connect(home) as db:
        assert db.execute("SELECT name, origin FROM images ORDER BY name").fetchall() == [
            ("0.png", None),
            ("0b.png", None),
            ("1.png", "holiday/day 1"),
            ("1b.png", "holiday/day 1"),
            ("2.png", "holiday/day 2/beach"),
            ("2b.png", "holiday/day 2/beach"),
        ]


def test_photos_in_a_single_folder_below_the_imported_one_have_no_origin(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "unpacked").mkdir()
    photos(tmp_path / "unpacked" / "photos", "a.png", "b.png")
    import_path(home, tmp_path / "unpacked")
    with connect(home) as db:
        assert db.execute("SELECT DISTINCT origin FROM images").fetchall() == [(None,)]


def test_a_stray_picture_does_not_make_one_origin_of_all_the_others(
    home: Home, tmp_path: Path
) -> None:
    """As one origin they would all be held out, or none: nothing to judge or to learn by."""
    photos(tmp_path / "set", "cover.png")
    photos(tmp_path / "set" / "photos", "a.png", "b.png")
    import_path(home, tmp_path / "set")
    with connect(home) as db:
        assert db.execute("SELECT DISTINCT origin FROM images").fetchall() == [(None,)]


def test_two_folders_of_equal_size_are_two_origins(home: Home, tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    photos(tmp_path / "people" / "ann", "a.png", "b.png")
    photos(tmp_path / "people" / "bob", "c.png", "d.png")
    import_path(home, tmp_path / "people")
    with connect(home) as db:
        rows = db.execute("SELECT DISTINCT origin FROM images ORDER BY 1").fetchall()
    assert rows == [("people/ann",), ("people/bob",)]


def test_photos_get_the_faces_that_a_detector_finds(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "holiday" / "day 1"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(picture(1))
    (folder / "notes.txt").write_text("no picture")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    boxes = [FaceBox(1, 2, 10, 10, 0.8), FaceBox(20, 2, 12, 12, 0.7)]
    report = import_path(home, folder.parent, detect=lambda image_rgb: boxes)
    assert (report.counts["picture_new"], report.counts["face_new"]) == (1, 2)
    assert [name for name, _ in report.skipped] == ["day 1/broken.jpg"]
    with connect(home) as db:
        assert count(db, FaceFilter(status="unlabelled", source="holiday")) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"file": "../secret.png"}, "leads out of the imported folder"),
        ({"file": "/etc/passwd"}, "leads out of the imported folder"),
        ({"file": "link.png"}, "leads out of the imported folder"),
        ({"file": "a\0b.png"}, "null byte"),
        ({"file": "nothing.png"}, "is not in the folder"),
        ({"sha256": "0" * 64, "mask_label": "masked"}, "no such picture here, and no file"),
        ({"file": "a.png", "mask_label": "visor"}, "'visor' is not a valid MaskLabel"),
        ({"file": "a.png", "yaw_deg": 1}, "yaw_deg without pitch_deg"),
        ({"file": "a.png", "yaw_deg": "nan", "pitch_deg": 0, "roll_deg": 0}, "finite angles"),
        ({"file": "a.png", **dict.fromkeys(_BOX, 0)}, "a positive size"),
        ({"file": "a.png", **dict.fromkeys(_BOX, 1e400)}, "finite numbers"),
        ({"file": "a.png", "annotator": "x" * 300}, "1 to 200 characters"),
        ({"file": "a.png", "note": ["x"], "mask_label": "masked"}, "a note must be a text"),
        ({"file": {"$ne": 1}}, "is not in the folder"),
        (["no", "object"], "has no attribute 'items'"),
        ({"file": "loop.png"}, "is not in the folder"),
        ({"file": "a.png", "width_px": 1e400}, "cannot convert float infinity"),
        ({"file": "a.png", **dict.fromkeys(_BOX, 10**400)}, "too large to convert to float"),
    ],
)
def test_what_is_damaged_or_hostile_is_left_out_by_name_and_the_rest_comes_in(
    home: Home, tmp_path: Path, row: object, reason: str
) -> None:
    (tmp_path / "secret.png").write_bytes(picture(66))
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture(1))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "loop.png").symlink_to("loop.png")
    good = {"file": "a.png", "mask_label": "masked"}
    report = import_path(home, write_jsonl(folder / "labels.jsonl", row, good))
    assert reason in report.skipped[0][1]
    assert (report.skipped_count, report.counts["label_new"]) == (1, 1)
    with connect(home) as db:
        assert db.execute("SELECT count(*) FROM images").fetchone() == (1,)


def test_names_and_words_that_are_no_utf8_are_escaped(home: Home, tmp_path: Path) -> None:
    root = photos(tmp_path / os.fsdecode(b"f\xeate"), "b.png")
    (root / os.fsdecode(b"caf\xe9.png")).write_bytes(picture(1))
    (root / os.fsdecode(b"br\xfbl\xe9.png")).write_bytes(b"no picture")
    report = import_path(home, root)
    (skipped,) = report.skipped
    assert skipped[0] == "br\\udcfbl\\udce9.png"
    report.text().encode("utf-8")
    with connect(home) as db:
        names = db.execute("SELECT name FROM images ORDER BY name").fetchall()
        assert names == [("b.png",), ("caf\\udce9.png",)]
        assert db.execute("SELECT name FROM sources").fetchone() == ("f\\udceate",)
    said = {"note": "\ud83d", "annotator": "\udcff", "source": "\ud800", "split": "\ud800"}
    row = {"file": "b.png", "mask_label": "masked", "origin": "\udcff", **said}
    assert import_path(home, write_jsonl(root / "labels.jsonl", row)).counts["label_new"] == 1
    with connect(home) as db:
        (event,) = history(db, 1)
        assert (event.annotator, event.label.note) == ("\\udcff", "\\ud83d")


def test_one_odd_face_of_a_picture_costs_no_other(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    boxes = [(1, 11), (5, 5), ("x", 9), (15, 25), (30, 45)]
    sides = "<bndbox><xmin>{}</xmin><ymin>3</ymin><xmax>{}</xmax><ymax>20</ymax></bndbox>"
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>a.png</filename>"
        + "".join(f"<object><name>masked</name>{sides.format(*box)}</object>" for box in boxes)
        + "<object><name>masked</name><maskpose>[]</maskpose></object></annotation>"
    )
    report = import_path(home, tmp_path / "a.xml")
    assert report.counts["label_new"] == 3
    assert [(name, reason.split(":")[0]) for name, reason in report.skipped] == [
        ("a.xml", f"face {number} does not fit") for number in (2, 3, 6)
    ]
    assert "a positive size" in report.skipped[0][1]


@pytest.mark.parametrize(
    "said",
    [
        {"pose_deg": [1]},
        {"pose_deg": [10**400, 0, 0]},
        {"pose_deg": {"yaw": 1}},
        {"annotator": "eve", "annotator_kind": "robot"},
        "nothing",
    ],
)
def test_one_odd_annotation_of_coco_costs_no_other(
    home: Home, tmp_path: Path, said: object
) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    face = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 11]}
    coco = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 1, "name": "masked"}],
        "annotations": [{**face, "maskpose": said}, {**face, "bbox": [20, 2, 10, 11]}],
    }
    (tmp_path / "x.json").write_text(json.dumps(coco))
    report = import_path(home, tmp_path / "x.json")
    assert (report.skipped_count, report.counts["label_new"]) == (1, 1)


def test_a_line_that_is_no_utf8_costs_no_other_line(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    lines = (
        b'{"file": "caf\xe9.png"}',
        b"[" * 100_000,
        b'{"file": "a.png", "mask_label": "masked"}',
    )
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(lines))
    report = import_path(home, tmp_path / "x.jsonl")
    assert [name for name, _ in report.skipped] == ["line 1", "line 2"]
    assert report.counts["label_new"] == 1


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b"caf\xe9.png,masked", "labels.csv is not UTF-8: save it again as “CSV UTF-8”"),
        (b'"a.png,masked\n' + b"x" * 200_000, "labels.csv cannot be read on after line 1"),
    ],
)
@pytest.mark.parametrize("ask_for", ["labels.csv", "."])
def test_a_csv_that_cannot_be_read_says_what_to_do(
    home: Home, tmp_path: Path, row: bytes, says: str, ask_for: str
) -> None:
    (tmp_path / "labels.csv").write_bytes(b"file,mask_label\n" + row + b"\n")
    with pytest.raises(FormatError, match=says):
        import_path(home, tmp_path / ask_for)


def test_an_xml_bomb_is_refused(home: Home, tmp_path: Path) -> None:
    (tmp_path / "bomb.xml").write_text(
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><annotation>&b;</annotation>'
    )
    report = import_path(home, tmp_path / "bomb.xml")
    assert "no PASCAL VOC file: EntitiesForbidden" in report.skipped[0][1]


_NO_LIST = '{"images": [], "categories": [], "annotations": null}'


@pytest.mark.parametrize(
    "text",
    ["{", "[" * 100_000, "[]", '{"images": 3}', '{"images": [], "categories": []}', _NO_LIST],
)
def test_what_is_no_coco_file_is_said_so(home: Home, tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FormatError, match=r"x\.json is no COCO file"):
        import_path(home, tmp_path / "x.json")


def test_a_csv_without_the_columns_needed_is_said_so(home: Home, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FormatError, match="has the columns a, b: expected at least file or sha256"):
        import_path(home, tmp_path / "x.csv")


def test_what_cannot_be_imported_is_said_before_anything_happens(
    home: Home, tmp_path: Path
) -> None:
    with pytest.raises(FormatError, match="does not exist"):
        import_path(home, tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="nothing to import"):
        import_path(home, tmp_path / "empty")
    (tmp_path / "x.docx").write_text("x")
    with pytest.raises(FormatError, match="of no known format"):
        import_path(home, tmp_path / "x.docx")
    with pytest.raises(FormatError, match="no format is called 'yolo'"):
        import_path(home, tmp_path / "empty", format="yolo")


def test_fmld_in_pascal_voc_comes_in(home: Home, tmp_path: Path) -> None:
    (tmp_path / "fmld").mkdir()
    (tmp_path / "fmld" / "a.png").write_bytes(picture(1))
    (tmp_path / "fmld" / "a.xml").write_text(
        "<annotation><filename>a.png</filename><size><width>48</width><height>40</height></size>"
        + "".join(
            f"<object><name>{name}</name><bndbox><xmin>{left}</xmin><ymin>3</ymin>"
            f"<xmax>{left + 10}</xmax><ymax>20</ymax></bndbox></object>"
            for left, name in ((1, "masked_face"), (15, "incorrectly_masked_face"), (30, "dog"))
        )
        + "</annotation>"
    )
    report = import_path(home, tmp_path / "fmld", format="voc")
    assert report.skipped == (("a.xml", "class 'dog' is none of ours"),)
    with connect(home) as db:
        rows = db.execute("SELECT left_px, width_px, mask_label FROM faces_overview").fetchall()
    assert rows == [(1, 10, "masked"), (15, 10, "incorrect")]


def write_fmld(root: Path, width_px: int, height_px: int) -> Path:
    """A picture of 96 × 96 labelled, and one of this size in its place."""
    annotations = root / "FMLD_annotations" / "train"
    write_voc(annotations / "a.xml", "a.jpg", voc_object("masked_face"))
    draw_face(root / "a.jpg", width_px, height_px)
    return root


@pytest.mark.parametrize("format", ["fmld", "voc"])
def test_a_picture_of_another_size_than_was_labelled_is_left_out(
    home: Home, tmp_path: Path, format: str
) -> None:
    """Its box would lie elsewhere: beside the face, or around half of it."""
    root = write_fmld(tmp_path / "set", 192, 192)
    report = import_path(home, root, format=format)
    assert "has 192 × 192 px upright, its label was made for 96 × 96" in report.skipped[0][1]
    assert (report.counts, report.skipped_count) == ({}, 1)
    assert files_below(home.images_dir) == []
    report = import_path(home, write_fmld(root, 96, 96), format=format)
    assert (report.counts["label_new"], report.skipped) == (1, ())


@pytest.mark.parametrize("size", [{"width": 0, "height": 0}, {"width": "wide", "height": 40}, {}])
def test_a_size_that_a_label_does_not_know_is_not_asked_for(
    home: Home, tmp_path: Path, size: dict[str, object]
) -> None:
    (tmp_path / "a.png").write_bytes(picture(1))
    coco = {
        "images": [{"id": 1, "file_name": "a.png", **size}],
        "categories": [{"id": 1, "name": "masked"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 11]}],
    }
    (tmp_path / "x.json").write_text(json.dumps(coco))
    report = import_path(home, tmp_path / "x.json")
    assert (report.counts["label_new"], report.skipped) == (1, ())


def test_a_crop_comes_in_though_its_label_names_the_size_of_the_whole_photo(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "crop.png").write_bytes(picture(1, 20, 20))
    row = {"file": "crop.png", "sha256": "0" * 64, "mask_label": "masked"}
    whole = {"width_px": 480, "height_px": 400, **dict.fromkeys(_BOX, 60)}
    report = import_path(home, write_jsonl(tmp_path / "x.jsonl", {**row, **whole}))
    assert (report.counts["label_new"], report.skipped) == (1, ())


def test_mafa_comes_in_by_its_own_label_file(home: Home, tmp_path: Path) -> None:
    import numpy as np
    from scipy.io import savemat

    images = tmp_path / "mafa" / "MAFA-Label-Test"
    images.mkdir(parents=True)
    folder = tmp_path / "mafa" / "test-images" / "images"
    folder.mkdir(parents=True)
    (folder / "test_1.jpg").write_bytes(picture(1, 200, 160))
    rows = np.zeros((2, 18))
    rows[0, :10] = (20, 20, 60, 60, 1, 0, 20, 60, 40, 2)
    rows[1, :10] = (100, 20, 60, 60, 2, 0, 0, 0, 0, 0)
    cell = np.zeros((1, 1), dtype=[("name", object), ("label", object)])
    cell[0, 0] = ("test_1.jpg", rows)
    savemat(images / "LabelTestAll.mat", {"LabelTest": cell})
    assert find_format(tmp_path / "mafa") == "mafa"
    report = import_path(home, tmp_path / "mafa")
    assert report.counts["face_new"] == 2
    with connect(home) as db:
        assert count(db, FaceFilter(split="test")) == 2


def test_real_mask_crops_come_in_with_label_source_and_split(
    shared_data: Path, home: Home, tmp_path: Path
) -> None:
    root = tmp_path / "mask"
    (root / "images").mkdir(parents=True)
    lines = (shared_data / "mask" / "labels.csv").read_text().splitlines()
    chosen = lines[1 :: len(lines) // 30]
    for line in chosen:
        name = line.split(",")[0]
        source = next(
            p
            for p in (shared_data / "mask" / name, shared_data / "mask/images" / name)
            if p.is_file()
        )
        target = root / source.relative_to(shared_data / "mask")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    (root / "labels.csv").write_text("\n".join([lines[0], *chosen]) + "\n")
    report = import_path(home, root)
    assert (report.counts["label_new"], report.skipped) == (len(chosen), ())
    with connect(home) as db:
        splits = db.execute("SELECT DISTINCT split FROM images ORDER BY 1").fetchall()
        assert set(splits) <= {("train",), ("val",), ("test",)}
        assert db.execute("SELECT count(DISTINCT source_id) FROM images").fetchone()[0] > 1


def test_aflw2000_comes_in_with_its_poses(shared_data: Path, home: Home) -> None:
    report = import_path(home, shared_data / "aflw2000_sample")
    with connect(home) as db:
        assert count(db, FaceFilter()) == report.counts["label_new"] > 60
        event = current_annotation(db, 1)
    assert event.label.mask is None and event.label.pose is not None
