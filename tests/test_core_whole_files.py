"""Files are whole whenever somebody looks, or they are not there."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.whole_files import write_whole


def test_a_file_is_written_whole_with_ordinary_permissions(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text("earlier")
    write_whole(path, b"later")
    plain = tmp_path / "plain"
    plain.touch()
    assert path.read_text() == "later"
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text("earlier")
    with pytest.raises(TypeError):
        write_whole(path, "text, not bytes")  # type: ignore[arg-type]
    assert [of.name for of in tmp_path.iterdir()] == ["figures.json"]
    assert path.read_text() == "earlier"


def test_threads_that_write_the_same_file_leave_one_of_theirs_whole(tmp_path: Path) -> None:
    """They shared one unfinished file, which the first to be done took away."""
    path = tmp_path / f"{'long' * 60}.json"
    texts = [bytes([letter]) * 100_000 for letter in b"abcdefgh"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda text: write_whole(path, text), texts * 5))
    assert path.read_bytes() in texts and list(tmp_path.iterdir()) == [path]
