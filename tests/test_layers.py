"""The house rules that can be checked by reading and importing: arrows, side effects, paths."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("core", "db", "trainer", "ui", "benchmarks")

#: Who may import whom: launch → ui → trainer → core, with db beside, resting on core.faces alone.
ALLOWED = {
    "core": ("core",),
    "db": ("db", "core.faces"),
    "trainer": ("trainer", "db", "core"),
    "ui": ("ui", "trainer", "db", "core"),
    "benchmarks": ("benchmarks", "trainer", "db", "core", "tests"),
    "launch": ("ui", "benchmarks", "trainer", "db", "core"),
    "tests": (),  # never imported by the product; benchmarks share their small data sets
}
SOURCES = [
    ROOT / "launch.py",
    *sorted(path for layer in LAYERS for path in ROOT.glob(f"{layer}/**/*.py")),
]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES
]


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, inside functions as well; ``a.b`` for ``from a
    import b`` where that is a module of ours."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in MODULES else base


def is_within(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(f"{allowed}.")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_only_downward(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0].removesuffix(".py")
    ours = [name for name in imports_of(path) if name.split(".")[0] in ALLOWED]
    wrong = [name for name in ours if not any(is_within(name, to) for to in ALLOWED[layer])]
    assert not wrong, f"{layer} may import {', '.join(ALLOWED[layer])} only"


def test_every_imported_package_is_required_and_explained() -> None:
    required = {
        normal(match[1])
        for name in ("requirements.txt", "requirements-dev.txt")
        for match in re.finditer(
            r"^([\w.-]+)(?:\[.+\])?[>=<~!]", (ROOT / name).read_text(), re.MULTILINE
        )
    }
    distributions = packages_distributions()
    imported = {name.split(".")[0] for path in SOURCES for name in imports_of(path)}
    foreign = imported - set(sys.stdlib_module_names) - set(ALLOWED)
    undeclared = {
        name
        for name in foreign
        if not required & {normal(distribution) for distribution in distributions.get(name, [])}
    }
    assert not undeclared, "imported, but not in requirements.txt"
    explained = set(
        re.findall(r"^\| ([\w.-]+) \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    ) - {"package"}
    assert {normal(name) for name in explained} == required


def normal(name: str) -> str:
    """A distribution's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs code from an empty folder that is also its home."""
    home = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    environment = os.environ | home | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_database_layer_leaves_the_heavy_libraries_unloaded(tmp_path: Path) -> None:
    modules = [module for module in MODULES if is_within(module, "db")]
    heavy = {"torch", "torchvision", "timm", "cv2", "scipy", "onnxruntime", "gradio", "streamlit"}
    code = f"import sys, {', '.join(modules)}; print({heavy!r} & set(sys.modules))"
    done = run_python(code, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "set()"), done.stderr


def test_importing_does_nothing_but_define(tmp_path: Path) -> None:
    used = {name.split(".")[0] for path in SOURCES for name in imports_of(path)}
    libraries = sorted(used - set(ALLOWED) - {"__future__"})  # what these do is not our doing
    code = (
        f"import os, sys, threading, {', '.join(libraries)}\n"
        "files, threads = set(os.listdir()), threading.active_count()\n"
        f"import {', '.join(MODULES)}\n"
        "print(sorted(set(os.listdir()) - files), threading.active_count() - threads)\n"
    )
    done = run_python(code, tmp_path)
    assert (done.returncode, done.stdout) == (0, "[] 0\n"), done.stderr


def tracked_files() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name]


def test_no_file_names_a_path_of_one_machine_or_a_registry() -> None:
    machine = re.compile(
        rb"(?<![\w.~$-])/(work|root|home/\w+|Users/\w+)/|py" rb"pi\.org|python" rb"hosted\.org"
    )
    text = [
        path for path in tracked_files() if path.is_file() and b"\0" not in path.read_bytes()[:8000]
    ]
    found = [str(path.relative_to(ROOT)) for path in text if machine.search(path.read_bytes())]
    assert not found


def test_every_test_file_is_named_after_what_it_tests() -> None:
    names = [path.stem for path in (ROOT / "tests").glob("test_*.py")]
    prefixes = (*LAYERS, "launch", "layers", "docs")
    assert not [name for name in names if name.split("_")[1] not in prefixes]
