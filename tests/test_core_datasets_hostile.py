"""Damaged label files of every kind: a reading or a ``DatasetError``, never anything else.

Each test damages one sound file at random places; entries must not get lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import scipy.io
from dataset_files import (
    draw_face,
    mafa_test_face,
    mafa_train_face,
    mask_row,
    pose_row,
    voc_object,
    write_3ddfa_entry,
    write_biwi_frame,
    write_csv,
    write_mafa_test,
    write_mafa_train,
    write_voc,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets import DatasetError, read_dataset


def pose_set(root: Path) -> Path:
    draw_face(root / "images" / "a.jpg")
    return write_csv(root / "labels.csv", [pose_row("a.jpg"), pose_row("a.jpg", 80)])


def mask_set(root: Path) -> Path:
    draw_face(root / "images" / "a.jpg")
    return write_csv(root / "labels.csv", [mask_row("a.jpg"), mask_row("a.jpg", group="1")])


def aflw2000_set(root: Path) -> Path:
    write_3ddfa_entry(root / "image00002")
    return root / "image00002.mat"


def plain_aflw2000_set(root: Path) -> Path:
    """Without compression, so that damage reaches the numbers and headers."""
    path = aflw2000_set(root)
    content = scipy.io.loadmat(path)
    kept = {name: content[name] for name in ("Pose_Para", "pt3d_68", "pt2d")}
    scipy.io.savemat(path, kept, do_compression=False)
    return path


def mafa_train_set(root: Path) -> Path:
    draw_face(root / "images" / "a.jpg")
    path = write_mafa_train(root / "LabelTrainAll.mat", {"a.jpg": [mafa_train_face()] * 2})
    scipy.io.savemat(path, {"label_train": scipy.io.loadmat(path)["label_train"]})
    return path


def mafa_test_set(root: Path) -> Path:
    draw_face(root / "images" / "a.jpg")
    return write_mafa_test(root / "LabelTestAll.mat", {"a.jpg": [mafa_test_face()] * 2})


def fmld_set(root: Path) -> Path:
    draw_face(root / "a.jpg")
    return write_voc(root / "a.xml", "a.jpg", voc_object("masked_face"))


def biwi_set(root: Path) -> Path:
    write_biwi_frame(root / "01", 3, np.eye(3), (0, 0, 900))
    return root / "01" / "frame_00003_pose.txt"


def biwi_calibration_set(root: Path) -> Path:
    biwi_set(root)
    return root / "01" / "rgb.cal"


SETS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "pose-csv": ("pose-csv", pose_set),
    "mask-csv": ("mask-csv", mask_set),
    "aflw2000": ("aflw2000", aflw2000_set),
    "aflw2000, plain": ("aflw2000", plain_aflw2000_set),
    "mafa train, plain": ("mafa", mafa_train_set),
    "mafa test": ("mafa", mafa_test_set),
    "fmld": ("fmld", fmld_set),
    "biwi": ("biwi", biwi_set),
    "biwi calibration": ("biwi", biwi_calibration_set),
}


class SoundSet(NamedTuple):
    """A data set on disk, and the sound content of its label file."""

    kind: str
    root: Path
    label_file: Path
    data: bytes


# Relative place, bytes put in, number of bytes cut out.
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6), st.integers(0, 6)), max_size=5)


def damaged(data: bytes, places: list[tuple[float, bytes, int]]) -> bytes:
    """``data`` with some bytes cut out or replaced by others, at relative places 0 to 1."""
    for where, inserted, cut in places:
        start = int(where * len(data))
        data = data[:start] + inserted + data[start + cut :]
    return data


@pytest.fixture(scope="module", params=SETS)
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SoundSet:
    kind, build = SETS[request.param]
    root = tmp_path_factory.mktemp("set")
    label_file = build(root)
    return SoundSet(kind, root, label_file, label_file.read_bytes())


def test_the_sound_set_is_read(sound: SoundSet) -> None:
    sound.label_file.write_bytes(sound.data)
    reading = read_dataset(sound.kind, sound.root)
    assert reading.samples and not reading.skipped


@settings(max_examples=60, deadline=None)
@given(places=DAMAGE, keep=st.floats(0.05, 4))
def test_a_damaged_label_file_is_never_fatal(sound: SoundSet, places: list, keep: float) -> None:
    data = damaged(sound.data, places)
    sound.label_file.write_bytes(data[: int(keep * len(data))])  # 1 and more: not cut off
    try:
        reading = read_dataset(sound.kind, sound.root)
    except DatasetError as error:
        assert "\n" not in str(error) and ";" in str(error)
        return
    assert reading.samples or reading.skipped
    for sample in reading.samples:
        assert sample.image_path.is_relative_to(sound.root)
        if sample.rotation is not None:
            np.testing.assert_allclose(sample.rotation @ sample.rotation.T, np.eye(3), atol=1e-6)
