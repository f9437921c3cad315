"""Every runtime answers alike, and no file is trusted before it is checked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from core.answer_network import build_answer_network
from core.checkpoint import CheckpointError, ModelCard, load_checkpoint
from core.faces import MASK_CLASSES
from core.predictor import load_predictor
from core.runtime import BatchPrediction, Ensemble, load_runtime, onnx_runtime
from core.runtime.cuda_graphs import in_half_precision
from core.runtime.fastest import CALLS, WARM_UP_CALLS, load_fastest
from core.runtime.loading import available_runtimes
from core.runtime.onnx_runtime import load_onnx
from tests.onnx_files import ExportedStudent, exported_student, face_crops, write_checkpoint

CARD = json.dumps(asdict(ModelCard(network="mhpnet")))
TAGS = {"format": "maskpose-onnx-1", "card": CARD, "precision": "fp32", "source_sha256": "0" * 64}


@pytest.fixture(scope="module")
def student(tmp_path_factory) -> ExportedStudent:
    return exported_student(tmp_path_factory.getbasetemp())


def tiny_model(path: Path, tags: dict[str, str], **changes) -> onnx.ModelProto:
    """An ONNX file that flattens its crops; ``changes`` replace the input's name, type, shape."""
    name = changes.get("name", "crops")
    shape = changes.get("shape", ["batch", 112, 112, 3])
    graph = helper.make_graph(
        [helper.make_node("Cast", [name], ["angles_deg"], to=TensorProto.FLOAT)],
        "tiny",
        [helper.make_tensor_value_info(name, changes.get("type", TensorProto.UINT8), shape)],
        [helper.make_tensor_value_info(changes.get("output", "angles_deg"), 1, shape)],
    )
    graph.node[0].output[0] = changes.get("output", "angles_deg")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, tags)
    onnx.save(model, path)
    return model


OVERFLOW = "from core.runtime.onnx_runtime import *; print(sums_of_bytes_overflow())"


@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="needs Debian's qemu-user")
def test_a_processor_without_vnni_is_known_by_its_sums():
    """An emulated one, so that it is tested on any machine."""
    emulated = ["qemu-x86_64", "-cpu", "Haswell", sys.executable, "-c", OVERFLOW]
    root = Path(__file__).parents[1]  # where the program is imported from, wherever pytest began
    answer = subprocess.run(
        emulated, cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert answer.stdout == "True\n", answer.stderr


def test_processors_with_vnni_sum_bytes_exactly():
    flags = Path("/proc/cpuinfo")
    if not flags.is_file() or "vnni" not in flags.read_text(encoding="utf-8"):
        pytest.skip("this processor does not say that it has VNNI")
    assert not onnx_runtime.sums_of_bytes_overflow()


@pytest.mark.parametrize("runtime", ["torch", "onnx", "onnx-int8"])
def test_every_runtime_answers_each_crop_by_itself(student, runtime):
    model = load_runtime(student.checkpoint, runtime)
    crops = face_crops(6)
    batch = model.predict_batch(crops)
    assert batch.mask_probabilities.shape == (6, 3)
    assert batch.angles_deg.shape == (6, 3)
    assert batch.pose_probabilities.shape == (6, 3, 62)
    assert all(array.dtype == np.float32 for array in batch)
    np.testing.assert_allclose(batch.mask_probabilities.sum(1), 1, atol=1e-5)
    alone = model.predict_batch(crops[4:5])
    np.testing.assert_allclose(alone.angles_deg[0], batch.angles_deg[4], atol=2e-3)


@pytest.mark.parametrize("runtime", ["torch", "onnx", "onnx-int8"])
def test_a_runtime_says_what_computes_and_the_model_id_names_the_weights(student, runtime):
    model = load_runtime(student.checkpoint, runtime)
    assert model.name == runtime
    assert model.model_id == load_checkpoint(student.checkpoint).model_id


def test_an_onnx_file_can_be_named_as_the_model(student, astronaut_rgb):
    predictor = load_predictor(str(student.int8))
    (face,) = predictor.predict(astronaut_rgb)
    assert face.model_id == load_checkpoint(student.checkpoint).model_id
    assert set(face.mask.probabilities) == set(MASK_CLASSES)


def test_one_onnx_runtime_serves_many_threads(student):
    model = load_onnx(student.int8, threads=1)
    crops = face_crops(8)
    expected = model.predict_batch(crops).angles_deg
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda row: model.predict_batch(crops[row : row + 1]), range(8)))
    together = np.concatenate([answer.angles_deg for answer in answers])
    np.testing.assert_allclose(together, expected, atol=1e-3)


