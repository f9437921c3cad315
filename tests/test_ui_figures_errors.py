"""The charts of the error pages: what they draw, what they say, where their marks lead."""

from __future__ import annotations

import re

import numpy as np
import pytest

from core.faces import MASK_CLASSES, MaskLabel
from db.filters import FaceFilter
from db.mask_slices import Slice
from db.mask_statistics import ConfidenceBin, ScoreCounts, StudentCounts
from db.pose_statistics import AXES, PoseCell
from db.statistics import DayCount, Overview
from ui import error_report
from ui.figures import pose, pose_maps, progress
from ui.figures.calibration import calibration_chart
from ui.figures.look import LOOKS
from ui.figures.slices import slice_chart, slice_numbers
from ui.figures.thresholds import precision_chart, rates_chart, recall_numbers, roc_chart

LOOK = LOOKS["dark"]
PAGE = FaceFilter(source="web")


def subtitle(figure) -> str:
    return figure.layout.title.subtitle.text


def filters(trace) -> list[FaceFilter]:
    """The faces that the marks of a trace stand for."""
    return [FaceFilter.from_json(mark) for mark in trace.customdata]


def test_slices_are_points_with_intervals_and_a_line_for_all() -> None:
    slices = [
        Slice(name="small", faces=FaceFilter(face_px=(0, 32)), n=50, wrong=10),
        Slice(name="large", faces=FaceFilter(face_px=(32, 64)), n=150, wrong=10),
    ]
    figure = slice_chart(slices, "face size", LOOK)
    (points,) = figure.data
    assert points.x.tolist() == pytest.approx([0.2, 1 / 15])
    assert list(points.y) == ["small  (n = 50)", "large  (n = 150)"]
    numbers = slice_numbers(slices)
    assert points.error_x.array == pytest.approx(numbers["high_95"] - numbers["error_rate"])
    assert figure.layout.title.text == "Mask errors by face size"
    assert "n = 200" in subtitle(figure) and "10.0%" in subtitle(figure)
    assert figure.layout.shapes[0].x0 == 0.1
    assert filters(points) == [one.faces for one in slices]


def test_few_faces_do_not_set_the_scale() -> None:
    few = Slice(name="few", n=4, wrong=1, faces=FaceFilter(face_px=(0, 32)))
    many = Slice(name="many", n=900, wrong=90, faces=FaceFilter(face_px=(32, 64)))
    low, high = slice_chart([few, many], "face size", LOOK).layout.xaxis.range
    assert low < 0 and 0.25 < high < 0.3  # the mark of the few is in view, its interval is not


@pytest.fixture(scope="module")
def curves() -> error_report.ThresholdCurves:
    bins = {
        MaskLabel.MASKED: [1, 0, 2, 7],
        MaskLabel.UNMASKED: [15, 3, 2, 0],
        MaskLabel.INCORRECT: [0, 0, 0, 0],
    }
    counts = ScoreCounts(bins=bins, called_masked=dict.fromkeys(MASK_CLASSES, 0))
    found = error_report.threshold_curves(counts)
    assert found is not None
    return found


def test_the_threshold_stands_on_every_curve(curves: error_report.ThresholdCurves) -> None:
    roc, precision = (make(curves, 0.5, LOOK, PAGE) for make in (roc_chart, precision_chart))
    assert (roc.data[-1].x[0], roc.data[-1].y[0]) == pytest.approx((0.1, 0.9))
    assert (precision.data[-1].x[0], precision.data[-1].y[0]) == pytest.approx((0.9, 9 / 11))
    assert "n = 10 masked and 20 unmasked faces" in subtitle(roc)
    rates = rates_chart(curves, 0.5, LOOK, PAGE)
    assert rates.layout.shapes[0].x0 == 0.5
    assert "at 0.50: 90.00% of masks found, 90.00% of bare faces" in subtitle(rates)
    missed, alarms = (filters(trace) for trace in rates.data if trace.customdata is not None)
    assert missed[2] == FaceFilter(
        source="web", status="labelled", labels=(MaskLabel.MASKED,), p_masked=(0, 0.5)
    )
    assert alarms[2].labels == (MaskLabel.UNMASKED,) and alarms[2].p_masked == (0.5, 1)


def test_specificity_is_read_off_at_chosen_recalls(curves: error_report.ThresholdCurves) -> None:
    numbers = recall_numbers(curves)
    assert numbers["wanted_recall"].tolist() == [0.9, 0.95, 0.99]
    assert numbers["threshold"].tolist() == [0.5, 0, 0]
    assert numbers["specificity"].tolist() == pytest.approx([0.9, 0, 0])


