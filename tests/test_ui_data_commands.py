"""import, export, backup, restore and convert through the command line, on real files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import launch
from db.database import connect
from db.migrations import open_home
from tests.dataset_files import draw_face
from trainer.dataset_import import IMPORT_FORMATS


def run(*words: object) -> int:
    return launch.main([str(word) for word in words])


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder per class with three drawn faces."""
    for index, name in enumerate(("masked", "unmasked", "incorrect")):
        draw_face(tmp_path / "faces" / name / f"{name}.png", 96 + index, 96 + index)
    return tmp_path / "faces"


def test_labels_survive_import_export_and_import_again(tmp_path, folders, capsys):
    assert run("import", folders, "--home", tmp_path / "a") == 0
    assert "labels: 3 new" in capsys.readouterr().out
    assert (
        run("export", tmp_path / "out", "--images", "--format", "csv", "--home", tmp_path / "a")
        == 0
    )
    assert run("import", tmp_path / "out", "--home", tmp_path / "b") == 0
    assert "labels: 3 new" in capsys.readouterr().out
    assert run("import", folders, "--home", tmp_path / "a") == 0
    assert "labels: 0 new, 3 the same" in capsys.readouterr().out


def test_a_backup_brings_the_labels_back(tmp_path, folders, capsys):
    run("import", folders, "--home", tmp_path / "a")
    assert run("backup", tmp_path / "all.tar", "--home", tmp_path / "a") == 0
    assert run("restore", tmp_path / "all.tar", "--home", tmp_path / "b") == 0
    capsys.readouterr()
    run("import", folders, "--home", tmp_path / "b")
    assert "3 the same" in capsys.readouterr().out


def test_check_says_what_is_wrong_and_repairs_what_follows_from_labels(tmp_path, folders, capsys):
    home = open_home(tmp_path / "a")
    run("import", folders, "--home", home.root)
    assert run("check", "--home", home.root) == 0
    assert capsys.readouterr().out.endswith(": all is well\n")
    with connect(home) as db:
        db.execute("UPDATE face_states SET mask_label = 'unmasked' WHERE face_id = 1")
        pictures = [home.root / row[0] for row in db.execute("SELECT path FROM images ORDER BY id")]
    pictures[1].unlink()
    pictures[2].write_bytes(pictures[2].read_bytes()[:-1])
    assert run("check", "--home", home.root) == 1
    found = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0].split(" (")[0] for line in found] == [
        "face 1",
        "image 2",
        "image 3",
    ]
    assert found[1].endswith(" is gone")
    assert found[2].endswith(" is not what was taken in any more")
    assert run("check", "--repair", "--home", home.root) == 1
    assert capsys.readouterr().out.splitlines() == found[1:]


def test_the_help_names_every_format(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        run("import", "--help")
    help = capsys.readouterr().out.split("--format FORMAT")[-1].splitlines()[0]
    assert set(IMPORT_FORMATS) <= set(re.split("[, ]+", help))


def test_what_cannot_be_done_exits_2_with_one_line(tmp_path, capsys):
    (tmp_path / "bad.pth").write_bytes(b"x")
    (tmp_path / "excel.csv").write_bytes(b"file\ncaf\xe9.jpg\n")
    (tmp_path / "coco.json").write_text('{"images": [], "categories": [], "annotations": 3}')
    home = tmp_path / "home"
    for words in (
        ("import", tmp_path / "excel.csv", "--home", home),
        ("import", tmp_path / "coco.json", "--home", home),
        ("import", tmp_path / "nowhere", "--home", home),
        ("backup", tmp_path / "x.zip", "--home", home),
        ("restore", tmp_path / "nothing.db", "--home", home),
        ("convert", tmp_path / "bad.pth"),
        ("convert", tmp_path / "none.pth"),
    ):
        assert run(*words) == 2, words
        error = capsys.readouterr().err.strip().splitlines()
        assert len([line for line in error if "pictures [" not in line]) == 1, error
    assert not (tmp_path / "bad.safetensors").exists()