def test_crops_of_a_wrong_kind_are_refused(student):
    model = load_runtime(student.fp32)
    for crops in (face_crops(1).astype(np.float32), np.zeros((1, 96, 96, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"expected uint8 crops \(B, 112, 112, 3\)"):
            model.predict_batch(crops)


def test_a_missing_export_names_the_command_that_makes_it(tmp_path):
    path = tmp_path / "m.safetensors"
    write_checkpoint(path, ModelCard(network="mhpnet"))
    command = rf"launch.py export {path.with_suffix('.int8.onnx')} --runtime onnx-int8"
    with pytest.raises(CheckpointError, match=command):
        load_runtime(path, "onnx-int8")


def test_an_export_of_other_weights_is_refused(student, tmp_path):
    path = tmp_path / "m.safetensors"
    write_checkpoint(path, ModelCard(network="mhpnet", run_id="another"))
    (tmp_path / "m.onnx").write_bytes(student.fp32.read_bytes())
    with pytest.raises(CheckpointError, match="made from other weights than"):
        load_runtime(path, "onnx")
    (tmp_path / "m.int8.onnx").write_bytes(student.fp32.read_bytes())
    with pytest.raises(CheckpointError, match="computes in fp32, not int8"):
        load_runtime(path, "onnx-int8")


def test_an_unknown_runtime_names_the_known_ones(student):
    with pytest.raises(CheckpointError, match="unknown runtime 'tpu'; give one of torch, onnx"):
        load_runtime(student.checkpoint, "tpu")


def test_files_that_are_not_onnx_are_refused_in_one_line(tmp_path, student):
    path = tmp_path / "m.onnx"
    whole = student.int8.read_bytes()
    for data in (b"", b"not a model", whole[:1000], whole[: len(whole) // 2], whole[100:]):
        path.write_bytes(data)
        with pytest.raises(CheckpointError) as caught:
            load_onnx(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "changes", "message"),
    [
        ({}, {}, "has format None, expected 'maskpose-onnx-1'"),
        (TAGS | {"precision": "int3"}, {}, "precision 'int3', unknown"),
        (TAGS | {"card": "{"}, {}, "model card cannot be read"),
        (TAGS, {"name": "image"}, "takes .*'image'.*, expected .*'crops'"),
        (TAGS, {"type": TensorProto.FLOAT}, "takes .*float.*, expected .*uint8"),
        (TAGS, {"shape": ["batch", 96, 96, 3]}, "takes .*96.*, expected .*112"),
        (TAGS, {"output": "boxes"}, r"gives \['boxes'\], expected some of \['mask_probabilities'"),
    ],
)
def test_foreign_onnx_files_are_refused_with_the_reason(tmp_path, tags, changes, message):
    tiny_model(tmp_path / "m.onnx", tags, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_onnx(tmp_path / "m.onnx")


def test_weights_in_other_files_are_never_opened(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(400))
    model = tiny_model(tmp_path / "m.onnx", TAGS)
    tensor = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[100])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret.bin")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match="refers to other files or graphs, refused"):
        load_onnx(tmp_path / "m.onnx")


def test_sparse_weights_could_lie_in_other_files_too(tmp_path):
    model = tiny_model(tmp_path / "m.onnx", TAGS)
    node = model.graph.node.add(op_type="Constant", output=["w"])
    values = node.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR)
    values.sparse_tensor.values.data_location = TensorProto.EXTERNAL
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match="refers to other files or graphs, refused"):
        load_onnx(tmp_path / "m.onnx")


def test_a_file_beyond_the_size_bound_is_not_read(tmp_path, monkeypatch):
    tiny_model(tmp_path / "m.onnx", TAGS)
    monkeypatch.setattr(onnx_runtime, "MAX_FILE_BYTES", 100)
    with pytest.raises(CheckpointError, match="larger than 0 MiB, refused"):
        load_onnx(tmp_path / "m.onnx")


def test_an_ensemble_may_mix_runtimes_and_averages_their_answers(student):
    members = [load_runtime(student.checkpoint, name) for name in ("torch", "onnx-int8")]
    crops = face_crops(3)
    together = Ensemble(members).predict_batch(crops)
    each = [member.predict_batch(crops).angles_deg for member in members]
    np.testing.assert_allclose(together.angles_deg, np.mean(each, axis=0), atol=1e-5)


class Waiting:
    """A runtime that takes as long as it is told and counts its calls."""

    model_id = "waiting"
    card = ModelCard(network="mhpnet")

    def __init__(self, name: str, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self.calls = 0

    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        self.calls += 1
        time.sleep(self.seconds)
        return BatchPrediction(None, None, None)


def waiting(**seconds: float) -> dict[str, Waiting]:
    return {name: Waiting(name, seconds) for name, seconds in seconds.items()}


def test_the_fastest_runtime_is_measured_once_and_remembered(student, tmp_path):
    runtimes = waiting(torch=0.004, onnx=0.001, slow=0.008)
    memory = tmp_path / "cache" / "fastest.json"

    def load() -> str:
        names = list(runtimes)
        return load_fastest(student.fp32, "cpu", names, runtimes.__getitem__, memory).name

    assert [load(), load()] == ["onnx", "onnx"]
    measured = WARM_UP_CALLS + CALLS
    assert runtimes["torch"].calls == runtimes["slow"].calls == measured
    assert runtimes["onnx"].calls == measured + WARM_UP_CALLS
    assert [path.name for path in memory.parent.iterdir()] == ["fastest.json"]


def test_the_fastest_is_measured_for_each_model(student, tmp_path):
    for model in (student.fp32, student.int8):
        runtimes = waiting(torch=0.002, onnx=0.0)
        load_fastest(model, "cpu", list(runtimes), runtimes.__getitem__, tmp_path / "f.json")
        assert runtimes["torch"].calls == WARM_UP_CALLS + CALLS


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}'])
def test_a_damaged_memory_of_the_fastest_is_measured_anew(student, tmp_path, content):
    memory = tmp_path / "fastest.json"
    memory.write_text(content)
    runtimes = waiting(torch=0.002, onnx=0.0)
    load = runtimes.__getitem__
    assert load_fastest(student.int8, "cpu", list(runtimes), load, memory).name == "onnx"


@pytest.mark.parametrize("error", [CheckpointError("other weights"), RuntimeError("CUDA error")])
def test_auto_leaves_out_what_cannot_be_loaded(student, tmp_path, error, caplog):
    """An export of older weights must not stop the app from starting, remembered or not."""
    runtimes, memory = waiting(torch=0.001, onnx=0.0), tmp_path / "f.json"

    def load(name: str) -> Waiting:
        if name == "onnx":
            raise error
        return runtimes[name]

    names = list(runtimes)
    assert load_fastest(student.int8, "cpu", names, runtimes.__getitem__, memory).name == "onnx"
    assert load_fastest(student.int8, "cpu", names, load, memory).name == "torch"
    assert f"runtime onnx is left out: {error}" in caplog.text
    assert load_fastest(student.int8, "cpu", names, load, memory).name == "torch"


def test_a_choice_without_one_of_the_candidates_is_not_final(student, tmp_path):
    """New weights beside an export of the old ones: once it is exported anew, it answers."""
    runtimes, memory = waiting(torch=0.002, onnx=0.0), tmp_path / "f.json"

    def load(name: str) -> Waiting:
        if name == "onnx":
            raise CheckpointError("of other weights")
        return runtimes[name]

    names = list(runtimes)
    assert load_fastest(student.int8, "cpu", names, load, memory).name == "torch"
    assert load_fastest(student.int8, "cpu", names, runtimes.__getitem__, memory).name == "onnx"


def test_auto_still_works_where_nothing_can_be_remembered(student, tmp_path):
    (tmp_path / "file").write_text("")
    runtimes = waiting(torch=0.001, onnx=0.0)
    memory = tmp_path / "file" / "f.json"  # a folder that cannot be made
    load = runtimes.__getitem__
    assert load_fastest(student.int8, "cpu", list(runtimes), load, memory).name == "onnx"


def test_auto_chooses_among_the_files_beside_the_checkpoint(student, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path))
    assert available_runtimes(student.checkpoint, "cpu") == ["torch", "onnx", "onnx-int8"]
    assert available_runtimes(student.checkpoint, "cuda:0") == ["torch", "cuda-graphs"]
    runtime = load_runtime(student.checkpoint, "auto")
    assert runtime.name in ("torch", "onnx", "onnx-int8")
    assert runtime.predict_batch(face_crops(1)).angles_deg.shape == (1, 3)
    assert (tmp_path / "fastest-runtime.json").is_file()


