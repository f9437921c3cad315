"""How far two people agree: κ with its interval, and what each said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
import plotly.graph_objects as go

from db.agreement import CLASSES, Agreement, Kappa
from db.filters import FaceFilter
from ui.figures.look import Look
from ui.figures.marks import cell_marks, point_marks, whiskers

#: A link holds so many faces at most.
MAX_LINKED = 300
#: Landis and Koch (1977), Biometrics 33:159: up to this κ the agreement is called so.
_WORDS = (
    (0.0, "no better than chance"),
    (0.2, "slight"),
    (0.4, "fair"),
    (0.6, "moderate"),
    (0.8, "substantial"),
    (1.0, "almost perfect"),
)


def pair_name(pair: Agreement) -> str:
    return f"{pair.first} and {pair.second}"


def class_name(name: str) -> str:
    """A class as people read it."""
    return name.replace("_", " ")


def in_words(kappa: Kappa | None) -> str:
    """A name for how good the agreement is."""
    if kappa is None:
        return "not defined: both always said the same"
    return next(words for limit, words in _WORDS if kappa.value <= limit + 1e-9)


def kappa_text(kappa: Kappa | None) -> str:
    """κ with its interval, or a dash."""
    return f"{kappa.value:.2f} ({kappa.low:.2f} … {kappa.high:.2f})" if kappa else "–"


def faces_of(face_ids: Iterable[int]) -> FaceFilter:
    """These faces, as many as a link holds."""
    return FaceFilter(face_ids=tuple(dict.fromkeys(face_ids))[:MAX_LINKED])


def by_class(pair: Agreement) -> dict[str, Agreement]:
    """The agreement on each class that either of them used."""
    used = {label for said in pair.faces for label in said}
    return {class_name(name): pair.of_class(name) for name in CLASSES if name in used}


def kappa_numbers(rows: dict[str, Agreement]) -> pd.DataFrame:
    """A row for each agreement: faces, share, κ and the ends of its 95 % interval."""
    kappas = [agreement.kappa for agreement in rows.values()]
    return pd.DataFrame(
        {
            "who or class": list(rows),
            "faces": [agreement.n for agreement in rows.values()],
            "agree": [agreement.share for agreement in rows.values()],
            "kappa": [kappa.value if kappa else None for kappa in kappas],
            "kappa_low": [kappa.low if kappa else None for kappa in kappas],
            "kappa_high": [kappa.high if kappa else None for kappa in kappas],
        }
    )


def kappa_chart(title: str, rows: dict[str, Agreement], look: Look) -> go.Figure:
    """κ of each row with its 95 % interval; a mark stands for the faces they disagree on."""
    n = sum(agreement.n for agreement in rows.values())
    figure = look.blank(
        title,
        f"n = {n:,} comparisons · Cohen's κ: 1 is full agreement, 0 is chance · 95 % intervals"
        " · click a mark for the faces they disagree on",
        height_px=150 + 44 * len(rows),
    )
    defined = {name: a for name, a in rows.items() if a.kappa is not None}
    kappas = [a.kappa for a in defined.values() if a.kappa]
    figure.add_vline(x=0, line={"color": look.quiet, "dash": "dot"})
    figure.add_trace(
        point_marks(
            x=[kappa.value for kappa in kappas],
            y=list(defined),
            faces=[faces_of(a.differ) for a in defined.values()],
            hover=[_hover(name, a) for name, a in defined.items()],
            marker={"size": 13, "color": look.blue},
            error_x=whiskers(
                [kappa.value for kappa in kappas],
                [kappa.low for kappa in kappas],
                [kappa.high for kappa in kappas],
                look.blue,
            ),
        )
    )
    low = min([-0.05, *(kappa.low - 0.05 for kappa in kappas)])
    figure.update_layout(
        xaxis={"range": [low, 1.05], "title": {"text": "Cohen's κ"}},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": False},
    )
    return figure


def _hover(name: str, agreement: Agreement) -> str:
    return (
        f"<b>{name}</b><br>κ {kappa_text(agreement.kappa)}: {in_words(agreement.kappa)}<br>"
        f"{agreement.share:.1%} of {agreement.n:,} faces alike, {len(agreement.differ):,} not"
    )


def said_numbers(pair: Agreement) -> pd.DataFrame:
    """A row for each pair of labels that occurred."""
    rows = [(a, b, n) for (a, b), n in sorted(pair.counts.items())]
    return pd.DataFrame(rows, columns=[f"{pair.first} says", f"{pair.second} says", "faces"])


def said_chart(pair: Agreement, look: Look) -> go.Figure:
    """What one said against what the other said, in numbers of faces."""
    used = {label for said in pair.faces for label in said}
    names = [name for name in CLASSES if name in used]
    shown = [class_name(name) for name in names]
    counts = pair.counts
    figure = look.blank(
        f"What {pair.first} said against what {pair.second} said",
        f"n = {pair.n:,} faces · alike: {pair.share:.1%} · click a cell for its faces",
        height_px=140 + 70 * len(names),
    )
    values = [[counts.get((a, b), 0) for b in names] for a in names]
    figure.add_heatmap(
        x=shown, y=shown, z=values, coloraxis="coloraxis", hoverinfo="skip", xgap=2, ygap=2,
        text=values, texttemplate="%{text:,}",
    )  # fmt: skip
    cells = [(a, b) for a in names for b in names if (a, b) in pair.faces]
    figure.add_trace(
        cell_marks(
            x=[class_name(b) for _, b in cells],
            y=[class_name(a) for a, _ in cells],
            faces=[faces_of(pair.faces[cell]) for cell in cells],
            hover=[_cell_words(pair, cell) for cell in cells],
            look=look,
        )
    )
    figure.update_layout(
        coloraxis={"cmin": 0, "cmax": max(map(max, values)), "showscale": False},
        xaxis={"title": {"text": f"{pair.second} says"}, "showgrid": False},
        yaxis={
            "title": {"text": f"{pair.first} says"}, "showgrid": False, "autorange": "reversed",
        },
    )  # fmt: skip
    return figure


def _cell_words(pair: Agreement, cell: Sequence[str]) -> str:
    a, b = map(class_name, cell)
    n = len(pair.faces[cell[0], cell[1]])
    return f"<b>{n:,}</b>: {pair.first} says {a}, {pair.second} says {b}"
