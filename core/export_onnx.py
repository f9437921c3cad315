"""Checkpoints as ONNX files that need none of our code: uint8 crops in, degrees out.

    fp32: what PyTorch computes, batch norms folded into the convolutions
    int8: convolutions on 8-bit integers (QDQ, one scale a channel), heads and answers in float32

Input ``crops`` (batch, S, S, 3) uint8 RGB; outputs as in ``core.answer_network.FaceAnswers``.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.answer_network import AnswerNetwork, FaceAnswers, build_answer_network
from core.checkpoint import CheckpointError, ModelCard, load_checkpoint
from core.face_network import FaceNetwork
from core.runtime.onnx_runtime import FORMAT, INPUT, OnnxRuntime
from core.whole_files import write_whole

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
#: A file that answers differently from PyTorch by more is not written.
MAX_DIFFERENCE_DEG = 0.01
MAX_DIFFERENCE_PROBABILITY = 1e-4

#: What INT8 computes; everything else, first of all the heads, stays in float32.
_INT8_OPERATORS = ("Conv", "Relu", "Clip", "Add", "MaxPool")
_CALIBRATION_BATCH = 32


def export_fp32(source: Path, target: Path) -> None:
    """Write the checkpoint ``source`` as an ONNX file. Raises CheckpointError."""
    network, sha256 = _load(source)
    model = _trace(network)
    _tag(model, network.card, sha256, "fp32")
    check_answers(network, model)
    _write(model, target)


def export_int8(source: Path, target: Path, crops_rgb: np.ndarray) -> None:
    """Write the checkpoint ``source`` with 8-bit convolutions. Raises CheckpointError.

    ``crops_rgb`` (N, S, S, 3) uint8 show what values occur inside the network: some hundred crops,
    among them every kind of face the model will see (profiles, masks, dark pictures).
    """
    network, sha256 = _load(source)
    size_px = network.card.input_px
    if crops_rgb.dtype != np.uint8 or crops_rgb.shape[1:] != (size_px, size_px, 3):
        raise ValueError(f"expected uint8 crops (N, {size_px}, {size_px}, 3)")
    model = _quantize(_trace(network), crops_rgb)
    _tag(model, network.card, sha256, "int8", calibration_crops=str(len(crops_rgb)))
    _write(model, target)


def _load(source: Path) -> tuple[AnswerNetwork, str]:
    checkpoint = load_checkpoint(source)
    return build_answer_network(checkpoint, source.name), checkpoint.sha256


def _trace(network: AnswerNetwork) -> ModelProto:
    """The network as an ONNX graph with a free batch size."""
    _prepare(network.network)
    size_px = network.card.input_px
    example = torch.zeros((2, size_px, size_px, 3), dtype=torch.uint8)
    with warnings.catch_warnings(), _quiet("torch.onnx", "onnxscript", "onnx_ir"):
        warnings.simplefilter("ignore")  # about the exporter's own insides
        program = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=_output_names(network, example),
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model = program.model_proto
    _strip_traces(model)
    return model


def _prepare(network: FaceNetwork) -> None:
    """Give the network the form that ONNX and its runtimes are good at; answers stay the same."""
    network.use_memory_format(torch.contiguous_format)  # ONNX knows no other
    # ONNX Runtime moves the arithmetic before the transposition, where broadcasting three numbers
    # over the last axis takes a tenth of the whole time: one number a pixel instead.
    size_px = network.card.input_px
    network.mean = network.mean.expand(3, size_px, size_px).contiguous()
    network.scale = network.scale.expand(3, size_px, size_px).contiguous()


def _output_names(network: AnswerNetwork, example: torch.Tensor) -> list[str]:
    with torch.inference_mode():
        answers = network(example)._asdict()
    given = {name: value for name, value in answers.items() if value is not None}
    if not all(bool(value.isfinite().all()) for value in given.values()):
        raise CheckpointError("the model's answers are not finite numbers; nothing was written")
    return list(given)


def _strip_traces(model: ModelProto) -> None:
    """Remove the exporter's notes: they hold stack traces with the paths of this machine."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        del noted.metadata_props[:]
    for node in graph.node:
        node.ClearField("doc_string")
    graph.ClearField("doc_string")


def _quantize(model: ModelProto, crops_rgb: np.ndarray) -> ModelProto:
    """Static quantisation: scales from the values that occur on ``crops_rgb``."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder, _quiet(""):
        exact, prepared, quantized = (Path(folder, f"{step}.onnx") for step in range(3))
        onnx.save(model, exact)
        quant_pre_process(exact, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantized,
            _CropReader(crops_rgb),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=_backbone_nodes(onnx.load(prepared)),
        )
        return onnx.load(quantized)


def _backbone_nodes(model: ModelProto) -> list[str]:
    """Names of the nodes from the first convolution to the last one and what follows it."""
    nodes = list(model.graph.node)
    first = next(index for index, node in enumerate(nodes) if node.op_type == "Conv")
    return [node.name for node in nodes[first:] if node.op_type in _INT8_OPERATORS]


class _CropReader:
    """Feeds crops to ``quantize_static`` batch by batch (its ``CalibrationDataReader``)."""

    def __init__(self, crops_rgb: np.ndarray) -> None:
        self._batches = _batches(crops_rgb)

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}


def _batches(crops_rgb: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(crops_rgb), _CALIBRATION_BATCH):
        yield crops_rgb[start : start + _CALIBRATION_BATCH]


def _tag(model: ModelProto, card: ModelCard, sha256: str, precision: str, **more: str) -> None:
    """Say in the file what it is and which weights it was made from."""
    import onnx

    entries = {
        "format": FORMAT,
        "card": json.dumps(asdict(card), sort_keys=True),
        "source_sha256": sha256,
        "precision": precision,
    }
    onnx.helper.set_model_props(model, entries | more)
    model.producer_name = "MaskPose Studio"
    model.doc_string = (
        "Head pose and mask wearing of a face crop. Angles in degrees: yaw > 0 nose to image left, "
        "pitch > 0 up, roll > 0 clockwise in the image."
    )


def check_answers(network: AnswerNetwork, model: ModelProto) -> None:
    """Raises CheckpointError unless the graph answers as PyTorch does, on noise of any contrast."""
    size_px = network.card.input_px
    noise = np.random.default_rng(0).integers(0, 256, (3, size_px, size_px, 3), np.uint8)
    crops = np.stack([noise[0], noise[1] // 8, np.sort(noise[2], axis=0)])
    graph = OnnxRuntime(model.SerializeToString(), "the exported graph", threads=1)
    answers = graph.predict_batch(crops)
    with torch.inference_mode():
        expected = network(torch.from_numpy(crops))
    bounds = (MAX_DIFFERENCE_PROBABILITY, MAX_DIFFERENCE_DEG, MAX_DIFFERENCE_PROBABILITY)
    for name, value, bound in zip(FaceAnswers._fields, expected, bounds, strict=True):
        if value is None:
            continue
        difference = float(np.abs(getattr(answers, name) - value.numpy()).max())
        if not difference <= bound:  # NaN fails too
            raise CheckpointError(
                f"the exported graph differs from PyTorch by {difference:.2g} in {name} "
                f"(allowed: {bound:g}); nothing was written"
            )


def _write(model: ModelProto, target: Path) -> None:
    """Check the model and write it; the file appears whole or not at all."""
    import onnx

    onnx.checker.check_model(model, full_check=True)
    write_whole(target, model.SerializeToString())


@contextmanager
def _quiet(*loggers: str) -> Iterator[None]:
    """Silences chatty loggers inside a ``with``: they warn of things we do on purpose."""
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in loggers}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
