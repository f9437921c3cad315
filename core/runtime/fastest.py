"""Which runtime is fastest here: measured in a second, remembered between starts."""

from __future__ import annotations

import json
import logging
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import platformdirs

from core.runtime.prediction import Runtime
from core.whole_files import sha256_of

#: Timed answers of each runtime, after ``WARM_UP_CALLS`` that allocate and choose algorithms.
CALLS = 15
WARM_UP_CALLS = 3
#: Choices remembered, the latest ones; each takes 100 bytes.
_MAX_REMEMBERED = 100

_LOG = logging.getLogger(__name__)


def load_fastest(
    model: Path,
    device: str,
    names: Sequence[str],
    load: Callable[[str], Runtime],
    memory: Path | None = None,
) -> Runtime:
    """The loaded runtime among ``names`` that answers one crop soonest.

    The first of ``names`` must work: it is what remains when no other can be loaded. The choice is
    remembered in the file ``memory`` (default: in the user's cache) for the same model, processor
    and libraries, so that only the first start on a machine measures. Where one could not be
    loaded nothing is remembered: its file may soon be mended, and then it may be the fastest.
    """
    if len(names) == 1 or not model.is_file():
        return load(names[0])
    memory = memory or Path(platformdirs.user_cache_dir("maskpose-studio"), "fastest-runtime.json")
    key, known = _key(model, device, names), _read(memory)
    if known.get(key) in names:
        runtime = _usable(known[key], load)
        if runtime is not None:
            return runtime
    runtimes = [runtime for name in names if (runtime := _usable(name, load)) is not None]
    if not runtimes:
        return load(names[0])  # to say what is wrong with it
    chosen = _soonest(runtimes)
    if len(runtimes) == len(names):
        _write(memory, known | {key: chosen.name})
    return chosen


def _usable(name: str, load: Callable[[str], Runtime]) -> Runtime | None:
    """The runtime, if it can be loaded and answers; why not is logged."""
    try:
        runtime = load(name)
        for _ in range(WARM_UP_CALLS):
            runtime.predict_batch(_noise(runtime))
    except Exception as error:  # drivers and libraries fail each in its own way: others remain
        _LOG.warning("runtime %s is left out: %s", name, " ".join(str(error).split()))
        return None
    return runtime


def _soonest(runtimes: Sequence[Runtime]) -> Runtime:
    """Runtimes take turns, so that a slow spell of the machine hits all of them."""
    crop = _noise(runtimes[0])
    seconds: list[list[float]] = [[] for _ in runtimes]
    for _ in range(CALLS):
        for runtime, times in zip(runtimes, seconds, strict=True):
            start = time.perf_counter()
            runtime.predict_batch(crop)
            times.append(time.perf_counter() - start)
    return runtimes[int(np.argmin(np.median(seconds, axis=1)))]


def _noise(runtime: Runtime) -> np.ndarray:
    """One crop, uint8 (1, S, S, 3)."""
    shape = (1, runtime.card.input_px, runtime.card.input_px, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _key(model: Path, device: str, names: Sequence[str]) -> str:
    """What the answer depends on, as a hash."""
    parts = [sha256_of(model), device, *names, _processor()]
    parts += [version(library) for library in ("torch", "onnxruntime")]
    return sha256("\n".join(parts).encode()).hexdigest()


def _processor() -> str:
    """Name, features and number of the CPUs; on Linux ``platform`` alone does not tell them."""
    count = str(os.cpu_count())
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.processor()} {platform.machine()} {count}"
    told = {line for line in lines if line.startswith(("model name", "flags"))}
    return "\n".join([*sorted(told), count])


def _read(memory: Path) -> dict[str, str]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(memory: Path, known: Mapping[str, str]) -> None:
    """Best effort: where nothing can be kept, the next start measures again."""
    partial = memory.with_name(f".{memory.name}.{os.getpid()}")
    latest = dict(list(known.items())[-_MAX_REMEMBERED:])
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(latest, indent=1), encoding="utf-8")
        os.replace(partial, memory)  # two starts at once: one of them wins, whole
