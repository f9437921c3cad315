"""Whether a challenger may replace the champion: stated tolerances, and reasons in words.

Three outcomes: ``promoted`` (nowhere worse than tolerated, and sure of it on every benchmark that
has faces enough), ``rejected`` (surely worse somewhere) and ``person`` (the data do not tell;
somebody has to look).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainer.comparison import Comparison

Verdict = Literal["promoted", "rejected", "person"]
#: The name of the held-out part of the annotations among the benchmarks.
HELD_OUT = "held-out annotations"


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """How much worse a challenger may be and still be promoted without a person.

    Differences are judged at the bad end of their 95 % interval. A whole benchmark must be shown
    to stay within its tolerance; a part of it (a class, a range of yaw) and a benchmark of fewer
    faces must not be seen to exceed theirs. Faces of one origin count as one.
    """

    mask_error: float = 0.02  # share of faces with the wrong class, on a whole benchmark
    mask_error_part: float = 0.05  # the same on the faces of one class
    pose_error_deg: float = 0.5  # mean absolute error of the three angles, on a whole benchmark
    pose_error_part_deg: float = 1.0  # the same in one range of |yaw|
    drift_deg: float = 4.0  # mean turn away from the champion's pose, where no pose is labelled
    min_faces: int = 40  # of different origin; fewer do not prove that all is well
    min_faces_part: int = 10  # fewer do not prove a loss either
    max_changed: float = 0.25  # share of held-out faces whose class changes; see ``decide``


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to happen with the challenger, and why, in words."""

    verdict: Verdict
    reasons: tuple[str, ...]


def decide(
    comparisons: Sequence[Comparison], changed: float, tolerances: Tolerances | None = None
) -> Decision:
    """Judge a challenger. ``changed``: the share of held-out faces whose mask class changes.

    Where many change and only the annotations say that this is right, a person has to look: wrong
    labels would say so, too.
    """
    limits = tolerances or Tolerances()
    surely_worse = [c.text() for c in comparisons if _surely_worse(c, limits)]
    if surely_worse:
        return Decision(verdict="rejected", reasons=tuple(surely_worse))
    enough = [c for c in comparisons if not c.part and c.origins >= limits.min_faces]
    doubts = [f"{c.text()}: {limit}" for c in comparisons if (limit := _doubt(c, limits))]
    doubts += _missing(enough, limits)
    if changed > limits.max_changed and not _independent_masks(enough):
        doubts.append(
            f"the answer changes on {changed:.0%} of the held-out faces (up to "
            f"{limits.max_changed:.0%} is usual), and no benchmark but the annotations themselves "
            "measures masks: look whether the new labels are right"
        )
    if doubts:
        return Decision(verdict="person", reasons=tuple(doubts))
    return Decision(verdict="promoted", reasons=tuple(c.text() for c in enough))


def tolerance(comparison: Comparison, limits: Tolerances) -> float:
    """What the challenger may lose on this figure."""
    if comparison.figure == "pose drift":
        return limits.drift_deg
    if comparison.figure == "mask error":
        return limits.mask_error_part if comparison.part else limits.mask_error
    return limits.pose_error_part_deg if comparison.part else limits.pose_error_deg


def _surely_worse(comparison: Comparison, limits: Tolerances) -> bool:
    """The difference exceeds the tolerance and even its good end is a loss.

    Drift has no right and wrong, so it never rejects.
    """
    if comparison.figure == "pose drift" or comparison.origins < limits.min_faces_part:
        return False
    if comparison.worse_ci95 is None:
        return False
    return comparison.worse > tolerance(comparison, limits) and comparison.worse_ci95[0] > 0


def _doubt(comparison: Comparison, limits: Tolerances) -> str:
    """What about a figure, that is not surely worse, a person should look at; "" for nothing."""
    most = tolerance(comparison, limits)
    said = f"{100 * most:g} points" if comparison.figure == "mask error" else f"{most:g}°"
    if comparison.worse > most:
        return f"more than the {said} that are tolerated"
    if comparison.part or comparison.origins < limits.min_faces or _surely_fine(comparison, most):
        return ""
    return f"{said} are tolerated, and the faces are too few to rule out more"


def _surely_fine(comparison: Comparison, most: float) -> bool:
    """Even the bad end of the interval is tolerated."""
    return comparison.worse_ci95 is not None and comparison.worse_ci95[1] <= most


def _independent_masks(enough: Sequence[Comparison]) -> bool:
    """Whether masks were measured on labels that the annotators of this home did not give."""
    return any(c.figure == "mask error" and c.benchmark != HELD_OUT for c in enough)


def _missing(enough: Sequence[Comparison], limits: Tolerances) -> list[str]:
    """What was not measured on enough faces."""
    least = f"at least {limits.min_faces} faces of different origin"
    missing = []
    if not any(c.benchmark == HELD_OUT and c.figure != "pose drift" for c in enough):
        missing.append(f"too few held-out annotations tell what was learned: {least} are needed")
    if not any(c.figure == "mask error" for c in enough):
        missing.append(f"masks were not measured: no benchmark has {least}, labelled")
    if not any(c.figure in ("pose error", "pose drift") for c in enough):
        missing.append(f"head pose was not measured: no benchmark has {least}")
    return missing
