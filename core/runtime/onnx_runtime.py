"""Exported models on ONNX Runtime: float32, or 8-bit integers on processors made for them.

A file is read only when it is one of ours: bounded in size, tagged, self-contained, and with the
input and outputs that its model card promises.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from core.answer_network import FaceAnswers
from core.checkpoint import MAX_FILE_BYTES, CheckpointError, ModelCard, parse_card
from core.runtime.prediction import BatchPrediction
from core.whole_files import sha256_of

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

FORMAT = "maskpose-onnx-1"
INPUT = "crops"
PRECISIONS = ("fp32", "int8")


class OnnxRuntime:
    """An exported model, loaded from the bytes of its file; ``source`` names it in errors.

    ``threads`` is the number of CPU threads a batch; None leaves it to ONNX Runtime, which takes
    all cores. One runtime may serve many threads.
    """

    def __init__(self, data: bytes, source: str, threads: int | None = None) -> None:
        header = _read_header(data, source)
        self.card = header.card
        self.precision = header.precision
        self.source_sha256 = header.source_sha256
        self.name = "onnx" if self.precision == "fp32" else f"onnx-{self.precision}"
        self.model_id = f"{self.card.network}-{self.source_sha256[:8]}"  # of the weights
        self._session = _open_session(data, source, threads)
        _check_interface(self._session, self.card, source)
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def provider(self) -> str:
        """What computes: the ONNX Runtime execution provider in use."""
        return str(self._session.get_providers()[0])

    def predict_batch(self, crops_rgb: np.ndarray) -> BatchPrediction:
        """Answers for uint8 crops (B, S, S, 3), S = ``card.input_px``."""
        size_px = self.card.input_px
        if crops_rgb.dtype != np.uint8 or crops_rgb.shape[1:] != (size_px, size_px, 3):
            raise ValueError(
                f"expected uint8 crops (B, {size_px}, {size_px}, 3), "
                f"got {crops_rgb.dtype} {crops_rgb.shape}"
            )
        values = self._session.run(None, {INPUT: np.ascontiguousarray(crops_rgb)})
        answers = dict(zip(self._outputs, values, strict=True))
        return BatchPrediction(*(answers.get(name) for name in FaceAnswers._fields))


def load_onnx(path: Path, threads: int | None = None) -> OnnxRuntime:
    """The model of an ONNX file that ``launch.py export`` wrote. Raises CheckpointError."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such model file; make one with `launch.py export`")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CheckpointError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB, refused")
    return OnnxRuntime(path.read_bytes(), str(path), threads)


def load_exported(checkpoint: Path, precision: str, threads: int | None = None) -> OnnxRuntime:
    """The ONNX file beside a checkpoint, made of these very weights. Raises CheckpointError."""
    path = exported_path(checkpoint, precision)
    runtime = "onnx" if precision == "fp32" else f"onnx-{precision}"
    remedy = f"make it with `launch.py export {path} --runtime {runtime} --model {checkpoint}`"
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; {remedy}")
    exported = load_onnx(path, threads)
    if exported.precision != precision:
        raise CheckpointError(
            f"{path}: computes in {exported.precision}, not {precision}; {remedy}"
        )
    if checkpoint.is_file() and exported.source_sha256 != sha256_of(checkpoint):
        raise CheckpointError(f"{path}: made from other weights than {checkpoint}; {remedy}")
    return exported


def exported_path(checkpoint: Path, precision: str) -> Path:
    """Where the ONNX form of a checkpoint lies: ``m.onnx`` or ``m.int8.onnx`` beside it."""
    return checkpoint.with_suffix(".onnx" if precision == "fp32" else f".{precision}.onnx")


class _Header(NamedTuple):
    """What a file says about itself."""

    card: ModelCard
    precision: str
    source_sha256: str


def _read_header(data: bytes, source: str) -> _Header:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise CheckpointError(f"{source}: not an ONNX file: {error}") from None
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if entries.get("format") != FORMAT:
        raise CheckpointError(
            f"{source}: has format {entries.get('format')!r}, expected {FORMAT!r}; "
            "use an ONNX file written by `launch.py export`"
        )
    if not _is_self_contained(model):
        raise CheckpointError(f"{source}: refers to other files or graphs, refused")
    if entries.get("precision") not in PRECISIONS:
        raise CheckpointError(f"{source}: has precision {entries.get('precision')!r}, unknown")
    card = parse_card(Path(source), entries.get("card", ""))
    return _Header(card, entries["precision"], entries.get("source_sha256", ""))


def _is_self_contained(model: ModelProto) -> bool:
    """Whether all weights lie in the file; ONNX Runtime would open any path named in it."""
    graph = model.graph
    tensors = [*graph.initializer]
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        if attribute.HasField("g") or attribute.graphs:
            return False
        if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
            return False
        tensors += [attribute.t, *attribute.tensors]
    inside = all(tensor.data_location == tensor.DEFAULT for tensor in tensors)
    return inside and not graph.sparse_initializer and not model.functions


def _open_session(data: bytes, source: str, threads: int | None) -> InferenceSession:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # errors only
    # Threads spin between the layers, which is fast, but not after an answer: that burned 50 ms of
    # processor time each time, which the next photo's detector or a training needs.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Overflowing sums cost .006 MCC. Where they overflow this is a third slower; elsewhere it would
    # answer the same in two and a half times the time.
    if sums_of_bytes_overflow():
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common class
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{source}: ONNX Runtime cannot load it: {reason}") from None


@functools.cache
def sums_of_bytes_overflow() -> bool:
    """Whether ONNX Runtime's sums of 8-bit products are wrong on this processor: tried once, 1 ms.

    Without VNNI, x86 processors add two such products in 16 bits, and 2 × 255 × 127 has 17.
    """
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    inputs = 64
    weights = numpy_helper.from_array(np.full((inputs, 16), 127, np.int8), "weights")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["bytes", "weights"], ["sums"])],
        "sums_of_bytes",
        [helper.make_tensor_value_info("bytes", TensorProto.UINT8, [1, inputs])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, [1, 16])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (sums,) = session.run(None, {"bytes": np.full((1, inputs), 255, np.uint8)})
    return bool((sums != inputs * 255 * 127).any())


def _check_interface(session: InferenceSession, card: ModelCard, source: str) -> None:
    """Raises CheckpointError unless the graph takes our crops and gives our answers."""
    inputs = [(value.name, value.type, value.shape[1:]) for value in session.get_inputs()]
    expected = [(INPUT, "tensor(uint8)", [card.input_px, card.input_px, 3])]
    if inputs != expected:
        raise CheckpointError(f"{source}: takes {inputs}, expected {expected}")
    outputs = {value.name for value in session.get_outputs()}
    if not outputs or not outputs <= set(FaceAnswers._fields):
        raise CheckpointError(
            f"{source}: gives {sorted(outputs)}, expected some of {list(FaceAnswers._fields)}"
        )
