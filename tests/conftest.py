"""Fixtures shared by all tests: where the real data lie, and faces that are free to use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from sqlite_utils import Database

from db.database import connect
from db.home import Home
from db.migrations import open_home

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

cv2.setNumThreads(1)  # small pictures: threads only get in each other's way


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit leaves the last page's script as ``__main__``, which processes started later by
    other tests would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A fresh home folder with an empty database."""
    return open_home(tmp_path)


@pytest.fixture
def db(home: Home) -> Iterator[Database]:
    with connect(home) as db:
        yield db


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real labelled faces beside the project; without them the tests that need them skip."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the research data (../shared/data) are not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def astronaut_rgb() -> np.ndarray:
    """A public-domain portrait (NASA), uint8 (512, 512, 3)."""
    from skimage import data

    return np.asarray(data.astronaut())


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For the processes that a test starts: on small networks threads only wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one file; its tests see to it that there is one."""
    from browser_files import running_browser

    with running_browser() as browser:
        yield browser
