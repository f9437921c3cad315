"""ONNX files answer as PyTorch does, explain themselves and need none of our code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from core.answer_network import build_answer_network
from core.checkpoint import CheckpointError, ModelCard, load_checkpoint, save_checkpoint
from core.export_onnx import check_answers, export_fp32, export_int8
from core.faces import MASK_CLASSES
from core.images import encode_png
from core.runtime import load_runtime
from tests.onnx_files import ExportedStudent, exported_student, face_crops, write_checkpoint


@pytest.fixture(scope="module")
def student(tmp_path_factory) -> ExportedStudent:
    return exported_student(tmp_path_factory.getbasetemp())


def answers_without_our_code(path: Path, crops_rgb: np.ndarray) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"crops": crops_rgb}), strict=True))


@pytest.mark.parametrize("batch", [1, 5, 33])
def test_the_fp32_file_answers_as_pytorch_does(student, batch):
    crops = face_crops(batch)
    expected = load_runtime(student.checkpoint).predict_batch(crops)
    answers = answers_without_our_code(student.fp32, crops)
    np.testing.assert_allclose(answers["angles_deg"], expected.angles_deg, atol=0.01)
    for name in ("mask_probabilities", "pose_probabilities"):
        np.testing.assert_allclose(answers[name], getattr(expected, name), atol=1e-4)


def test_the_int8_file_answers_nearly_as_pytorch_does(student):
    crops = face_crops(20)
    expected = load_runtime(student.checkpoint).predict_batch(crops)
    answers = answers_without_our_code(student.int8, crops)
    assert np.ptp(expected.angles_deg, axis=0).min() > 3  # the crops are not all alike
    assert np.abs(answers["angles_deg"] - expected.angles_deg).mean() < 1.0
    assert np.abs(answers["mask_probabilities"] - expected.mask_probabilities).mean() < 0.02


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_file_is_valid_and_says_what_it_is(student, precision):
    model = onnx.load(getattr(student, precision))
    onnx.checker.check_model(model, full_check=True)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    stored = load_checkpoint(student.checkpoint)
    assert entries["format"] == "maskpose-onnx-1"
    assert entries["precision"] == precision
    assert entries["source_sha256"] == stored.sha256
    assert json.loads(entries["card"]) == json.loads(json.dumps(asdict(stored.card)))
    crops = model.graph.input[0].type.tensor_type.shape.dim
    assert [d.dim_param or d.dim_value for d in crops] == ["batch", 112, 112, 3]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_file_names_no_path_of_the_machine_that_wrote_it(student, precision):
    data = getattr(student, precision).read_bytes()
    assert str(Path(__file__).parents[1]).encode() not in data
    assert b"site-packages" not in data


def example(language: str) -> str:
    """The program in docs/onnx.md, as a reader would copy it."""
    text = (Path(__file__).parents[1] / "docs" / "onnx.md").read_text(encoding="utf-8")
    return text.partition(f"```{language}\n")[2].partition("```")[0]


def run_example(command: list[str], folder: Path, file: Path) -> None:
    """Asserts that the program says of a face what we say."""
    crop = face_crops(1)
    (folder / "face.png").write_bytes(encode_png(crop[0]))
    arguments = [*command, str(file), "face.png"]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    text = done.stdout.replace("Float32Array(3)", "")  # how Node shows three numbers
    said = [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]
    ours = load_runtime(file).predict_batch(crop)
    np.testing.assert_allclose(said[:3], ours.mask_probabilities[0], atol=0.002)
    np.testing.assert_allclose(said[3:], ours.angles_deg[0], atol=0.1)


def test_the_documented_python_program_needs_none_of_our_code(student, tmp_path):
    program = example("python")
    assert len(program.splitlines()) <= 10 and "core" not in program
    (tmp_path / "face.py").write_text(program, encoding="utf-8")
    run_example([sys.executable, "-I", "face.py"], tmp_path, student.int8)


def test_the_documented_node_program_needs_none_of_our_code(student, tmp_path):
    """Wants `npm install onnxruntime-node sharp`, with NODE_PATH naming that node_modules."""
    try:
        tried = subprocess.run(
            ["node", "-e", "require('onnxruntime-node'); require('sharp')"], capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("Node.js is not on this machine")
    if tried.returncode:
        pytest.skip("Node.js finds no onnxruntime-node and sharp; set NODE_PATH")
    (tmp_path / "face.js").write_text(example("js"), encoding="utf-8")
    run_example(["node", "face.js"], tmp_path, student.fp32)


def test_batch_norms_are_folded_into_the_convolutions(student):
    kinds = Counter(node.op_type for node in onnx.load(student.fp32).graph.node)
    assert kinds["Conv"] == 20
    assert kinds["BatchNormalization"] == 0


def test_int8_means_convolutions_per_channel_and_heads_in_float(student):
    model = onnx.load(student.int8)
    made_by = {output: node for node in model.graph.node for output in node.output}
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 20
    for node in convolutions:
        image, weight = made_by[node.input[0]], made_by[node.input[1]]
        assert (image.op_type, weight.op_type) == ("DequantizeLinear", "DequantizeLinear")
        quantized, scale = weights[weight.input[0]], weights[weight.input[1]]
        assert quantized.data_type == onnx.TensorProto.INT8
        assert list(scale.dims) == [quantized.dims[0]]  # one scale a channel
    heads = [node for node in model.graph.node if node.op_type in ("Gemm", "MatMul")]
    assert len(heads) >= 5
    assert all(weights[n.input[1]].data_type == onnx.TensorProto.FLOAT for n in heads)


def test_the_int8_file_has_at_most_12_megabytes(student):
    assert student.int8.stat().st_size <= 12_000_000


def test_cards_of_foreign_weights_are_carried_into_the_graph(tmp_path):
    """Two mask classes, BGR, left bin edges and a temperature: as converted weights have them."""
    card = ModelCard(
        network="mhpnet-2class",
        channel_order="bgr",
        decode="left-edges",
        mask_temperature=1.7,
        mask_classes=("unmasked", "masked"),
    )
    write_checkpoint(tmp_path / "m.safetensors", card)
    export_fp32(tmp_path / "m.safetensors", tmp_path / "m.onnx")
    crops = face_crops(4)
    expected = load_runtime(tmp_path / "m.safetensors").predict_batch(crops)
    answers = answers_without_our_code(tmp_path / "m.onnx", crops)
    np.testing.assert_allclose(answers["angles_deg"], expected.angles_deg, atol=0.01)
    np.testing.assert_allclose(
        answers["mask_probabilities"], expected.mask_probabilities, atol=1e-4
    )
    assert not answers["mask_probabilities"][:, MASK_CLASSES.index("incorrect")].any()


def test_a_teacher_of_one_task_has_that_answer_only(tmp_path):
    write_checkpoint(tmp_path / "m.safetensors", ModelCard(network="resnet18-pose"))
    export_fp32(tmp_path / "m.safetensors", tmp_path / "m.onnx")
    answers = answers_without_our_code(tmp_path / "m.onnx", face_crops(2))
    assert set(answers) == {"angles_deg", "pose_probabilities"}
    batch = load_runtime(tmp_path / "m.onnx").predict_batch(face_crops(2))
    assert batch.mask_probabilities is None and batch.rotation.shape == (2, 3, 3)


def test_a_model_whose_answers_overflow_is_not_exported(student, tmp_path):
    stored = load_checkpoint(student.checkpoint)
    stored.tensors["mask_head.weight"] *= 1e38  # finite weights, as a checkpoint must have
    save_checkpoint(tmp_path / "m.safetensors", stored.card, stored.tensors)
    with pytest.raises(CheckpointError, match="answers are not finite"):
        export_fp32(tmp_path / "m.safetensors", tmp_path / "m.onnx")
    assert not list(tmp_path.glob("*.onnx*"))


def test_a_graph_that_answers_otherwise_than_pytorch_is_caught(student):
    stored = load_checkpoint(student.checkpoint)
    stored.tensors["yaw_head.bias"] += torch.linspace(0, 0.01, 62)
    network = build_answer_network(stored, "m")
    with pytest.raises(CheckpointError, match=r"differs from PyTorch by .* in angles_deg"):
        check_answers(network, onnx.load(student.fp32))


def test_calibration_crops_of_another_size_are_refused(student):
    with pytest.raises(ValueError, match=r"expected uint8 crops \(N, 112, 112, 3\)"):
        export_int8(student.checkpoint, student.int8, np.zeros((4, 96, 96, 3), np.uint8))