def test_calibration_shows_each_bin_with_its_interval_and_the_error() -> None:
    bins = [
        ConfidenceBin(low=0.4, high=0.6, n=10, correct=5, mean_confidence=0.55),
        ConfidenceBin(low=0.8, high=1.0, n=90, correct=81, mean_confidence=0.95),
    ]
    figure = calibration_chart(bins, error_report.calibration_error(bins), LOOK, PAGE)
    diagonal, points = figure.data
    assert tuple(diagonal.x) == tuple(diagonal.y)
    assert points.y.tolist() == [0.5, 0.9]
    assert "expected calibration error 0.0500" in subtitle(figure)
    assert filters(points)[1] == FaceFilter(
        source="web", status="labelled", confidence=(0.8, 1.0), wrong=True
    )


def cell(yaw: int, pitch: int, label: MaskLabel | None, n: int, mae: float) -> PoseCell:
    """A cell whose faces all have the same error, all of it in yaw and to the plus."""
    sums = {f"{axis}_{what}": 0.0 for axis in AXES for what in ("abs", "sum", "squares")}
    sums |= {"yaw_abs": 3 * n * mae, "yaw_sum": 3 * n * mae, "yaw_squares": 9 * n * mae**2}
    errors = {"mae": n * mae, "mae_squares": n * mae**2}
    turned = {"geodesic": 3 * n * mae, "geodesic_squares": 9 * n * mae**2}
    return PoseCell(
        yaw_deg=yaw, pitch_deg=pitch, roll_deg=0, label=label, n=n, **sums, **errors, **turned
    )


CELLS = [
    cell(-15, 0, MaskLabel.MASKED, 40, 4.0),
    cell(0, 0, MaskLabel.UNMASKED, 40, 2.0),
    cell(0, -15, None, 10, 8.0),
]


def test_pose_errors_by_angle_add_the_cells_up() -> None:
    figure = pose.angle_chart(CELLS, "yaw", LOOK, PAGE)
    mae, geodesic = figure.data
    assert mae.x.tolist() == [-7.5, 7.5]
    assert mae.y.tolist() == pytest.approx([4.0, 160 / 50])
    assert geodesic.y.tolist() == pytest.approx([12.0, 480 / 50])
    assert "n = 90 faces" in subtitle(figure) and figure.layout.yaxis.title.text == "error (°)"
    low, high = filters(mae)[0].label_yaw_deg
    assert (low, high) == pytest.approx((-15, 0), abs=1e-3) and high < 0
    assert filters(mae)[0].source == "web"


def test_bias_is_signed_and_the_mask_has_a_row_of_its_own() -> None:
    yaw, pitch, _ = pose.bias_chart(CELLS, LOOK, PAGE).data
    assert yaw.y.tolist() == pytest.approx([12.0, 480 / 50]) and set(pitch.y) == {0}
    figure = pose.mask_chart(CELLS, LOOK, PAGE)
    assert list(figure.data[0].y) == [
        "unmasked  (n = 40)",
        "masked  (n = 40)",
        "no mask label  (n = 10)",
    ]
    assert figure.data[0].x.tolist() == [2, 4, 8]
    assert filters(figure.data[0])[1].labels == (MaskLabel.MASKED,)
    assert filters(figure.data[0])[2].status == "unlabelled"


def test_the_map_over_yaw_and_pitch_has_a_mark_on_each_cell() -> None:
    cells, marks = pose_maps.map_chart(CELLS, LOOK, PAGE).data
    assert cells.x.tolist() == [-7.5, 7.5] and cells.y.tolist() == [-7.5, 7.5]
    assert np.array_equal(cells.z, [[np.nan, 8], [4, 2]], equal_nan=True)
    assert list(zip(marks.x, marks.y, strict=True)) == [(-7.5, 7.5), (7.5, -7.5), (7.5, 7.5)]
    assert filters(marks)[1].label_pitch_deg == pytest.approx((-15, 0), abs=1e-3)


def test_the_band_holds_the_middle_of_the_faces() -> None:
    counts = {(0, angle): 10 for angle in range(-5, 15)} | {(30, 33): 4}
    numbers = pose_maps.band_numbers(counts)
    assert numbers["people_deg"].tolist() == [2.5, 32.5]
    assert numbers.iloc[0].tolist() == [2.5, 200, -3.5, 4.5, 12.5]
    assert numbers.iloc[1].tolist() == [32.5, 4, 33.5, 33.5, 33.5]
    *_, medians = pose_maps.band_chart(counts, "roll", LOOK, PAGE).data
    assert medians.y.tolist() == [4.5, 33.5]
    assert filters(medians)[0].label_roll_deg == pytest.approx((0, 5), abs=1e-3)


def student(name: str, at: str, right: int, serves: bool) -> StudentCounts:
    confusion = {(a, b): 0 for a in MASK_CLASSES for b in MASK_CLASSES}
    confusion[MASK_CLASSES[0], MASK_CLASSES[0]] = right
    confusion[MASK_CLASSES[0], MASK_CLASSES[1]] = 100 - right
    return StudentCounts(model=name, registered_at=at, serves=serves, confusion=confusion)


