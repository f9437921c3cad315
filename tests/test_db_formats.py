"""Export, then import into an empty home: the same labels, in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from db_support import add_face, add_picture, files_below, label

from core.faces import FaceBox, HeadPose, MaskLabel
from db.annotations import annotate
from db.database import connect
from db.export import EXPORT_FORMATS, ExportFormat, ExportRefused, export_faces
from db.export_rows import count_exported, exported_faces
from db.faces import BY_PERSON, add_faces
from db.home import Home
from db.images import get_image
from db.labels import Change
from db.migrations import open_home
from db.records import FaceRecord
from tests.retraining_files import make_home
from trainer.annotated_faces import read_annotated
from trainer.dataset_export import export_path
from trainer.dataset_import import find_format, import_path
from trainer.face_pool import load_pool

POSE = HeadPose(yaw_deg=-31.0625, pitch_deg=0.1 + 0.2, roll_deg=7.0)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Pictures with hostile names, every kind of label, two faces in one photo."""
    home = open_home(tmp_path / "home")
    with connect(home) as db:
        names = (
            "a.png",
            "../../etc/passwd",
            "=cmd|' /C calc'!A0",
            "ünï “quoted”,\n.png",
            "/abs.png",
        )
        faces = [add_face(db, home, n, name=name, source="web") for n, name in enumerate(names)]
        image = add_picture(db, home, 7, name="two.png", split="val", origin="album <7>")
        faces += [face.id for face in add_faces(db, image.id, _TWO, detector=BY_PERSON)]
        for face_id, mask in zip(faces, [*MaskLabel] * 3, strict=False):
            label(db, face_id, mask, annotator="ann")
        changes = [
            Change(face_id=faces[0], base_version=1, pose=POSE, note='=1+1, "two"\nlines & <b>'),
            Change(face_id=faces[1], base_version=1, rejected=True),
            Change(face_id=faces[2], base_version=1, mask=None, pose=POSE),
        ]
        annotate(db, changes, annotator="bob, ‘quoted’", client_op_id="more")
        add_face(db, home, 9, name="unlabelled.png")
    return home


_TWO = [FaceBox(1.5, 2.25, 10, 12), FaceBox(0.1 + 0.2, 20, 17.3, 15, 0.5)]


