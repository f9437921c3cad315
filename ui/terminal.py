"""How answers and figures look in a terminal and in the JSON that scripts read."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core.faces import FacePrediction

Row = dict[str, Any]


def photo_row(name: str, width_px: int, height_px: int, faces: Sequence[FacePrediction]) -> Row:
    """One photo's answer in the form that ``predict --json`` promises."""
    return {
        "image": name,
        "width": width_px,
        "height": height_px,
        "faces": [face_row(face) for face in faces],
    }


def face_row(face: FacePrediction) -> Row:
    """One face: box in pixels, pose in degrees; a task the model does not answer is None."""
    box, mask, pose = face.box, face.mask, face.pose
    return {
        "box": [round(side, 1) for side in (box.left_px, box.top_px, box.width_px, box.height_px)],
        "score": None if box.score is None else round(box.score, 4),
        "mask": mask
        and {
            "label": mask.label.value,
            "probabilities": {
                label.value: round(probability, 4)
                for label, probability in mask.probabilities.items()
            },
        },
        "pose": pose
        and {
            "yaw_deg": round(pose.yaw_deg, 2),
            "pitch_deg": round(pose.pitch_deg, 2),
            "roll_deg": round(pose.roll_deg, 2),
        },
        "model": face.model_id,
    }


def photo_table(rows: Sequence[Row]) -> str:
    """The rows of ``photo_row`` as a table, a line for each face."""
    lines = []
    for row in rows:
        if not row["faces"]:
            lines.append([printable(row["image"]), "-", "no face found"])
        for number, face in enumerate(row["faces"], start=1):
            lines.append([printable(row["image"]), str(number), *_face_cells(face)])
    return table(["image", "face", "mask", "p", "yaw°", "pitch°", "roll°", "box x,y,w,h"], lines)


def _face_cells(face: Row) -> list[str]:
    mask, pose = face["mask"], face["pose"]
    probability = max(mask["probabilities"].values()) if mask else None
    angles = pose.values() if pose else (None, None, None)
    return [
        mask["label"] if mask else "-",
        _number(probability, ".2f"),
        *(_number(angle, "+.1f") for angle in angles),
        ",".join(f"{side:.0f}" for side in face["box"]),
    ]


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Figures and their 95 % intervals, one a line; groups are indented below their name."""
    return "\n".join(_metric_lines(metrics, indent=""))


def _metric_lines(metrics: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in metrics.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}"
            if all(isinstance(group, Mapping) for group in value.values()):
                yield from (_group_line(*group, indent) for group in value.items())
            else:
                yield from _metric_lines(value, indent + "  ")
        elif name == "confusion":
            yield f"{indent}{name} (rows = true, columns = predicted)"
            for label, counts in zip(metrics["classes"], value, strict=True):
                yield f"{indent}  {label:<16}" + "".join(f"{count:>8,}" for count in counts)
        elif _is_shown(name, value):
            yield f"{indent}{name:<24}{_figure(value)}{_interval(metrics, name)}"


def _group_line(name: str, group: Mapping[str, Any], indent: str) -> str:
    """The figures of a part of the faces on one line, such as those of one range of yaw."""
    figures = [
        f"{figure} {_figure(value).strip()}{_interval(group, figure)}"
        for figure, value in group.items()
        if figure != "n" and _is_shown(figure, value)
    ]
    return f"{indent}  {name:<18}n {group['n']:<8,}{'   '.join(figures)}"


def _is_shown(name: str, value: object) -> bool:
    """Intervals stand beside their figure, class names in the confusion; {} says nothing."""
    return not name.endswith("_ci95") and name != "classes" and value != {}


def _figure(value: object) -> str:
    if value is None:
        return f"{'-':>8}"
    return f"{value:8.3f}" if isinstance(value, float) else f"{printable(str(value)):>8}"


def _interval(metrics: Mapping[str, Any], name: str) -> str:
    interval = metrics.get(f"{name}_ci95")
    return f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart; short lines leave their last columns empty."""
    widths = [
        max(len(line[column]) for line in (header, *lines) if column < len(line))
        for column in range(len(header))
    ]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        for line in (header, *lines)
    )


def printable(text: str) -> str:
    """Text safe to show on one line: control characters and undecodable bytes are escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def json_text(value: object) -> str:
    """Indented JSON in ASCII, so that any terminal and any file name survive; NaN is refused."""
    return json.dumps(value, indent=2, allow_nan=False)


@contextmanager
def progress_count(what: str) -> Iterator[Callable[[int], None]]:
    """A counter on the error stream for work of unknown length; give it the total so far."""
    with tqdm(unit=f" {what}", mininterval=0.5) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        yield show


def check_writable(path: Path) -> None:
    """Raises OSError where writing the file would fail only after the work is done."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))
