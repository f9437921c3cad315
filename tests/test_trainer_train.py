"""Whole trainings, small and real: learning, distilling, killing and resuming, two processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoint import CheckpointError, ModelCard, load_checkpoint
from core.face_network import FaceNetwork
from core.networks import create_network
from core.predictor import load_predictor
from launch import main
from tests.studio_files import write_network
from tests.training_files import write_mask_set, write_pose_set
from trainer.average import average, write_average
from trainer.loop import Trainer, compiled
from trainer.recipes import RECIPES, Recipe, find_recipe
from trainer.run_folder import RunFolder, TrainingRefused
from trainer.train import TrainingRequest, fit_temperature, require_shares, train
from trainer.views import Batch

TINY = replace(
    find_recipe("student", "scratch"),
    name="tiny",
    batch_size=4,
    input_px=32,
    epochs=2,
    precision="fp32",
    warmup_epochs=0.1,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> list[Path]:
    root = tmp_path_factory.mktemp("sets")
    return [write_pose_set(root / "pose"), write_mask_set(root / "mask")]


def request(recipe: Recipe, data: list[Path], out: Path, **rest) -> TrainingRequest:
    return TrainingRequest(
        task=rest.pop("task", "student"), recipe=recipe, data=data, out=out, workers=0, **rest
    )


def losses(folder: Path, name: str = "loss") -> list[float]:
    return [row[name] for row in RunFolder(folder).metrics() if name in row]


def test_a_run_leaves_a_checkpoint_that_predicts_and_everything_to_repeat_it(data, tmp_path):
    path = train(request(TINY, data, tmp_path / "run"))
    names = {file.name for file in path.parent.iterdir()}
    assert {"config.json", "metrics.jsonl", "curves.html", "batch.png", "state.pt"} <= names
    config = json.loads((path.parent / "config.json").read_text())
    assert config["recipe"]["name"] == "tiny" and config["faces"] == {"train": 21, "val": 12}
    card = load_checkpoint(path).card
    assert card.datasets == config["datasets"] and card.metrics["mae_deg"] > 0
    answer = load_predictor(str(path), "cpu").predict_batch(np.zeros((1, 32, 32, 3), np.uint8))
    assert np.isfinite(
        answer.angles_deg
    ).all() and answer.mask_probabilities.sum() == pytest.approx(1)


@pytest.mark.cuda
@pytest.mark.parametrize("kind, recipe", [("student", "default"), ("pose-teacher", "lite0")])
def test_a_run_on_a_gpu_reaches_its_end(data, tmp_path, kind, recipe):
    tiny = replace(find_recipe(kind, recipe), input_px=32, batch_size=8, epochs=2, imagenet=False)
    path = train(request(tiny, data, tmp_path / "run", task=kind, device="cuda:0"))
    assert load_checkpoint(path).card.metrics["mae_deg"] > 0


def test_a_network_answers_where_it_lies():
    """As in the validation between two epochs on a GPU; "meta" computes shapes alone."""
    network = create_network("mhpnet").to("meta")
    crops = torch.zeros((2, 32, 32, 3), dtype=torch.uint8, device="meta")
    answer = FaceNetwork(network, ModelCard(network="mhpnet", input_px=32)).eval()(crops)
    assert answer.pose_logits.shape == (2, 3, 62) and answer.pose_logits.device.type == "meta"


def test_a_batch_is_not_shared_until_nothing_is_left():
    require_shares(4, 2)
    with pytest.raises(TrainingRefused, match="3 processes cannot share batches of 4 faces"):
        require_shares(4, 3)


@pytest.mark.parametrize("rank", range(4))
def test_every_process_refuses_to_share_fewer_faces_than_there_are_processes(
    tmp_path, monkeypatch, rank
):
    """Two faces for four: the last two had an empty batch, the first two waited for them."""
    monkeypatch.setattr("trainer.train.process_group", lambda device: nullcontext((rank, 4)))
    few = [write_mask_set(tmp_path / "mask", train=2, val=1)]
    recipe = replace(TINY, batch_size=64)
    with pytest.raises(TrainingRefused, match="4 processes cannot share batches of 2 faces"):
        train(request(recipe, few, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("device, language", [("cpu", "C++"), ("cuda", "C")])
def test_without_a_compiler_a_network_stays_as_it_is(monkeypatch, caplog, device, language):
    monkeypatch.setenv("PATH", "")
    network = torch.nn.Linear(1, 1)
    assert compiled(network, torch.device(device)) is network
    assert f"no {language} compiler found" in caplog.text


@pytest.mark.parametrize(
    "device, programs, environment, is_compiled",
    [
        ("cpu", ["g++"], {}, True),
        ("cpu", ["c++", "clang++"], {}, False),  # torch looks for neither
        ("cpu", ["clang++"], {"CXX": "clang++"}, True),
        ("cpu", ["ccache", "g++"], {"CXX": "ccache g++"}, True),
        ("cpu", ["g++"], {"CXX": "icpx"}, False),
        ("cuda", ["clang"], {}, True),
        ("cuda", ["cc"], {}, False),
        ("cuda", ["cc"], {"CC": "cc"}, True),
        ("cuda", ["gcc"], {"CC": "icx"}, False),
    ],
)
def test_a_network_is_compiled_where_torch_finds_its_compiler(
    monkeypatch, caplog, tmp_path, device, programs, environment, is_compiled
):
    """With cc or clang++ alone, or another CXX, the training failed at its first step."""
    for name in programs:
        (tmp_path / name).touch(mode=0o755)
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"PATH": str(tmp_path), **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("torch.compile", lambda network: "compiled")
    network = torch.nn.Linear(1, 1)
    assert compiled(network, torch.device(device)) == ("compiled" if is_compiled else network)
    assert ("compiler found (tried " in caplog.text) is not is_compiled


def test_a_network_overfits_a_few_faces(data, tmp_path, monkeypatch):
    monkeypatch.setattr("trainer.loop.LOG_EVERY_STEPS", 1)
    still = replace(TINY.augment, scale=0, shift=0, loose_scale=0, rotate_probability=0)
    still = replace(still, tone_probability=0, gray_probability=0, low_resolution_probability=0)
    still = replace(still, blur_probability=0, jpeg_probability=0, noise_probability=0)
    recipe = replace(TINY, epochs=25, augment=still, drawn_fraction=0.0, batch_size=8)
    train(request(recipe, data, tmp_path / "run"))
    total = losses(tmp_path / "run")
    assert np.mean(total[-4:]) < 0.5 * np.mean(total[:4])


def test_the_student_learns_from_teachers_and_leaves_them_unchanged(data, tmp_path):
    pose = replace(find_recipe("pose-teacher", "resnet18"), input_px=32, batch_size=4, epochs=1)
    mask = replace(
        find_recipe("mask-teacher", "lite0"), input_px=32, batch_size=4, epochs=1, pose_faces=1.0
    )
    teachers = [
        train(request(pose, data[:1], tmp_path / "pose", task="pose-teacher")),
        train(request(mask, data, tmp_path / "mask", task="mask-teacher")),
    ]
    before = [file.read_bytes() for file in teachers]
    student = replace(find_recipe("student", "default"), input_px=32, batch_size=4, epochs=1)
    out = tmp_path / "student"
    train(request(student, data, out, teachers=teachers, init=teachers[0]))
    assert [file.read_bytes() for file in teachers] == before
    assert list(out.glob("soft_labels-*.npz"))
    published = replace(find_recipe("student", "paper"), input_px=32, batch_size=4, epochs=1)
    assert train(request(published, data, tmp_path / "paper", teachers=teachers)).exists()


@pytest.mark.parametrize("task", ["pose-teacher", "mask-teacher"])
def test_every_recipe_names_a_network_that_does_its_task(task):
    for recipe in RECIPES[task].values():
        assert recipe.network.endswith(task.split("-")[0])


def test_killed_at_any_moment_a_run_resumes_to_the_same_result(data, tmp_path):
    script = (
        "import sys, torch; torch.set_num_threads(1); import trainer.loop as loop\n"
        "loop.SAVE_EVERY_SECONDS = 0.0\n"
        "from tests.test_trainer_train import TINY, request, replace, Path, train\n"
        "out, *data = map(Path, sys.argv[1:])\n"
        "recipe = replace(TINY, epochs=3, ema_decay=0.9)\n"
        "train(request(recipe, data, out, resume=True))\n"
    )
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    command = [sys.executable, "-c", script, str(killed.path), *map(str, data)]
    kills = 0
    for wanted_step in (3, 8):
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < deadline:
            if (
                killed.state_path.exists()
                and (killed.load_state() or {"step": 0})["step"] >= wanted_step
            ):
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.02)
        process.wait(60)
    subprocess.run(command, check=True, timeout=240)
    assert kills == 2
    command[3] = str(whole.path)
    subprocess.run(command, check=True, timeout=240)
    first = load_checkpoint(whole.model_path).tensors
    second = load_checkpoint(killed.model_path).tensors
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(second[name], value), name


def test_two_processes_train_one_network(data, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, torch; torch.set_num_threads(1)\n"
        "from tests.test_trainer_train import TINY, request, Path, train\n"
        "out, *data = map(Path, sys.argv[1:])\n"
        "train(request(TINY, data, out))\n"
    )
    out = tmp_path / "run"
    torchrun(script, out, data, port=29611)
    assert load_checkpoint(out / "model.safetensors").card.network == "mhpnet"


def test_ranks_stop_together_whoever_of_them_hears_it_first(data, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(
        "import os, sys, threading, torch; torch.set_num_threads(1)\n"
        "from tests.test_trainer_train import TINY, request, replace, Path, train\n"
        "from trainer.loop import TrainingStopped\n"
        "out, *data = map(Path, sys.argv[1:])\n"
        "stop = threading.Event()\n"
        "if os.environ['RANK'] == '1':\n"
        "    stop.set()\n"
        "try:\n"
        "    train(request(replace(TINY, epochs=50), data, out), stop)\n"
        "except TrainingStopped as stopped:\n"
        "    (out / f'rank-{os.environ[\"RANK\"]}').write_text(f'{stopped} {stop.is_set()}')\n"
    )
    out = tmp_path / "run"
    torchrun(script, out, data, port=29612)
    said = [(out / f"rank-{rank}").read_text() for rank in (0, 1)]
    assert said == ["stopped at step 1, its state saved True"] * 2
    assert (RunFolder(out).load_state() or {})["step"] == 1


def torchrun(script: Path, out: Path, data: list[Path], port: int) -> None:
    """Run the script as two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += [f"--master-port={port}", str(script), str(out), *map(str, data)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(command, env=environment, timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("log_every", [2, 20])
def test_time_and_speed_count_every_step(data, tmp_path, monkeypatch, log_every):
    """Of 6 steps an epoch none was counted, for the log was written at the 20th."""
    monkeypatch.setattr("trainer.loop.LOG_EVERY_STEPS", log_every)
    monkeypatch.setattr(Trainer, "train_step", slow_step)
    train(request(replace(TINY, epochs=2), data, tmp_path / "run"))
    rows = RunFolder(tmp_path / "run").metrics()
    ends = {int(row["step"]) for row in rows if "seconds" in row}
    steps = min(ends)
    assert ends == {steps, 2 * steps}
    speeds = {row["step"]: row["images_per_s"] for row in rows if "images_per_s" in row}
    assert speeds.keys() == ends | {s for s in range(1, 2 * steps) if s % log_every == 0}
    assert max(speeds.values()) <= TINY.batch_size / SLOW_STEP_S
    seconds = [row["seconds"] for row in rows if "seconds" in row]
    assert seconds[0] >= steps * SLOW_STEP_S and seconds[1] >= 2 * steps * SLOW_STEP_S
    saved = RunFolder(tmp_path / "run").load_state() or {}
    assert saved["seconds"] == pytest.approx(seconds[1], rel=1e-3)


SLOW_STEP_S = 0.05
original_step = Trainer.train_step


def slow_step(trainer: Trainer, batch: Batch) -> dict[str, torch.Tensor]:
    time.sleep(SLOW_STEP_S)
    return original_step(trainer, batch)


def test_two_processes_share_the_questions_to_the_teachers(data, tmp_path):
    """Each asked about every face, twice the work, and all of them drew on the faces of val."""
    script = tmp_path / "run.py"
    script.write_text(
        "import os, sys, torch; torch.set_num_threads(1)\n"
        "from tests.test_trainer_train import TINY, request, replace, Path, train\n"
        "from tests.test_trainer_train import find_recipe\n"
        "import trainer.soft_labels as soft, trainer.train as training\n"
        "out, teacher, *data = map(Path, sys.argv[1:])\n"
        "said = open(out.with_name('rank' + os.environ['RANK']), 'w', buffering=1)\n"
        "ask, validation = soft.ask_all, training.Validation\n"
        "soft.ask_all = lambda p, r, t: print(*r, file=said) or ask(p, r, t)\n"
        "training.Validation = lambda *a: print('val', file=said) or validation(*a)\n"
        "recipe = replace(TINY, epochs=0.5, loss=find_recipe('student', 'default').loss)\n"
        "train(request(recipe, data, out, teachers=[teacher]))\n"
    )
    teacher = train(request(replace(TINY, epochs=0.5), data, tmp_path / "teacher"))
    out = tmp_path / "run"
    torchrun(script, out, [teacher, *data], port=29613)
    first, second = ((tmp_path / f"rank{rank}").read_text().split() for rank in (0, 1))
    assert "val" in first and "val" not in second
    rows = [int(word) for word in (*first, *second) if word != "val"]
    assert sorted(rows) == list(range(21)) and len(second) == 10
    (answers,) = out.glob("soft_labels-*.npz")
    assert len(np.load(answers)["keys"]) == 21


def test_a_folder_with_another_run_is_not_overwritten(data, tmp_path):
    train(request(replace(TINY, epochs=1), data, tmp_path / "run"))
    unread = [tmp_path / "that-is-not-even-looked-for"]
    with pytest.raises(TrainingRefused, match="already holds a run; add --resume"):
        train(request(TINY, unread, tmp_path / "run"))
    with pytest.raises(TrainingRefused, match="another recipe"):
        train(request(TINY, unread, tmp_path / "run", resume=True))
    with pytest.raises(TrainingRefused, match="another datasets"):
        begun = replace(TINY, epochs=1)
        train(request(begun, data[:1], tmp_path / "run", resume=True))


def test_common_mistakes_end_in_one_line(data, tmp_path, capsys):
    """They ended in a traceback, some after minutes of reading."""
    empty = write_pose_set(tmp_path / "empty", train=2, val=1)
    for picture in (empty / "images").iterdir():
        picture.write_bytes(b"")
    begun, file = tmp_path / "begun", tmp_path / "model.safetensors"
    begun.mkdir()
    config = {"recipe": json.loads(json.dumps(asdict(TINY)))}
    (begun / "config.json").write_text(json.dumps(config))
    file.touch()
    one_task = write_network(tmp_path, "lite0-mask")
    for options, why in (
        (["--data", empty, "--out", tmp_path / "new"], "no readable face in the data given"),
        (["--data", empty, "--out", begun], "already holds a run; add --resume"),
        (["--data", empty, "--out", begun, "--resume"], "was begun with another recipe"),
        (["--data", empty, "--out", file], "is a file; --out takes the folder of a run"),
        (["--data", *data, "--out", tmp_path / "new", "--teachers", one_task], "answers the pose"),
    ):
        command = ["train", "student", "--device", "cpu", *map(str, options)]
        assert main([*command, "--recipe", "scratch"]) == 2
        *log, last = capsys.readouterr().err.splitlines()
        assert why in last and not [line for line in log if "Traceback" in line]
    assert not (tmp_path / "new").exists()


def test_the_loss_that_is_not_finite_stops_the_run_with_its_parts(data, tmp_path):
    broken = replace(TINY, learning_rate=1e30, clip_norm=0.0)
    with pytest.raises(FloatingPointError, match="the loss is not finite at step"):
        train(request(broken, data, tmp_path / "run"))
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_temperature_scaling_repairs_overconfidence():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 4000)
    logits = rng.normal(size=(4000, 3)) + 1.0 * np.eye(3)[labels]
    right = fit_temperature(logits, labels)
    assert fit_temperature(logits * 5, labels) == pytest.approx(5 * right, rel=0.05)


def test_a_mean_of_two_networks_lies_between_them_and_is_judged_anew(data, tmp_path):
    recipe = replace(TINY, epochs=0.5)
    paths = [
        train(request(replace(recipe, seed=seed), data, tmp_path / str(seed))) for seed in (1, 2)
    ]
    first, second = map(load_checkpoint, paths)
    write_average(*paths, tmp_path / "mean.safetensors", 0.25, data)
    mean = load_checkpoint(tmp_path / "mean.safetensors")
    for name in ("backbone.bn1.running_var", "backbone.layer1.0.conv1.weight"):
        expected = 0.75 * first.tensors[name] + 0.25 * second.tensors[name]
        assert torch.allclose(mean.tensors[name], expected, atol=1e-6)
    assert mean.card.recipe == "0.25 student/tiny + 0.75 student/tiny"
    assert mean.card.metrics.keys() == first.card.metrics.keys()
    assert mean.card.metrics != second.card.metrics


def test_networks_of_two_kinds_have_no_mean(tmp_path):
    one, other = (
        load_checkpoint(write_network(tmp_path, name)) for name in ("mhpnet", "lite0-mask")
    )
    with pytest.raises(CheckpointError, match="not the same network"):
        average(one, other, 0.5)


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(ValueError, match="no recipe 'x' for student; known: default"):
        find_recipe("student", "x")
