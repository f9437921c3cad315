"""Charts about models and data: what is drawn, counted and said, without a page."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from core.faces import HeadPose, MaskLabel
from db.data_statistics import KINDS, Balance, DoubtfulDay
from db.evaluations import Evaluation
from db.face_samples import FaceState
from db.filters import FaceFilter
from db.paired_answers import PairedAnswer, PoseErrors
from ui.duplicates import pair_kinds
from ui.figures import balance, face_map, model_differences, published, teacher
from ui.figures.look import LOOKS
from ui.figures.marks import face_data, filter_of_selection

U, M, I = MaskLabel  # noqa: E741
LOOK = LOOKS["light"]
TRIPLES = {(M, M, M): 50, (M, U, M): 30, (M, M, U): 10, (U, U, U): 90, (U, M, M): 5, (I, U, M): 2}


def title(figure) -> str:
    return f"{figure.layout.title.text} {figure.layout.title.subtitle.text}"


def marks(figure) -> list[FaceFilter]:
    """Every mark that leads to faces, in the order of the traces."""
    return [
        FaceFilter.from_json(mark)
        for trace in figure.data
        if trace.customdata is not None
        for mark in trace.customdata
    ]


def test_the_agreement_says_n_and_each_cell_leads_to_both_answers() -> None:
    counts = {(a, b): 0 for a in MaskLabel for b in MaskLabel} | {(M, M): 70, (M, U): 30}
    figure = teacher.agreement_chart(counts, "big", LOOK)
    assert "n = 100" in title(figure) and "70.0%" in title(figure)
    assert FaceFilter(predicted=(M,), also="big:unmasked") in marks(figure)
    assert teacher.agreement_numbers(counts)["share"].sum() == pytest.approx(1)


def test_who_was_right_counts_each_face_once() -> None:
    found = teacher.verdicts("big", TRIPLES)
    assert (found.both, found.student_only, found.teacher_only, found.neither) == (140, 10, 30, 7)
    assert (found.n, found.decided) == (187, 40)
    numbers = teacher.verdict_numbers([found])
    assert numbers["student's share"][0] == 0.25
    assert numbers["share_ci95_low"][0] < 0.25 < numbers["share_ci95_high"][0]
    assert "n = 187" in title(teacher.verdict_chart([found], LOOK))


def test_the_bars_of_the_disagreement_cover_it_without_gaps() -> None:
    figure = teacher.disagreement_chart([5, 0, 3, 1], LOOK)
    ranges = [mark.disagreement for mark in marks(figure)]
    assert ranges == [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]
    assert "n = 9" in title(figure)


@pytest.mark.parametrize(("quantity", "x"), [("p_masked", [0.2]), ("yaw_deg", [10])])
def test_the_scatter_shows_only_faces_with_both_answers(quantity: str, x: list[float]) -> None:
    pose = HeadPose(yaw_deg=10, pitch_deg=0, roll_deg=0)
    both = PairedAnswer(
        face_id=7,
        label=M,
        first_p_masked=0.2,
        second_p_masked=0.9,
        first_pose=pose,
        second_pose=pose,
        mask_distance=0.7,
    )
    half = PairedAnswer(
        face_id=8,
        label=None,
        first_p_masked=0.2,
        second_p_masked=None,
        first_pose=None,
        second_pose=pose,
        mask_distance=None,
    )
    numbers = teacher.scatter_numbers([both, half], quantity)
    assert (numbers["face_id"].tolist(), numbers["student"].tolist()) == ([7], x)
    figure = teacher.scatter_chart([both, half], quantity, "big", LOOK)
    assert marks(figure) == [FaceFilter(face_ids=(7,))]
    assert figure.layout.dragmode == "lasso"


def test_a_difference_is_called_better_only_when_its_interval_is() -> None:
    found = {one.figure: one for one in model_differences.mask_differences(TRIPLES)}
    accuracy = found["accuracy"]
    assert accuracy.n == 187
    assert accuracy.first == pytest.approx(100 * 150 / 187)
    assert accuracy.difference == pytest.approx(100 * 20 / 187)
    assert accuracy.verdict == "better"
    assert found["recall of unmasked"].verdict == "no clear difference"
    assert model_differences.mask_differences({}) == []


def test_less_pose_error_is_better_and_few_faces_say_nothing() -> None:
    def errors(n: int) -> PoseErrors:
        return PoseErrors(
            n=n, first_mae_deg=6, second_mae_deg=4, squared_difference=n * 5, second_nearer=n
        )

    (many,) = model_differences.pose_difference(errors(400))
    assert (many.difference, many.verdict) == (-2, "better")
    assert many.ci95 == pytest.approx((-2.098, -1.902), abs=0.001)
    (few,) = model_differences.pose_difference(errors(20))
    assert (few.ci95, few.verdict) == (None, "too few faces")
    assert model_differences.pose_difference(None) == []
    figure = model_differences.difference_chart([many], "old", "new", LOOK)
    assert "new compared with old" in title(figure) and "n = 400" in title(figure)


def test_what_a_model_costs_is_shown_where_it_is_known() -> None:
    known = model_differences.ModelCost(
        model="a",
        role="student",
        n=50,
        accuracy=0.9,
        accuracy_ci95=(0.8, 0.95),
        latency_ms=3,
        size_mb=22,
    )
    unknown = model_differences.ModelCost(
        model="b",
        role="student",
        n=50,
        accuracy=None,
        accuracy_ci95=None,
        latency_ms=None,
        size_mb=None,
    )
    figure = model_differences.cost_chart([known, unknown], LOOK)
    assert [trace.text[0] for trace in figure.data] == ["a<br>22 MB"]
    assert len(model_differences.cost_numbers([known, unknown])) == 2


STATES = {
    1: FaceState(label=M, predicted=M, source="a", split="train", image_id=1),
    2: FaceState(label=M, predicted=U, source="b", split="test", image_id=2),
    3: FaceState(label=None, predicted=U, source="b", split=None, image_id=3),
    4: FaceState(label=U, predicted=U, source="b", split=None, image_id=3),
}


@pytest.mark.parametrize(
    ("coloring", "groups"),
    [
        ("label", {"no label": 1, "masked": 2, "unmasked": 1}),
        ("error", {"no label": 1, "right": 2, "wrong": 1}),
        ("source", {"a": 1, "b": 3}),
    ],
)
def test_the_map_colours_every_face_that_is_still_there(coloring, groups) -> None:
    positions = np.arange(10).reshape(5, 2)
    numbers = face_map.map_numbers([1, 2, 3, 4, 99], positions, STATES)
    assert numbers["face_id"].tolist() == [1, 2, 3, 4]
    figure = face_map.map_chart(numbers, coloring, "student", LOOK)
    assert {trace.name.split(" (")[0]: len(trace.x) for trace in figure.data} == groups
    assert "n = 4" in title(figure) and "by chance" in title(figure)
    assert {mark.face_ids for mark in marks(figure)} == {(1,), (2,), (3,), (4,)}


def crowded_map(n: int = 20_000) -> pd.DataFrame:
    """Faces about the middle, numbered from 1; three of them are wrong."""
    x, y = np.random.default_rng(0).normal(0, 20, (2, n))
    table = pd.DataFrame({"face_id": np.arange(n) + 1, "x": x, "y": y, "label": "masked"})
    return table.assign(error=["wrong"] * 3 + ["right"] * (n - 3), source="camera")


def test_a_crowded_map_draws_what_fits_and_every_rare_face() -> None:
    numbers = crowded_map()
    right, wrong = face_map.map_chart(numbers, "error", "student", LOOK).data
    assert face_map.MOST_DOTS / 2 < len(right.x) <= face_map.MOST_DOTS - 3
    assert len(wrong.x) == 3 and "19,997" in right.name
    corners = np.ptp(numbers[["x", "y"]], axis=0)
    assert np.ptp(right.x) == pytest.approx(corners["x"], rel=0.01)


def selection(face_ids: list[int], **areas: list[dict]) -> dict:
    return {"points": [{"customdata": mark} for mark in face_data(face_ids)], **areas}


@pytest.mark.parametrize(
    "area",
    [
        {"lasso": [{"x": [0, 40, 40, 0], "y": [0, 0, 40, 40]}], "box": []},
        {"box": [{"x": [0, 40], "y": [0, 40]}], "lasso": []},
    ],
)
def test_a_lasso_means_all_faces_within_that_have_a_chosen_colour(area: dict) -> None:
    numbers = crowded_map()
    inside = numbers[numbers[["x", "y"]].gt(0).all(axis=1) & numbers[["x", "y"]].lt(40).all(axis=1)]
    one_right = int(inside["face_id"].iloc[-1])
    found = face_map.chosen_faces(numbers, "error", selection([one_right], **area))
    assert found is not None and len(found.face_ids) > 4000
    assert set(found.face_ids) == set(inside.loc[inside["error"] == "right", "face_id"])


def test_a_click_outside_an_old_lasso_means_its_dot_alone() -> None:
    numbers = crowded_map(100)
    outside = int(numbers.loc[numbers["x"].lt(0), "face_id"].iloc[0])
    old = {"lasso": [{"x": [0, 40, 40, 0], "y": [0, 0, 40, 40]}]}
    found = face_map.chosen_faces(numbers, "label", selection([outside], **old))
    assert found == FaceFilter(face_ids=(outside,))


@pytest.mark.parametrize("n", [1, 3000])
def test_faces_that_lie_on_one_spot_are_drawn(n: int) -> None:
    numbers = crowded_map(3000)[:n].assign(x=1.0, y=1.0)
    drawn = face_map.map_chart(numbers, "label", "student", LOOK).data
    assert [len(trace.x) for trace in drawn] == [1]


def test_dots_without_a_lasso_are_themselves_and_nothing_is_nothing() -> None:
    numbers = crowded_map(10)
    few = face_map.chosen_faces(numbers, "label", selection([3, 5]))
    assert few == FaceFilter(face_ids=(3, 5))
    assert face_map.chosen_faces(numbers, "label", selection([])) is None


def test_many_colours_all_over_the_map_are_still_few_dots() -> None:
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.uniform(size=(20_000, 2)), columns=["x", "y"])
    colors = pd.Series(rng.integers(0, 6, len(numbers)))
    drawn = face_map.dots(numbers, colors)
    assert face_map.MOST_DOTS / 3 < len(drawn) <= face_map.MOST_DOTS


def test_pairs_are_sorted_by_what_is_wrong_and_one_picture_is_no_duplicate_of_itself() -> None:
    kinds = pair_kinds([(1, 2, 0), (1, 4, 1), (3, 4, 2), (1, 99, 0)], STATES)
    assert kinds["all"] == [(1, 2, 0), (1, 4, 1)]
    assert kinds["labelled differently"] == [(1, 4, 1)]
    assert kinds["in different splits"] == [(1, 2, 0)]


def test_every_part_of_a_balance_bar_leads_to_its_faces() -> None:
    counts = dict.fromkeys(KINDS, 0) | {"masked": 4, "unlabelled": 2, "not a face": 1}
    parts = [Balance(part="camera", counts=counts)]
    figure = balance.balance_chart(parts, LOOK, title="Faces", subtitle="", condition="source")
    assert "n = 7" in title(figure)
    assert marks(figure) == [
        FaceFilter(status="labelled", labels=(M,), source="camera"),
        FaceFilter(rejected=True, source="camera"),
        FaceFilter(status="unlabelled", source="camera"),
    ]
    assert balance.balance_numbers(parts)["faces"].sum() == 7


def test_a_bar_whose_faces_no_filter_asks_for_leads_nowhere() -> None:
    parts = [Balance(part="no split", counts=dict.fromkeys(KINDS, 0) | {"masked": 4})]
    figure = balance.balance_chart(parts, LOOK, title="Faces", subtitle="", condition="split")
    (mark,) = figure.data[0].customdata
    assert mark is None
    for sent in (None, [None]):  # as plotly gives it, and as Streamlit hands it on
        assert filter_of_selection({"points": [{"customdata": sent}]}) is None


def test_doubtful_labels_are_drawn_by_day_and_many_days_by_week() -> None:
    days = [
        DoubtfulDay(day=str(day.date()), labels=10, suspected=1)
        for day in pd.date_range("2026-01-01", periods=140)
    ]
    few = balance.doubt_chart(days[:3], 0.9, LOOK)
    assert len(few.data[0].x) == 3 and "by the day" in title(few)
    first = marks(few)[0]
    assert (first.annotated_from, first.annotated_before) == ("2026-01-01", "2026-01-02")
    assert first.label_error == (0.9, 1.0) and first.confirmed is False
    many = balance.doubt_chart(days, 0.9, LOOK)
    assert len(many.data[0].x) == 21 and "by the week" in title(many)
    assert "n = 1,400" in title(many) and "140 suspected" in title(many)
    assert marks(many)[0].annotated_from == "2025-12-29"  # the Monday before


def evaluation(report: dict, when: str = "2026-11-22T10:00:00") -> Evaluation:
    return Evaluation(
        id=1, model="ours", benchmark="set", report=report, run_id=None, created_at=when
    )


def test_our_newest_figures_stand_beside_the_published_ones() -> None:
    table = published.TABLES["aflw2000"]
    report = {"kind": "aflw2000", "n": 1969, "mae_deg": 3.5, "mae_deg_ci95": [3.4, 3.6]}
    older = evaluation(report | {"mae_deg": 9.0})
    other = evaluation({"kind": "biwi", "n": 5, "mae_deg": 1.0})
    mine = published.ours(table, [evaluation(report), older, other])
    assert [(one.value, one.n, one.ci95) for one in mine] == [(3.5, 1969, (3.4, 3.6))]
    numbers = published.published_numbers(table, mine)
    assert numbers["model"].tolist()[:3] == ["OpNet", "OPAL", "ours"]
    figure = published.published_chart(table, mine, LOOK)
    assert "n = 1,969" in title(figure)
    assert "none of ours yet" in title(published.published_chart(table, [], LOOK))


def test_figures_are_found_in_reports_of_two_tasks_and_of_masks_drawn_on() -> None:
    masked = published.TABLES["aflw2000-masked"]
    report = {"kind": "aflw2000", "mask_overlay": {"n": 9, "mae_deg": 5.0}}
    assert [one.value for one in published.ours(masked, [evaluation(report)])] == [5.0]
    both = {"kind": "mask-csv", "pose": {"n": 3}, "mask": {"n": 7, "mcc": 0.9}}
    found = published.ours(published.TABLES["mask"], [evaluation(both)])
    assert [(one.value, one.n) for one in found] == [(0.9, 7)]


def test_every_chart_is_drawn_in_both_modes_and_can_be_written_down() -> None:
    found = model_differences.mask_differences(TRIPLES)
    for look in LOOKS.values():
        figure = model_differences.difference_chart(found, "old", "new", look)
        assert json.loads(figure.to_json())["layout"]["title"]["text"]
