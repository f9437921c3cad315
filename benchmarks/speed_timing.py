"""Fair times: contenders take turns, single calls are timed, their spread is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: Each contender's turn lasts about this long, and at least one call.
TURN_S = 0.15


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Milliseconds a call: median, 10th and 90th percentile and mean of ``n`` single calls."""

    median_ms: float
    p10_ms: float
    p90_ms: float
    mean_ms: float
    n: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        milliseconds = np.array(seconds) * 1000
        p10, median, p90 = np.percentile(milliseconds, (10, 50, 90))
        return cls(
            median_ms=round(median, 3),
            p10_ms=round(p10, 3),
            p90_ms=round(p90, 3),
            mean_ms=round(float(milliseconds.mean()), 3),
            n=len(seconds),
        )


def time_in_turns(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Times of single calls; in each round every contender has one turn, in changing order.

    So a slow spell of the machine hits all of them, and none always follows the same one.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():  # first calls allocate and choose algorithms
        call()
    names = list(calls)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            calls[name]()  # the caches are the previous contender's
            start = turn_start = time.perf_counter()
            while start < turn_start + TURN_S:
                calls[name]()
                end = time.perf_counter()
                seconds[name].append(end - start)
                start = end
    return {name: Timing.of(values) for name, values in seconds.items()}
