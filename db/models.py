"""Registered models, and the aliases that say which of them serves: promote and roll back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlite_utils import Database

from db.database import now, select, select_one, write_transaction
from db.errors import NotFound, StudioError

ModelKind = Literal["student", "mask_teacher", "pose_teacher"]
Alias = Literal["champion", "challenger", "previous"]


class PromotionRefused(StudioError):
    "The aliases, or the model's file, are not such that this change is possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A registered checkpoint. ``name`` is the ``model_id`` that predictions carry."""

    id: int
    name: str
    sha256: str
    path: str
    kind: ModelKind
    recipe: str
    run_id: int | None
    metrics: Mapping[str, Any]
    licence: str | None
    created_at: str


def register_model(
    db: Database,
    *,
    name: str,
    sha256: str,
    path: str,
    kind: ModelKind,
    recipe: str,
    run_id: int | None = None,
    metrics: Mapping[str, Any] | None = None,
    licence: str | None = None,
) -> Model:
    """The registered model; the same checkpoint under the same name is registered once."""
    with write_transaction(db):
        known = select_one(db, "SELECT * FROM models WHERE sha256 = ? OR name = ?", [sha256, name])
        if known:
            if (known["sha256"], known["name"]) != (sha256, name):
                raise StudioError(
                    f"model {known['name']!r} ({known['sha256'][:12]}) is registered already, "
                    f"and differs from {name!r} ({sha256[:12]}) in name or file: choose a new name"
                )
            return _model(known)
        db.execute(
            "INSERT INTO models (name, sha256, path, kind, recipe, run_id, metrics, licence,"
            " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [name, sha256, path, kind, recipe, run_id, json.dumps(metrics or {}), licence, now()],
        )
        return get_model(db, name)


def get_model(db: Database, name: str) -> Model:
    row = select_one(db, "SELECT * FROM models WHERE name = ?", [name])
    if row is None:
        raise NotFound(f"no model is registered as {name!r}")
    return _model(row)


def list_models(db: Database, kind: ModelKind | None = None) -> list[Model]:
    """All models, newest first."""
    where, parameters = ("WHERE kind = ?", [kind]) if kind else ("", [])
    return [
        _model(row)
        for row in select(db, f"SELECT * FROM models {where} ORDER BY id DESC", parameters)
    ]


def model_in_use(db: Database, alias: Alias) -> Model | None:
    """The model that has this alias now."""
    row = select_one(
        db,
        "SELECT models.* FROM model_aliases JOIN models ON models.id = model_id WHERE alias = ?",
        [alias],
    )
    return _model(row) if row else None


def aliases(db: Database) -> dict[Alias, Model]:
    """All aliases in use, read at one moment."""
    rows = select(
        db,
        "SELECT alias, models.* FROM model_aliases JOIN models ON models.id = model_id",
    )
    return {row["alias"]: _model(row) for row in rows}


def set_challenger(db: Database, name: str, *, reason: str, changed_by: str) -> None:
    """Make a student the challenger; the champion goes on serving."""
    with write_transaction(db):
        model = _student(db, name)
        _set_alias(db, "challenger", model.id, reason, changed_by)


def promote(db: Database, name: str, *, reason: str, changed_by: str) -> None:
    """Make a student the champion; who was it becomes ``previous``. In one transaction."""
    with write_transaction(db):
        model, before = _student(db, name), aliases(db)
        champion, challenger = before.get("champion"), before.get("challenger")
        if champion and champion.id == model.id:
            return
        if champion:
            _set_alias(db, "previous", champion.id, reason, changed_by)
        _set_alias(db, "champion", model.id, reason, changed_by)
        if challenger and challenger.id == model.id:
            _set_alias(db, "challenger", None, reason, changed_by)


def roll_back(db: Database, *, reason: str, changed_by: str) -> Model:
    """Make the previous champion serve again and the present one the challenger."""
    with write_transaction(db):
        before = aliases(db)
        if "champion" not in before or "previous" not in before:
            raise PromotionRefused("there is no previous champion to roll back to")
        _set_alias(db, "challenger", before["champion"].id, reason, changed_by)
        _set_alias(db, "champion", before["previous"].id, reason, changed_by)
        _set_alias(db, "previous", None, reason, changed_by)
        return before["previous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasChange:
    """One change of an alias; ``model`` is None where it was taken away."""

    alias: Alias
    model: str | None
    reason: str
    changed_by: str
    created_at: str


def alias_history(db: Database) -> list[AliasChange]:
    """Every promotion and roll back, newest first."""
    rows = select(
        db,
        "SELECT alias, models.name AS model, reason, changed_by, e.created_at"
        " FROM model_alias_events e LEFT JOIN models ON models.id = e.model_id ORDER BY e.id DESC",
    )
    return [AliasChange(**dict(row)) for row in rows]


def _set_alias(
    db: Database, alias: Alias, model_id: int | None, reason: str, changed_by: str
) -> None:
    if model_id is None:
        db.execute("DELETE FROM model_aliases WHERE alias = ?", [alias])
    else:
        db.execute(
            "INSERT INTO model_aliases VALUES (?, ?, ?) ON CONFLICT (alias)"
            " DO UPDATE SET model_id = excluded.model_id, since = excluded.since",
            [alias, model_id, now()],
        )
    db.execute(
        "INSERT INTO model_alias_events (alias, model_id, reason, changed_by, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        [alias, model_id, reason, changed_by, now()],
    )


def _student(db: Database, name: str) -> Model:
    model = get_model(db, name)
    if model.kind != "student":
        raise PromotionRefused(f"only a student can serve, {name!r} is a {model.kind}")
    return model


def _model(row: sqlite3.Row) -> Model:
    return Model(
        id=row["id"],
        name=row["name"],
        sha256=row["sha256"],
        path=row["path"],
        kind=row["kind"],
        recipe=row["recipe"],
        run_id=row["run_id"],
        metrics=json.loads(row["metrics"]),
        licence=row["licence"],
        created_at=row["created_at"],
    )
