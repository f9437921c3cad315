"""A benchmark's report as Markdown, to read in a terminal or to paste into docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

TIMES = ("median ms", "p10", "p90")


class Table(NamedTuple):
    """Lines of cells under column names."""

    title: str
    header: tuple[str, ...]
    lines: list[list[str]]


def markdown(report: Mapping[str, Any]) -> str:
    """All parts of the report, columns in line."""
    return "\n\n".join(_markdown(table) for table in tables(report)) + "\n"


def tables(report: Mapping[str, Any]) -> list[Table]:
    """The report for a person: a title, column names and lines for each part."""
    steps = tuple(report["photo"][0]["stages_ms"])
    found = [
        Table("Machine", ("", ""), [[n, str(v)] for n, v in report["machine"].items()]),
        Table(
            "Network alone, crop to answer (bold: the best batch)",
            ("runtime", "provider", "threads", "batch", *TIMES, "faces/s", "× eager", "file MB"),
            [_network_line(row) for row in report["network"]],
        ),
        Table(
            "Photo to answer: JPEG bytes to drawn picture",
            ("runtime", "threads", "photo", "faces", *TIMES, "photos/s", "× one face", *steps),
            [_photo_line(row) for row in report["photo"]],
        ),
        Table(
            "Video: RGB frame to drawn picture (frames/s by the mean)",
            ("runtime", "threads", "faces", "faces are", *TIMES, "frames/s", "overlap"),
            [_video_line(row) for row in report["video"]],
        ),
        Table(
            "Peak memory of a process that answers one crop",
            ("runtime", "MB"),
            [[name, f"{value:.0f}"] for name, value in report["memory_mb"].items()],
        ),
    ]
    if "accuracy" in report:
        keys = list(dict.fromkeys(key for row in report["accuracy"] for key in row))
        lines = [[str(row.get(key, "")) for key in keys] for row in report["accuracy"]]
        found.append(Table("Accuracy on val", tuple(keys), lines))
    return found


def _network_line(row: Mapping[str, Any]) -> list[str]:
    rate = f"{row['faces_per_s']:,.0f}"
    return [
        *(str(row[name]) for name in ("runtime", "provider", "threads", "batch")),
        *_times(row),
        f"**{rate}**" if row["is_best"] else rate,
        f"{row['times_eager']:.2f}",
        f"{row['file_mb']:.1f}",
    ]


def _photo_line(row: Mapping[str, Any]) -> list[str]:
    count = str(row["faces"])
    if row["faces_found"] != row["faces"]:
        count += f" ({row['faces_found']} found)"
    return [
        *(str(row[name]) for name in ("runtime", "threads")),
        "{} × {}".format(*row["photo_px"]),
        count,
        *_times(row),
        f"{row['photos_per_s']:.1f}",
        "" if row["times_one_face"] is None else f"{row['times_one_face']:.1f}",
        *(f"{milliseconds:.1f}" for milliseconds in row["stages_ms"].values()),
    ]


def _video_line(row: Mapping[str, Any]) -> list[str]:
    return [
        *(str(row[name]) for name in ("runtime", "threads", "faces", "mode")),
        *_times(row),
        f"{row['frames_per_s']:.1f}",
        "" if row["overlap"] is None else f"{row['overlap']:.3f}",
    ]


def _times(row: Mapping[str, Any]) -> list[str]:
    return [f"{row[name]:.2f}" for name in ("median_ms", "p10_ms", "p90_ms")]


def _markdown(table: Table) -> str:
    lines = [list(table.header), *table.lines]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(table.header))]
    rule = ["-" * width for width in widths]
    rows = [lines[0], rule, *lines[1:]]
    return "\n".join([f"{table.title}\n", *(_row(cells, widths) for cells in rows)])


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
