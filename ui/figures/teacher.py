"""Teacher against student: where they agree, how far they are apart, who was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from core.faces import MASK_CLASSES, MaskLabel
from core.intervals import proportion_interval
from db.filters import FaceFilter
from db.paired_answers import PairedAnswer, Triple
from db.statistics import LabelPair
from ui.figures.look import Look
from ui.figures.marks import SYMBOLS, cell_marks, face_data, mark_data, whiskers

_NAMES = [label.value for label in MASK_CLASSES]


def agreement_numbers(counts: Mapping[LabelPair, int]) -> pd.DataFrame:
    """A row for each pair of answers: student, teacher, faces, share of all faces."""
    n = max(1, sum(counts.values()))
    rows = [
        (student.value, teacher.value, counts[student, teacher], counts[student, teacher] / n)
        for student in MASK_CLASSES
        for teacher in MASK_CLASSES
    ]
    return pd.DataFrame(rows, columns=["student", "teacher", "faces", "share"])


def agreement_chart(counts: Mapping[LabelPair, int], teacher: str, look: Look) -> go.Figure:
    """How often each pair of answers occurs; colour is the share of the student's answer."""
    numbers = agreement_numbers(counts)
    n = sum(counts.values())
    same = sum(count for (a, b), count in counts.items() if a is b)
    low, high = proportion_interval(same, n) or (0.0, 0.0)
    figure = look.blank(
        f"What the student says against what {teacher} says",
        f"n = {n:,} faces that both answered, labelled or not · the same answer for "
        f"{same / max(1, n):.1%} ({low:.1%} to {high:.1%}, 95 % Wilson interval) · colour: share "
        "of the student's answer · click a cell for its faces",
        height_px=380,
    )
    of_student = numbers.groupby("student")["faces"].transform("sum").clip(lower=1)
    shares = (
        numbers.assign(share=numbers["faces"] / of_student)
        .pivot(index="student", columns="teacher", values="share")
        .loc[_NAMES, _NAMES]
    )
    texts = numbers.assign(
        text=[f"{row.faces:,}<br>{row.share:.1%}" for row in numbers.itertuples()]
    ).pivot(index="student", columns="teacher", values="text")
    figure.add_heatmap(
        x=_NAMES,
        y=_NAMES,
        z=shares.to_numpy(),
        text=texts.loc[_NAMES, _NAMES].to_numpy(),
        texttemplate="%{text}",
        coloraxis="coloraxis",
        hoverinfo="skip",
        xgap=2,
        ygap=2,
    )
    figure.add_trace(
        cell_marks(
            x=numbers["teacher"],
            y=numbers["student"],
            faces=[
                FaceFilter(predicted=(MaskLabel(row.student),), also=f"{teacher}:{row.teacher}")
                for row in numbers.itertuples()
            ],
            hover=[
                f"<b>{row.faces:,}</b> faces: {row.student} says the student, {row.teacher} the "
                "teacher"
                for row in numbers.itertuples()
            ],
            look=look,
        )
    )
    figure.update_layout(
        coloraxis={"cmin": 0, "cmax": 1, "showscale": False},
        xaxis={"title": {"text": "the teacher says"}, "showgrid": False, "side": "bottom"},
        yaxis={"title": {"text": "the student says"}, "showgrid": False, "autorange": "reversed"},
    )
    return figure


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """One teacher beside the student on the ``n`` labelled faces that both answered."""

    teacher: str
    both: int
    student_only: int
    teacher_only: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.student_only + self.teacher_only + self.neither

    @property
    def decided(self) -> int:
        """Faces on which exactly one of the two is right."""
        return self.student_only + self.teacher_only


def verdicts(teacher: str, triples: Mapping[Triple, int]) -> Verdicts:
    """From counts of (label, student's answer, teacher's answer)."""

    def count(student: bool, other: bool) -> int:
        return sum(
            n
            for (label, first, second), n in triples.items()
            if (first is label, second is label) == (student, other)
        )

    return Verdicts(
        teacher=teacher,
        both=count(True, True),
        student_only=count(True, False),
        teacher_only=count(False, True),
        neither=count(False, False),
    )


def verdict_numbers(found: Sequence[Verdicts]) -> pd.DataFrame:
    """A row for each teacher, with the student's share of the faces where one alone is right."""
    rows = []
    for one in found:
        low, high = proportion_interval(one.student_only, one.decided) or (None, None)
        share = one.student_only / one.decided if one.decided else None
        counts = (one.both, one.student_only, one.teacher_only, one.neither)
        rows.append((one.teacher, one.n, *counts, share, low, high))
    columns = ["teacher", "n", "both right", "student only", "teacher only", "neither"]
    return pd.DataFrame(
        rows, columns=[*columns, "student's share", "share_ci95_low", "share_ci95_high"]
    )