def test_students_are_shown_in_time_and_the_serving_one_stands_out() -> None:
    students = [
        student("a", "2026-01-01T10:00:00.000+00:00", 80, False),
        student("b", "2026-02-01T10:00:00.000+00:00", 90, True),
    ]
    students[1].confusion[MASK_CLASSES[2], MASK_CLASSES[2]] = 20
    figure = progress.student_chart(students, LOOK, FaceFilter(split="val"))
    accuracy = figure.data[0]
    assert accuracy.y.tolist() == [0.8, 110 / 120] and accuracy.name == "accuracy"
    assert accuracy.x.tolist() == ["a<br>1 Jan 2026<br>n = 100", "b<br>1 Feb 2026<br>n = 120"]
    assert accuracy.marker.symbol.tolist() == ["circle", "diamond"]
    assert "up to 120 labelled faces" in subtitle(figure)
    assert "of each student those that it answered" in subtitle(figure)
    expected = [FaceFilter(status="labelled", split="val", model=name) for name in "ab"]
    assert filters(accuracy) == expected


def test_long_times_are_counted_by_week_and_by_month() -> None:
    def days(count: int) -> list[DayCount]:
        dates = (np.datetime64("2026-01-01") + np.arange(count)).astype(str)
        return [DayCount(day=day, annotator="ann", labels=2) for day in dates]

    for count, bars in ((30, 30), (70, 11), (800, 27)):
        numbers = progress.pace_numbers(days(count))
        assert (len(numbers), numbers["labels"].sum()) == (bars, 2 * count)
    figure = progress.pace_chart(days(70), LOOK)
    assert "n = 140 labels by 1 annotator" in subtitle(figure)
    first = filters(figure.data[0])[0]
    assert (first.annotated_from, first.annotated_before) == ("2025-12-29", "2026-01-05")
    assert first.annotator == "ann"


def test_one_day_of_labels_is_a_slim_bar_under_its_date() -> None:
    day = DayCount(day="2026-01-05", annotator="ann", labels=2)
    figure = progress.pace_chart([day], LOOK)
    axis, day_ms = figure.layout.xaxis, 24 * 3600 * 1000
    assert 0.5 * day_ms < figure.data[0].width[0] < day_ms
    assert axis.range == ("2026-01-01T12:00:00", "2026-01-08T12:00:00")
    assert axis.tickvals == ("2026-01-05",)


def test_many_annotators_share_one_bar() -> None:
    days = [DayCount(day="2026-01-01", annotator=f"a{n}", labels=n) for n in range(1, 9)]
    numbers = progress.pace_numbers(days)
    assert numbers["annotator"].tolist() == ["a5", "a6", "a7", "a8", "others"]
    assert numbers["labels"].sum() == 36
    others = next(bar for bar in progress.pace_chart(days, LOOK).data if bar.name == "others")
    assert list(others.customdata) == [None]  # of several people no filter can ask


def test_the_labels_chart_counts_every_face_once() -> None:
    labels = {MaskLabel.MASKED: 5, MaskLabel.UNMASKED: 3, MaskLabel.INCORRECT: 0}
    overview = Overview(images=9, faces=12, labels=labels, rejected=1, disputed=0, flagged=0)
    figure = progress.label_chart(overview, LOOK)
    assert dict(zip(figure.data[0].y, figure.data[0].x, strict=True)) == {
        "unmasked": 3,
        "masked": 5,
        "incorrect": 0,
        "not a face": 1,
        "no mask label": 3,
    }
    assert filters(figure.data[0])[-1] == FaceFilter(status="unlabelled")


def test_nothing_to_show_is_an_empty_chart_not_an_error() -> None:
    assert progress.pace_chart([], LOOK).data == ()
    assert pose.mask_chart([], LOOK, PAGE).data[0].x.size == 0
    assert pose_maps.band_chart({}, "yaw", LOOK, PAGE).data[-1].x.size == 0
    assert pose_maps.map_chart([], LOOK, PAGE).data[-1].x.size == 0
    assert slice_chart([], "source", LOOK).data[0].x.size == 0


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_colour_can_be_told_from_the_page(mode: str) -> None:
    look = LOOKS[mode]
    for color in look.series:
        assert contrast(color, look.page) >= 3, color


def contrast(first: str, second: str) -> float:
    """WCAG 2.2: (L1 + 0.05) / (L2 + 0.05)."""
    lights = sorted(map(luminance, (first, second)), reverse=True)
    return (lights[0] + 0.05) / (lights[1] + 0.05)


def luminance(color: str) -> float:
    red, green, blue = (int(part, 16) / 255 for part in re.findall("..", color[1:]))
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