def test_runtimes_refuse_a_device_they_cannot_use(student):
    with pytest.raises(CheckpointError, match="'onnx-int8' computes on the CPU"):
        load_runtime(student.checkpoint, "onnx-int8", "cuda:0")
    with pytest.raises(CheckpointError, match="CUDA graphs need a CUDA device, got 'cpu'"):
        load_runtime(student.checkpoint, "cuda-graphs", "cpu")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_backbone_in_half_precision_changes_angles_little(student, dtype):
    stored = load_checkpoint(student.checkpoint)
    exact, half = (build_answer_network(stored, "m") for _ in range(2))
    crops = torch.from_numpy(face_crops(4))
    with torch.inference_mode():
        expected, answers = exact(crops), in_half_precision(half, dtype)(crops)
    assert answers.angles_deg.dtype == torch.float32
    assert (answers.angles_deg - expected.angles_deg).abs().mean() < 1.0


@pytest.mark.cuda
def test_cuda_graphs_answer_as_pytorch_does_for_any_number_of_crops(student):
    exact = load_runtime(student.checkpoint)
    graphs = load_runtime(student.checkpoint, "cuda-graphs", "cuda:0")
    crops = face_crops(600)
    expected = exact.predict_batch(crops).angles_deg
    for count in (1, 3, 64, 513, 600, 1):  # filled up, exact, cut, and a graph used again
        answers = graphs.predict_batch(crops[:count])
        assert answers.mask_probabilities.shape == (count, 3)
        assert np.abs(answers.angles_deg - expected[:count]).mean() < 1.0


@pytest.mark.cuda
def test_graphs_are_recorded_while_other_threads_use_the_device(student):
    """A global capture mode would fail as soon as another thread allocates."""
    eager = load_runtime(student.checkpoint, "torch", "cuda:0")
    graphs = load_runtime(student.checkpoint, "cuda-graphs", "cuda:0")
    crops = face_crops(64)
    with ThreadPoolExecutor(2) as threads:
        busy = [threads.submit(eager.predict_batch, crops[:n]) for n in range(1, 65)]
        answers = [graphs.predict_batch(crops[:n]).angles_deg for n in (1, 2, 4, 8, 16, 32, 64)]
        assert all(np.isfinite(one.result().angles_deg).all() for one in busy)
    np.testing.assert_allclose(answers[0][0], answers[-1][0], atol=1.0)


@pytest.mark.cuda
def test_auto_chooses_cuda_graphs_on_a_gpu(student, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path))
    assert load_runtime(student.checkpoint, "auto", "cuda:0").name == "cuda-graphs"