def verdict_chart(found: Sequence[Verdicts], look: Look) -> go.Figure:
    """Of the faces on which one alone is right: how often it was the student, by teacher."""
    numbers = verdict_numbers([one for one in found if one.decided])
    n = sum(one.n for one in found)
    figure = look.blank(
        "Who was right where people decided and the two differ",
        f"share of faces on which the student was right and the teacher was not, 95 % Wilson "
        f"intervals · n = {n:,} labelled faces that both answered; one alone is right on "
        f"{sum(one.decided for one in found):,}",
        height_px=180 + 44 * len(numbers),
    )
    share = numbers["student's share"]
    figure.add_scatter(
        x=share,
        y=numbers["teacher"],
        mode="markers",
        marker={"size": 12, "color": look.blue},
        error_x=whiskers(share, numbers["share_ci95_low"], numbers["share_ci95_high"], look.blue),
        hovertext=[
            f"against <b>{row[1]}</b>: the student alone was right on {row[4]:,} faces, "
            f"the teacher alone on {row[5]:,}, both on {row[3]:,}, neither on {row[6]:,}"
            for row in numbers.itertuples()
        ],
        hoverinfo="text",
        showlegend=False,
    )
    figure.add_vline(x=0.5, line={"color": look.quiet, "dash": "dot"})
    figure.update_layout(
        xaxis={
            "range": [-0.02, 1.02],
            "tickformat": ".0%",
            "title": {"text": "← the teacher was right · the student was right →"},
        },
        yaxis={"type": "category"},
    )
    return figure


def disagreement_numbers(counts: Sequence[int]) -> pd.DataFrame:
    """A row for each bin of the disagreement, 0 … 1."""
    width = 1 / len(counts)
    return pd.DataFrame(
        {
            "from": [index * width for index in range(len(counts))],
            "to": [(index + 1) * width for index in range(len(counts))],
            "faces": list(counts),
        }
    )


def disagreement_chart(counts: Sequence[int], look: Look) -> go.Figure:
    """How the disagreement of student and teachers is spread over all faces that have one."""
    numbers = disagreement_numbers(counts)
    figure = look.blank(
        "How far the student and the teacher farthest from it are apart",
        "disagreement from 0 (the same) to 1 (each sure of another class, or 45° apart) · "
        f"n = {sum(counts):,} faces with both answers · click a bar for its faces",
    )
    figure.add_bar(
        x=(numbers["from"] + numbers["to"]) / 2,
        y=numbers["faces"],
        width=0.92 / len(counts),
        marker={"color": look.blue},
        customdata=mark_data(
            [
                FaceFilter(disagreement=(round(row[1], 6), round(row[2], 6)))
                for row in numbers.itertuples()
            ]
        ),
        hovertext=[
            f"{row[1]:.2f} to {row[2]:.2f}: {row[3]:,} faces" for row in numbers.itertuples()
        ],
        hoverinfo="text",
        unselected={"marker": {"opacity": 0.4}},
        showlegend=False,
    )
    figure.update_layout(
        xaxis={"title": {"text": "disagreement"}, "range": [0, 1]},
        yaxis={"title": {"text": "faces (logarithmic)"}, "type": "log"},
    )
    return figure


#: What the scatter can show: its title, its unit and the range of its axes.
QUANTITIES: Mapping[str, tuple[str, str, tuple[float, float]]] = {
    "p_masked": ("probability of masked", "probability", (-0.02, 1.02)),
    "yaw_deg": ("yaw", "degrees", (-100, 100)),
    "pitch_deg": ("pitch", "degrees", (-100, 100)),
    "roll_deg": ("roll", "degrees", (-100, 100)),
}


def scatter_numbers(sample: Sequence[PairedAnswer], quantity: str) -> pd.DataFrame:
    """A row for each face of the sample whose two answers are known."""
    rows = [
        (answer.face_id, *_values(answer, quantity), answer.label and answer.label.value)
        for answer in sample
    ]
    table = pd.DataFrame(rows, columns=["face_id", "student", "teacher", "label"])
    return table.dropna(subset=["student", "teacher"])


def _values(answer: PairedAnswer, quantity: str) -> tuple[float | None, float | None]:
    if quantity == "p_masked":
        return answer.first_p_masked, answer.second_p_masked
    poses = answer.first_pose, answer.second_pose
    return tuple(None if pose is None else getattr(pose, quantity) for pose in poses)


def scatter_chart(
    sample: Sequence[PairedAnswer], quantity: str, teacher: str, look: Look
) -> go.Figure:
    """Each face of a sample by both answers: what is far from the diagonal deserves a look."""
    numbers = scatter_numbers(sample, quantity)
    title, unit, limits = QUANTITIES[quantity]
    figure = look.blank(
        f"Face by face: {title} by the student and by {teacher}",
        f"{unit} · n = {len(numbers):,} faces drawn by chance · draw a lasso around faces to see "
        "and review them",
        height_px=520,
    )
    figure.add_scatter(
        x=limits,
        y=limits,
        mode="lines",
        line={"color": look.quiet, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    for label in (*MASK_CLASSES, None):
        rows = numbers[numbers["label"].isna() if label is None else numbers["label"] == label]
        color = look.quiet if label is None else look.labels[label]
        figure.add_scatter(
            x=rows["student"],
            y=rows["teacher"],
            mode="markers",
            name=label.value if label else "no label",
            marker={
                "symbol": SYMBOLS[label],
                "size": 7,
                "color": color,
                "opacity": 0.7,
                "line": {"width": 1.5 if label is None else 0, "color": color},
            },
            customdata=face_data(rows["face_id"]),
            hovertemplate="student %{x:.2f}, teacher %{y:.2f}",
        )
    axis = {"range": limits, "dtick": 30 if unit == "degrees" else 0.2}
    figure.update_layout(
        dragmode="lasso",
        xaxis={"title": {"text": f"student, {unit}"}, **axis},
        yaxis={"title": {"text": f"{teacher}, {unit}"}, **axis},
    )
    return figure
