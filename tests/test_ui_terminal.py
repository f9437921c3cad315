"""What a terminal shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.faces import FaceBox, FacePrediction, HeadPose
from ui.terminal import (
    check_writable,
    json_text,
    metrics_table,
    photo_row,
    photo_table,
    printable,
)


def test_a_table_has_a_line_for_each_face_and_for_photos_without() -> None:
    pose_only = FacePrediction(
        box=FaceBox(1, 2, 30, 40),
        mask=None,
        pose=HeadPose(yaw_deg=12.34, pitch_deg=-5, roll_deg=0),
        model_id="pose teacher",
    )
    rows = [photo_row("a.jpg", 96, 64, [pose_only, pose_only]), photo_row("b.jpg", 96, 64, [])]
    header, *lines = photo_table(rows).splitlines()
    assert header.split() == [
        "image",
        "face",
        "mask",
        "p",
        "yaw°",
        "pitch°",
        "roll°",
        "box",
        "x,y,w,h",
    ]
    assert [line.split() for line in lines] == [
        ["a.jpg", "1", "-", "-", "+12.3", "-5.0", "+0.0", "1,2,30,40"],
        ["a.jpg", "2", "-", "-", "+12.3", "-5.0", "+0.0", "1,2,30,40"],
        ["b.jpg", "-", "no", "face", "found"],
    ]
    assert rows[0]["faces"][0]["mask"] is None


def test_figures_stand_beside_their_intervals() -> None:
    shown = metrics_table(
        {
            "n": 1969,
            "mae_deg": 3.4567,
            "mae_deg_ci95": (3.3, 3.6),
            "specificity_occluded": None,
            "specificity_occluded_ci95": None,
            "by_yaw": {"0-30": {"n": 1000, "mae_deg": 2.5, "mae_deg_ci95": (2.4, 2.6)}},
            "classes": ("unmasked", "masked"),
            "confusion": [[5, 1], [2, 7]],
        }
    )
    assert shown.splitlines() == [
        "n                           1969",
        "mae_deg                    3.457 [3.300, 3.600]",
        "specificity_occluded           -",
        "by_yaw",
        "  0-30              n 1,000   mae_deg 2.500 [2.400, 2.600]",
        "confusion (rows = true, columns = predicted)",
        "  unmasked               5       1",
        "  masked                 2       7",
    ]


def test_control_characters_and_undecodable_bytes_stay_on_one_line() -> None:
    name = os.fsdecode(b"a\nb\x1b[31m\xff.jpg")
    assert printable(name) == "a\\nb\\x1b[31m\\udcff.jpg"
    assert json_text({"image": name}).isascii()
    assert printable("Müller 脸.jpg") == "Müller 脸.jpg"


def test_json_refuses_what_is_not_a_number() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_text({"mae_deg": float("nan")})


def test_an_unwritable_target_is_known_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.json")
    with pytest.raises(IsADirectoryError):
        check_writable(tmp_path)
    with pytest.raises(FileNotFoundError, match="absent"):
        check_writable(tmp_path / "absent" / "new.json")
    assert not list(tmp_path.iterdir())
