"""Which runtime is fastest here: measured in a second, remembered between starts."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import platformdirs

from core.checkpoint import CheckpointError, sha256_of
from core.runtime.prediction import Runtime

CALLS = 15


def fastest(
    model: Path,
    device: str,
    names: Sequence[str],
    load: Callable[[str], Runtime],
    memory: Path | None = None,
) -> str:
    """The name among ``names`` whose runtime answers one crop soonest.

    The first is what remains when no other can be loaded. What was measured for the same model,
    processor and library versions is remembered in the file ``memory`` (default: the user's cache).
    """
    if len(names) == 1:
        return names[0]
    memory = memory or Path(platformdirs.user_cache_dir("maskpose-studio"), "fastest-runtime.json")
    key, known = _key(model, device, names), _read(memory)
    if known.get(key) not in names:
        known = known | {key: _measure(names, load)}
        _write(memory, known)
    return known[key]


def _measure(names: Sequence[str], load: Callable[[str], Runtime]) -> str:
    """Runtimes take turns, so that a slow spell of the machine hits all of them."""
    runtimes = {name: runtime for name in names if (runtime := _loaded(name, load)) is not None}
    if not runtimes:
        return names[0]
    size_px = next(iter(runtimes.values())).card.input_px
    crop = np.random.default_rng(0).integers(0, 256, (1, size_px, size_px, 3), np.uint8)
    seconds: dict[str, list[float]] = {name: [] for name in runtimes}
    for call in range(CALLS + 3):
        for name, runtime in runtimes.items():
            start = time.perf_counter()
            runtime.predict_batch(crop)
            if call >= 3:  # the first ones allocate and choose algorithms
                seconds[name].append(time.perf_counter() - start)
    return min(seconds, key=lambda name: float(np.median(seconds[name])))


def _loaded(name: str, load: Callable[[str], Runtime]) -> Runtime | None:
    try:
        return load(name)
    except CheckpointError:  # such as an export of older weights: the others remain
        return None


def _key(model: Path, device: str, names: Sequence[str]) -> str:
    """What the answer depends on, as a hash."""
    parts = [sha256_of(model), device, *names, _processor()]
    parts += [version(library) for library in ("torch", "onnxruntime")]
    return sha256("\n".join(parts).encode()).hexdigest()


def _processor() -> str:
    """Name and features of the CPU; on Linux ``platform`` alone does not tell them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.processor()} {platform.machine()}"
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))


def _read(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(memory: Path, known: Mapping[str, str]) -> None:
    """Best effort: where nothing can be kept, the next start measures again."""
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(known, indent=1), encoding="utf-8")
    except OSError:
        pass
