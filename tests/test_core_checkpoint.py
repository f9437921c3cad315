"""Checkpoints explain themselves, load strictly, and never run code."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.checkpoint import (
    FORMAT,
    CheckpointError,
    ModelCard,
    load_checkpoint,
    load_weights,
    save_checkpoint,
)
from core.conversion import convert_published_student
from core.face_network import build_face_network, normalize
from core.networks import create_network
from core.predictor import STUDENT, WEIGHTS, load_predictor


def write(path: Path, card: ModelCard | None = None, *, half: bool = False) -> torch.nn.Module:
    torch.manual_seed(3)
    card = card or ModelCard(network="mhpnet", metrics={"mae_deg": 3.5}, run_id="r1")
    network = create_network(card.network).eval()
    save_checkpoint(path, card, network.state_dict(), half=half)
    return network


def crops(count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 112, 112, 3), dtype=torch.uint8, generator=generator)


def test_round_trip_gives_identical_predictions_and_the_same_card(tmp_path):
    network = write(tmp_path / "m.safetensors")
    stored = load_checkpoint(tmp_path / "m.safetensors")
    assert stored.card == ModelCard(network="mhpnet", metrics={"mae_deg": 3.5}, run_id="r1")
    assert stored.model_id == f"mhpnet-{stored.sha256[:8]}"
    again = build_face_network(stored, "m")
    for first, second in zip(network(normalize(crops(), stored.card)), again(crops()), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-5)


def test_half_precision_storage_changes_angles_by_less_than_a_hundredth_of_a_degree(tmp_path):
    write(tmp_path / "full.safetensors")
    write(tmp_path / "half.safetensors", half=True)
    answers = [
        load_predictor(str(tmp_path / n), "cpu").predict_batch(crops(8).numpy())
        for n in ("full.safetensors", "half.safetensors")
    ]
    np.testing.assert_allclose(answers[0].angles_deg, answers[1].angles_deg, atol=0.01)
    sizes = [(tmp_path / n).stat().st_size for n in ("full.safetensors", "half.safetensors")]
    assert sizes[1] < 0.51 * sizes[0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t.pop("yaw_head.bias"), "missing: yaw_head.bias"),
        (lambda t: t.update(extra=torch.zeros(1)), "unexpected: extra"),
        (lambda t: t.update({"yaw_head.bias": torch.zeros(66)}), "wrong shape: yaw_head.bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_keys(change, expected):
    network = create_network("mhpnet")
    tensors = dict(network.state_dict())
    change(tensors)
    with pytest.raises(CheckpointError, match=expected):
        load_weights(network, tensors, "file")


def test_what_is_not_a_checkpoint_of_ours_says_so_in_one_line(tmp_path):
    good = tmp_path / "good.safetensors"
    write(good)
    cases = {
        "none.safetensors": None,
        "empty.safetensors": b"",
        "text.safetensors": b"hello",
        "cut.safetensors": good.read_bytes()[:5000],
        "pickle.pth": pickle.dumps({"a": 1}),
    }
    for name, data in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(CheckpointError) as error:
            load_checkpoint(tmp_path / name)
        assert name in str(error.value) and "\n" not in str(error.value)
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="expected 'maskpose-checkpoint-1'"):
        load_checkpoint(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize(
    "card",
    [
        *("not json", "[]", '{"network": "mhpnet", "surprise": 1}', '{"input_px": 112}'),
        "[" * 100_000,
        '{"network": "mhpnet", "mask_temperature": 1%s}' % ("0" * 400),
    ],
    ids=["no-json", "list", "surprise", "no-network", "deep", "large"],
)
def test_a_model_card_that_cannot_be_read_is_refused(tmp_path, card):
    path = tmp_path / "m.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"format": FORMAT, "card": card})
    with pytest.raises(CheckpointError, match="model card"):
        load_checkpoint(path)


def test_a_network_of_a_newer_version_is_named(tmp_path):
    path = tmp_path / "m.safetensors"
    save_checkpoint(path, ModelCard(network="mhpnet-9"), {"a": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="'mhpnet-9' that this version does not have"):
        build_face_network(load_checkpoint(path), str(path))


def test_weights_of_a_training_that_failed_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    network = create_network("mhpnet")
    with torch.no_grad():
        network.mask_head.bias[1] = float("nan")
    save_checkpoint(path, ModelCard(network="mhpnet"), network.state_dict())
    with pytest.raises(CheckpointError, match=r"no finite numbers.*mask_head\.bias"):
        build_face_network(load_checkpoint(path), str(path))


def test_a_card_outside_its_ranges_is_refused():
    with pytest.raises(ValueError, match="channel_order must be one of"):
        ModelCard(network="mhpnet", channel_order="gbr")
    with pytest.raises(ValueError, match="out of range"):
        ModelCard(network="mhpnet", input_px=100_000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("mask_temperature", value) for value in (0, -1, float("nan"), float("inf"), "x", None)],
        *[("mean", value) for value in ([0.5], [0.5, 0.5, float("nan")], "abc", 5)],
        *[("std", value) for value in ([0.2, 0.2, 0], [0.2, 0.2, -1], [0.2] * 4)],
        *[("network", 5), ("network", ""), ("run_id", ["r"]), ("licence", None)],
        *[("bin_count", 66), ("bin_width_deg", 2.0), ("min_angle_deg", -99)],
        *[("mask_classes", value) for value in (["masked", "unmasked"], ["unmasked"], [], 3)],
        *[("metrics", [1]), ("datasets", "train"), ("input_px", 112.5)],
    ],
)
def test_a_card_that_would_not_be_obeyed_is_refused(tmp_path, name, value):
    path = tmp_path / "m.safetensors"
    card = json.dumps(asdict(ModelCard(network="mhpnet")) | {name: value})
    save_file({"a": torch.zeros(1)}, path, metadata={"format": FORMAT, "card": card})
    with pytest.raises(CheckpointError, match="model card") as error:
        load_checkpoint(path)
    assert "\n" not in str(error.value)


def test_all_shipped_models_have_a_card_that_is_obeyed():
    paths = sorted(WEIGHTS.glob("*.safetensors"))
    assert paths or not STUDENT.exists()
    for path in paths:
        assert load_checkpoint(path).card.mask_temperature > 0


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(TypeError):
        save_checkpoint(path, ModelCard(network="x", metrics={"a": object()}), {})  # type: ignore[dict-item]
    assert list(tmp_path.iterdir()) == []


def published_tensors() -> dict[str, torch.Tensor]:
    """A generated file in the form of the authors' ``MergeResNet``."""
    torch.manual_seed(5)
    names = {"pose_neck.0": "linear", "yaw_head": "fc_yaw", "pitch_head": "fc_pitch"}
    names |= {"roll_head": "fc_roll", "mask_head": "fc_mask"}
    tensors = {}
    for key, value in create_network("mhpnet-2class").state_dict().items():
        for ours, theirs in names.items():
            key = key.replace(f"{ours}.", f"{theirs}.") if key.startswith(f"{ours}.") else key
        tensors[key.removeprefix("backbone.")] = value
    return tensors


