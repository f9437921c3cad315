"""What the models page shows and does, free of any toolkit: the registry of students."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.database import connect
from db.models import (
    AliasChange,
    Model,
    alias_history,
    aliases,
    get_model,
    list_models,
    model_in_use,
    promote,
    roll_back,
)
from trainer.jobs.run_files import RunFiles
from ui.model_files import require_servable, why_not_servable
from ui.model_shelf import ModelsNotReady
from ui.plain import plain
from ui.studio import Studio


@dataclass(frozen=True, kw_only=True)
class Registry:
    """All students, who serves, and how it came to that."""

    students: Sequence[Model]
    in_use: Mapping[str, Model]
    history: Sequence[AliasChange]

    def alias_of(self, model: Model) -> str:
        return next((str(a) for a, used in self.in_use.items() if used.id == model.id), "")


def registry(studio: Studio) -> Registry:
    with connect(studio.home, read_only=True) as db:
        return Registry(
            students=list_models(db, "student"), in_use=aliases(db), history=alias_history(db)
        )


def who_answers(studio: Studio, champion: Model) -> str:
    """In Markdown: the champion, another student and why, or nobody and why."""
    try:
        serving = studio.models.student()
    except ModelsNotReady as error:
        return f"**Nobody answers now.** {plain(error)}"
    if serving.name == champion.name:
        return f"**`{champion.name}`** answers now."
    why = plain(_why_another(studio, champion))
    return f"**`{serving.name}`** answers here, though `{champion.name}` is the champion: {why}."


def _why_another(studio: Studio, champion: Model) -> str:
    if studio.models.has_given_student:
        return "this studio was started with it"
    fault = studio.models.failure or why_not_servable(studio.home, champion)
    return fault or "the champion is being loaded"


def promote_model(studio: Studio, name: str, who: str) -> None:
    """A person makes this student the champion, whatever the figures say."""
    with connect(studio.home) as db:
        require_servable(studio.home, get_model(db, name))
        promote(db, name, reason="a person decided", changed_by=who)


def roll_back_champion(studio: Studio, who: str) -> Model:
    """The previous champion answers again, for everyone, from the next answer on."""
    with connect(studio.home) as db:
        previous = model_in_use(db, "previous")
        if previous:
            require_servable(studio.home, previous)
        return roll_back(db, reason="a person rolled back", changed_by=who)


def changed_faces(studio: Studio, model: Model, kind: str) -> list[tuple[bytes, str]]:
    """PNG pictures with captions of faces of one of ``trainer.changed_faces.KINDS``."""
    report = model.metrics.get("report")
    if report is None or model.run_id is None:
        return []
    folder = RunFiles.of(studio.home, model.run_id).changed
    return [
        ((folder / face["file"]).read_bytes(), face["text"])
        for face in report["faces"].get(kind, [])
        if (folder / face["file"]).is_file()
    ]
