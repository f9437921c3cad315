"""What computes a network's answer: one interface, one class a runtime.

A runtime takes uint8 crops and returns finished answers (probabilities, degrees), so that what
comes before and after the network is the same wherever it runs.
"""

from core.runtime.devices import resolve_device
from core.runtime.ensemble import Ensemble
from core.runtime.loading import RUNTIMES, load_runtime
from core.runtime.onnx_runtime import OnnxRuntime
from core.runtime.prediction import BatchPrediction, Runtime
from core.runtime.torch_runtime import TorchRuntime

__all__ = [
    "RUNTIMES",
    "BatchPrediction",
    "Ensemble",
    "OnnxRuntime",
    "Runtime",
    "TorchRuntime",
    "load_runtime",
    "resolve_device",
]