def labels(home: Home) -> list[FaceRecord]:
    """What an export carries of a home, in an order that does not depend on it."""
    with connect(home) as db:
        found = [replace(face.record, annotated_at=None) for face in exported_faces(db, None)]
        assert count_exported(db, None) == len(found)
    return sorted(found, key=lambda record: (record.sha256, record.box.left_px))


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_a_new_home_gets_the_same_labels_from_an_export_with_images(
    format: ExportFormat, home: Home, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "export"
    target.parent.mkdir()
    report = export_faces(home, target, format=format, images=True)
    assert (report.faces, report.missing) == (7, ())
    assert find_format(target) == format

    other = open_home(tmp_path / "other")
    report = import_path(other, target, source="web")
    assert report.skipped == ()
    assert labels(other) == labels(home)


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_a_home_that_has_the_pictures_gets_the_labels_from_an_export_without(
    format: ExportFormat, home: Home, tmp_path: Path
) -> None:
    suffix = {"csv": ".csv", "jsonl": ".jsonl", "coco": ".json"}.get(format, "")
    target = tmp_path / f"labels{suffix}"
    export_faces(home, target, format=format)

    other = open_home(tmp_path / "other")
    with connect(other) as copy:
        for n, name in enumerate(("a.png", "b", "c", "d", "e")):
            add_face(copy, other, n, name=name)
        add_picture(copy, other, 7)
    report = import_path(other, target, format=format)
    assert report.skipped == ()
    assert [(record.sha256, record.box, record.label) for record in labels(other)] == [
        (record.sha256, record.box, record.label) for record in labels(home)
    ]


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_a_second_import_changes_nothing(format: ExportFormat, home: Home, tmp_path: Path) -> None:
    target = tmp_path / "export"
    export_faces(home, target, format=format, images=True)
    before = labels(home)
    report = import_path(home, target, source="web")
    assert report.text().splitlines()[1:] == [
        "  pictures: 0 new, 7 known already",
        "  faces: 0 new, 7 known already",
        "  labels: 0 new, 7 the same, 0 differ (the label here was kept)",
    ]
    assert labels(home) == before


@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_no_name_leads_out_of_the_target(format: ExportFormat, home: Home, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    before = files_below(tmp_path)
    export_faces(home, tmp_path / "out" / "export", format=format, images=True)
    new = {name for name in files_below(tmp_path) if not name.startswith("home/maskpose.db")}
    new -= set(before)
    assert new and all(name.startswith("out/export/") for name in new)
    assert not any(".." in name for name in new)


def test_faces_cut_out_into_class_folders_come_back_to_their_photo(
    home: Home, tmp_path: Path
) -> None:
    target = tmp_path / "crops"
    export_path(home, target, format="folders", images=True)
    before = labels(home)
    assert import_path(home, target).counts["label_same"] == 7
    assert labels(home) == before

    other = open_home(tmp_path / "other")  # knows no photo: each crop is a picture
    import_path(other, target)
    assert sorted(str(r.label) for r in labels(other)) == sorted(str(r.label) for r in before)


def test_cut_out_faces_are_trained_on_as_in_their_photo(tmp_path: Path) -> None:
    """They were cut about the detector's box, a quarter larger than a training cuts them."""
    home = make_home(tmp_path / "home", faces=3)
    export_path(home, tmp_path / "crops", format="folders", images=True)
    other = open_home(tmp_path / "other")
    import_path(other, tmp_path / "crops")
    before, after = (
        load_pool(
            [sample for split in ("train", "val") for sample in read_annotated(root, split).samples]
        )
        for root in (home.root, other.root)
    )
    assert len(before) == len(after) == 3
    for row, mask in enumerate(before.mask_index):  # one face of each class
        ours, theirs = before.images[row], after.images[list(after.mask_index).index(mask)]
        assert theirs.shape == ours.shape
        assert np.abs(theirs.astype(int) - ours).max() <= 1


def test_a_picture_moved_to_another_class_folder_is_relabelled(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "export"
    export_faces(home, target, format="folders", images=True)
    moved = next((target / "masked").glob("*.png"))
    moved.rename(target / "unmasked" / moved.name)
    other = open_home(tmp_path / "other")
    import_path(other, target)
    masks = [record.label.mask for record in labels(other)]
    assert masks.count(MaskLabel.MASKED) == [r.label.mask for r in labels(home)].count("masked") - 1


def test_a_csv_shows_no_formula_to_a_spreadsheet(home: Home, tmp_path: Path) -> None:
    export_faces(home, tmp_path / "labels.csv")
    text = (tmp_path / "labels.csv").read_text(encoding="utf-8")
    assert "'=cmd" in text and ",=cmd" not in text


def test_an_export_never_overwrites_and_leaves_nothing_half_written(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "labels.csv"
    export_faces(home, target)
    with pytest.raises(ExportRefused, match=r"labels\.csv is there already"):
        export_faces(home, target)
    with pytest.raises(ExportRefused, match="choose of csv, jsonl, coco, voc, folders"):
        export_faces(home, tmp_path / "labels.xlsx")

    def fail(*_: object) -> None:
        raise OSError("the disk went away")

    monkeypatch.setattr("db.export.shutil.copyfile", fail)
    with pytest.raises(OSError, match="went away"):
        export_faces(home, tmp_path / "coco", format="coco", images=True)
    assert not [path for path in tmp_path.iterdir() if "coco" in path.name]


def test_a_missing_image_file_is_named_and_its_labels_are_exported(
    home: Home, tmp_path: Path
) -> None:
    with connect(home) as db:
        gone = get_image(db, 1)
    (home.root / gone.path).unlink()
    report = export_faces(home, tmp_path / "export", format="jsonl", images=True)
    assert (report.faces, report.pictures, report.missing) == (7, 5, ("a.png",))
    assert "the file of a.png is gone" in report.text()


def test_coco_is_what_other_tools_expect(home: Home, tmp_path: Path) -> None:
    export_faces(home, tmp_path / "labels.json")
    coco = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    assert [category["name"] for category in coco["categories"]] == [
        "unmasked",
        "masked",
        "incorrect",
        "face",
        "not_a_face",
    ]
    assert len(coco["images"]) == 6 and len(coco["annotations"]) == 7
    assert coco["annotations"][0]["bbox"] == [8, 6, 24, 30]
    assert {a["image_id"] for a in coco["annotations"]} == {i["id"] for i in coco["images"]}
