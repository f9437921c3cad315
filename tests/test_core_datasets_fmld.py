"""FMLD annotations in PASCAL VOC form, sound and hostile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dataset_files import draw_face, voc_object, write_voc
from PIL import ExifTags, Image

from core.datasets import DatasetError, Reading, load_crop, read_dataset
from core.faces import FaceBox, MaskLabel
from core.images import ImageError


def reasons(reading: Reading) -> list[tuple[str, str]]:
    return [(entry.name, entry.reason) for entry in reading.skipped]


def read_one(root: Path, *objects: str) -> Reading:
    write_voc(root / "FMLD_annotations" / "test" / "a.xml", "a.jpg", *objects)
    draw_face(root / "images" / "a.jpg")
    return read_dataset("fmld", root)


def test_the_three_classes(tmp_path: Path) -> None:
    names = ("masked_face", "unmasked_face", "incorrectly_masked_face")
    reading = read_one(tmp_path, *map(voc_object, names))
    assert [(sample.name, sample.mask) for sample in reading.samples] == [
        ("a.jpg#1", MaskLabel.MASKED),
        ("a.jpg#2", MaskLabel.UNMASKED),
        ("a.jpg#3", MaskLabel.INCORRECT),
    ]


def test_a_face_has_its_box_a_crop_around_it_and_the_pose_word(tmp_path: Path) -> None:
    (sample,) = read_one(tmp_path, voc_object("masked_face", (20, 10, 60, 70))).samples
    assert sample.box == FaceBox(20, 10, 40, 60)
    assert sample.crop_square == FaceBox(20, 10, 40, 60).square(1.3)
    assert (sample.split, sample.group, sample.attributes) == ("test", "a.jpg", {"pose": "front"})
    assert load_crop(sample, 56).shape == (56, 56, 3)


def test_a_face_is_not_cut_from_a_picture_of_another_size(tmp_path: Path) -> None:
    (sample,) = read_one(tmp_path, voc_object("masked_face")).samples
    draw_face(sample.image_path, 192, 192)  # the box still lies in it, but not on the face
    with pytest.raises(ImageError, match=r"a\.jpg#1: the picture has 192 × 192 px .*96 × 96"):
        load_crop(sample, 56)


def test_a_box_in_stored_pixels_is_not_cut_from_the_upright_picture(tmp_path: Path) -> None:
    (sample,) = read_one(tmp_path, voc_object("masked_face")).samples
    sample = replace(sample, picture_size_px=(96, 64))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # stored lying on its side
    Image.new("RGB", (96, 64)).save(sample.image_path, exif=exif)
    with pytest.raises(ImageError, match="the picture has 64 × 96 px upright"):
        load_crop(sample, 56)


def test_an_annotation_without_a_size_goes_with_any_picture(tmp_path: Path) -> None:
    xml = write_voc(tmp_path / "a.xml", "a.jpg", voc_object("masked_face"))
    xml.write_text(xml.read_text().replace("<width>96<", "<width>0<"))
    draw_face(tmp_path / "a.jpg", 200, 100)
    (sample,) = read_dataset("fmld", tmp_path).samples
    assert load_crop(sample, 56).shape == (56, 56, 3)


def test_faces_that_are_not_part_of_the_set_are_named(tmp_path: Path) -> None:
    reading = read_one(
        tmp_path,
        voc_object("invalid_face", difficult=1),
        voc_object("masked_face", difficult=1),
        voc_object("hat"),
        voc_object("masked_face"),
    )
    assert [sample.name for sample in reading.samples] == ["a.jpg#4"]
    assert reasons(reading) == [
        ("a.jpg#1", "invalid face"),
        ("a.jpg#2", "marked as difficult"),
        ("a.jpg#3", "unknown label"),
    ]


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((20, 20, 20, 70), "face box has no size"),
        ((60, 20, 20, 70), "face box has no size"),
        ((96, 20, 120, 70), "face box lies outside the image"),
        ((-40, 20, 0, 70), "face box lies outside the image"),
        (("nan", 20, 60, 70), "number is not finite"),
        (("", 20, 60, 70), "not a number"),
        ((-1e9, 20, 60, 70), "face box is no place in a picture"),
    ],
)
def test_bad_boxes_are_named(tmp_path: Path, box: tuple, reason: str) -> None:
    reading = read_one(tmp_path, voc_object("masked_face", box))
    assert (reading.samples, reasons(reading)) == ((), [("a.jpg#1", reason)])


def test_a_box_may_reach_beyond_the_edge(tmp_path: Path) -> None:
    assert len(read_one(tmp_path, voc_object("masked_face", (-5, -5, 30, 120))).samples) == 1


def test_an_object_without_a_box_is_named(tmp_path: Path) -> None:
    reading = read_one(tmp_path, "<object><name>masked_face</name></object>")
    assert reasons(reading) == [("a.jpg#1", "not a number")]


def test_splits_are_the_folders_of_the_annotations(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_voc(tmp_path / "xml" / split / f"{split}.xml", "a.jpg", voc_object("masked_face"))
    draw_face(tmp_path / "a.jpg")
    assert [s.split for s in read_dataset("fmld", tmp_path).samples] == ["test", "train"]
    assert [s.split for s in read_dataset("fmld", tmp_path, "train").samples] == ["train"]
    with pytest.raises(DatasetError, match="no split 'val'; it has test, train"):
        read_dataset("fmld", tmp_path, "val")


def test_of_two_images_of_one_name_the_annotated_path_decides(tmp_path: Path) -> None:
    image = "MAFA/train-images/a.jpg"
    write_voc(tmp_path / "xml" / "a.xml", "a.jpg", voc_object("masked_face"), image=image)
    for folder in ("MAFA/train-images", "WIDER/train-images"):
        draw_face(tmp_path / folder / "a.jpg")
    (sample,) = read_dataset("fmld", tmp_path).samples
    assert sample.image_path == tmp_path / image
    write_voc(tmp_path / "xml" / "a.xml", "a.jpg", voc_object("masked_face"))
    assert reasons(read_dataset("fmld", tmp_path)) == [("xml/a.xml", "image name is ambiguous")]


def test_an_image_beside_its_annotation_comes_first(tmp_path: Path) -> None:
    write_voc(tmp_path / "one" / "a.xml", "a.jpg", voc_object("masked_face"))
    for folder in ("one", "two"):
        draw_face(tmp_path / folder / "a.jpg")
    (sample,) = read_dataset("fmld", tmp_path).samples
    assert sample.image_path == tmp_path / "one" / "a.jpg"


@pytest.mark.parametrize(
    "name", ["../../secret.jpg", "/etc/passwd", "..", ".", "", "sub/a.jpg", "a.jpg\n../b"]
)
def test_a_file_name_never_leads_out_of_the_root(tmp_path: Path, name: str) -> None:
    draw_face(tmp_path / "secret.jpg")
    root = tmp_path / "set" / "deep"
    draw_face(root / "sub" / "a.jpg")
    write_voc(root / "a.xml", name, voc_object("masked_face"), image=name)
    reading = read_dataset("fmld", root)
    assert (reading.samples, reasons(reading)) == ((), [("a.xml", "image is missing")])


def test_an_image_path_that_points_elsewhere_only_chooses_among_the_files_under_the_root(
    tmp_path: Path,
) -> None:
    draw_face(tmp_path / "a.jpg")
    root = tmp_path / "set"
    draw_face(root / "images" / "a.jpg")
    write_voc(root / "a.xml", "a.jpg", voc_object("masked_face"), image=str(tmp_path / "a.jpg"))
    (sample,) = read_dataset("fmld", root).samples
    assert sample.image_path == root / "images" / "a.jpg"


BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<annotation><filename>&b;</filename></annotation>"
)
EXTERNAL_ENTITY = (
    '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    "<annotation><filename>&f;</filename></annotation>"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BILLION_LAUGHS, "annotation is no sound XML"),
        (EXTERNAL_ENTITY, "annotation is no sound XML"),
        ("", "annotation is no sound XML"),
        ("<annotation><filename>a.jpg", "annotation is no sound XML"),
        ("\x00\x01\x02", "annotation is no sound XML"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "annotation is no sound XML"),
        ("<html/>", "annotation is not PASCAL VOC"),
        ("<annotation>" + "<a>" * 50_000 + "</a>" * 50_000 + "</annotation>", "image is missing"),
        (" " * (4 * 2**20 + 1), "annotation is too large"),
        ("<annotation><filename>a.jpg</filename></annotation>", "no face in the label"),
    ],
)
def test_hostile_annotations_are_named_and_the_others_are_read(
    tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "b.xml").write_text(text)
    write_voc(tmp_path / "a.xml", "a.jpg", voc_object("masked_face"))
    draw_face(tmp_path / "a.jpg")
    reading = read_dataset("fmld", tmp_path)
    assert len(reading.samples) == 1
    assert reasons(reading) == [("b.xml", reason)]


def test_links_to_folders_outside_are_not_followed(tmp_path: Path) -> None:
    draw_face(tmp_path / "elsewhere" / "a.jpg")
    root = tmp_path / "set"
    write_voc(root / "a.xml", "a.jpg", voc_object("masked_face"))
    (root / "images").symlink_to(tmp_path / "elsewhere")
    assert reasons(read_dataset("fmld", root)) == [("a.xml", "image is missing")]