@pytest.mark.parametrize("wrap", [lambda t: t, lambda t: {"state_dict": t}])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_authors_student_converts_and_answers_as_theirs_would(tmp_path, wrap, prefix):
    tensors = published_tensors()
    torch.save(wrap({prefix + k: v for k, v in tensors.items()}), tmp_path / "MaskPose_R18.pth")
    convert_published_student(tmp_path / "MaskPose_R18.pth", tmp_path / "m.safetensors")
    predictor = load_predictor(str(tmp_path / "m.safetensors"), "cpu")
    answer = predictor.predict_batch(crops().numpy())

    # their own way: BGR, (x − 127.5) / 128, left bin edges
    network = create_network("mhpnet-2class").eval()
    network.load_state_dict(load_checkpoint(tmp_path / "m.safetensors").tensors)
    images = (crops().flip(-1).permute(0, 3, 1, 2).float() - 127.5) / 128
    with torch.inference_mode():
        outputs = network(images)
    edges = torch.arange(62) * 3.0 - 93
    expected = (outputs.pose_logits.softmax(-1) * edges).sum(-1)
    np.testing.assert_allclose(answer.angles_deg, expected, atol=1e-3)
    np.testing.assert_allclose(
        answer.mask_probabilities[:, :2], outputs.mask_logits.softmax(-1), atol=1e-5
    )
    assert (answer.mask_probabilities[:, 2] == 0).all()


def test_conversion_never_runs_code_and_never_overwrites(tmp_path):
    class Attack:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    (tmp_path / "bad.pth").write_bytes(pickle.dumps({"conv1.weight": Attack()}))
    with pytest.raises(CheckpointError, match="cannot be read as plain tensors"):
        convert_published_student(tmp_path / "bad.pth", tmp_path / "m.safetensors")
    torch.save({"conv1.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="do not fit"):
        convert_published_student(tmp_path / "other.pth", tmp_path / "m.safetensors")
    for odd in (b"\x80\x02}b.", b"\x80\x02)R.", b"\x80\x02J"):
        (tmp_path / "odd.pth").write_bytes(odd)
        with pytest.raises(CheckpointError, match="cannot be read as plain tensors"):
            convert_published_student(tmp_path / "odd.pth", tmp_path / "m.safetensors")
    assert not (tmp_path / "ran").exists() and not (tmp_path / "m.safetensors").exists()
    (tmp_path / "m.safetensors").write_text("mine")
    with pytest.raises(CheckpointError, match="is there already"):
        convert_published_student(tmp_path / "other.pth", tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").read_text() == "mine"
