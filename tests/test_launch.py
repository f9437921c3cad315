"""The command line as scripts see it: forms, exit codes, one clear line for bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import launch
from core.checkpoint import ModelCard, save_checkpoint
from core.datasets import DATASET_KINDS
from core.images import encode_jpeg, encode_png
from core.networks import create_network

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole student with fresh, untrained weights: its answers have the form, not the sense."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "fresh.safetensors"
    save_checkpoint(path, ModelCard(network="mhpnet"), create_network("mhpnet").state_dict())
    return path


@pytest.fixture
def portrait(tmp_path: Path, astronaut_rgb: np.ndarray) -> Path:
    path = tmp_path / "astronaut.jpg"
    path.write_bytes(encode_jpeg(astronaut_rgb))
    return path


@pytest.fixture
def mask_csv(tmp_path: Path) -> Path:
    """A data set in the form of mask-csv: four drawn crops, one file of which is broken."""
    root = tmp_path / "mask"
    (root / "images").mkdir(parents=True)
    rows = ["file,split,label,source,group,lower_face_occluded,occlusion_level"]
    rng = np.random.default_rng(0)
    for index, label in enumerate(("masked", "unmasked", "unmasked", "incorrect")):
        crop_rgb = rng.integers(0, 255, (40, 40, 3), np.uint8)
        (root / f"images/{index}.png").write_bytes(encode_png(crop_rgb))
        rows.append(f"{index}.png,val,{label},drawn,{index},{index % 2},")
    (root / "images/3.png").write_bytes(b"not a picture")
    (root / "labels.csv").write_text("\n".join(rows))
    return root


def run(*arguments: object) -> int:
    return launch.main([str(argument) for argument in arguments])


def test_predict_prints_json_in_the_promised_form(
    portrait: Path, student: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", portrait, "--json", "--model", student) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["image"], row["width"], row["height"]) == (str(portrait), 512, 512)
    face = row["faces"][0]
    assert set(face) == {"box", "score", "mask", "pose", "model"}
    left, top, width, height = face["box"]
    assert left < 225 < left + width  # the astronaut's nose
    assert top < 120 < top + height
    probabilities = face["mask"]["probabilities"]
    assert set(probabilities) == {"unmasked", "masked", "incorrect"}
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-3)
    assert face["mask"]["label"] == max(probabilities, key=probabilities.get)
    assert set(face["pose"]) == {"yaw_deg", "pitch_deg", "roll_deg"}
    assert face["model"].startswith("mhpnet-")


def test_a_crop_is_one_face_that_fills_the_picture(
    portrait: Path, student: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", portrait, "--crop", "--json", "--model", student) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert [face["box"] for face in row["faces"]] == [[0, 0, 512, 512]]


def test_predict_without_json_is_a_table_and_draws_where_asked(
    portrait: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", portrait, "--model", student, "--out", tmp_path / "drawn") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["image", "face"]
    assert len(lines) >= 2
    with Image.open(tmp_path / "drawn" / "astronaut-faces.jpg") as drawn:
        assert drawn.size == (512, 512)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 cut", b"hello", None])
def test_one_bad_file_exits_2_with_one_line(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad name.jpg"
    if content is not None:
        path.write_bytes(content)
    assert run("predict", path, "--json") == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out) == []
    assert len(printed.err.splitlines()) == 1
    assert "bad name.jpg" in printed.err


def test_in_a_batch_the_others_are_answered_and_failures_come_last(
    portrait: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "line\nbreak.jpg"
    bad.write_bytes(b"")
    assert run("predict", bad, portrait, "--json", "--crop", "--model", student) == 2
    printed = capsys.readouterr()
    assert [row["image"] for row in json.loads(printed.out)] == [str(portrait)]
    assert len(printed.err.splitlines()) == 1


def test_a_model_that_is_not_there_says_how_to_get_one(
    portrait: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("predict", portrait, "--model", "absent.safetensors") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "absent.safetensors" in line
    assert "launch.py train" in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("evaluate", "no-such-kind", "--data", "."), "no-such-kind"),
        (("evaluate", "aflw2000", "--data", "absent"), "absent"),
        (("evaluate", "mask-csv", "--data", ".", "--json", "absent/figures.json"), "absent"),
    ],
)
def test_bad_requests_to_evaluate_are_one_line(
    arguments: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not list(tmp_path.iterdir())


def test_an_unknown_recipe_exits_2_and_lists_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("train", "student", "--recipe", "none", "--data", tmp_path, "--out", tmp_path / "run")
    assert stopped.value.code == 2
    assert "paper" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_unknown_option_is_argparses_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("predict", "a.jpg", "--runtime", "tensorflow")
    assert stopped.value.code == 2
    assert "onnx-int8" in capsys.readouterr().err


def test_evaluate_writes_the_figures_it_prints(
    mask_csv: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    arguments = ("mask-csv", "--data", mask_csv, "--split", "val", "--model", student)
    assert run("evaluate", *arguments, "--json", out) == 0
    report = json.loads(out.read_text())
    promised = "n accuracy f1 mcc recall specificity specificity_occluded macro_f1 confusion ece"
    assert set(promised.split()) <= set(report)
    assert (report["kind"], report["split"]) == ("mask-csv", "val")
    assert (report["n"], report["excluded"]) == (3, 1)
    assert (
        f"specificity_occluded    {report['specificity_occluded']:8.3f}" in capsys.readouterr().out
    )
    assert run("evaluate", *arguments, "--json") == 0
    assert json.loads(capsys.readouterr().out) == report


def test_evaluate_pose_has_the_promised_keys(
    student: Path, shared_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "figures.json"
    arguments = ("aflw2000", "--data", shared_data / "aflw2000_sample", "--model", student)
    assert run("evaluate", *arguments, "--crop-jitter", "--mask-overlay", "--json", out) == 0
    report = json.loads(out.read_text())
    promised = (
        "n excluded mae_deg yaw_mae_deg pitch_mae_deg roll_mae_deg mae_wrapped_deg "
        "geodesic_mean_deg geodesic_median_deg by_yaw"
    )
    assert set(promised.split()) <= set(report)
    assert (report["n"], report["excluded"]) == (69, 31)
    for disturbed in (report["crop_jitter"], report["mask_overlay"]):
        assert disturbed["plain_mae_deg"] == pytest.approx(report["mae_deg"])


def test_our_own_faults_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(args: object) -> int:
        raise ValueError("shapes (3,) and (4,) do not fit")

    monkeypatch.setattr(launch, "predict", fault)
    with pytest.raises(ValueError, match="shapes"):
        run("predict", "a.jpg")


def test_every_kind_of_data_set_is_in_the_help_and_the_readme(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # or argparse breaks lines within the names
    with pytest.raises(SystemExit):
        run("evaluate", "--help")
    shown = capsys.readouterr().out
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for kind in DATASET_KINDS:
        assert kind in shown
        assert f"`{kind}`" in readme


def test_help_answers_without_loading_what_commands_need() -> None:
    code = (
        "import sys, launch; launch.build_parser().format_help(); "
        "heavy = {'numpy', 'torch', 'cv2', 'PIL', 'core', 'db', 'trainer', 'gradio', 'streamlit'}; "
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "set()\n"


def test_predict_works_as_a_process(portrait: Path, student: Path) -> None:
    done = subprocess.run(
        [sys.executable, "launch.py", "predict", str(portrait), "--json", "--model", str(student)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)[0]["faces"]
