"""Pictures, faces, predictions, models, runs, reviews, settings: the plain tables."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from db_support import BOX, add_face, add_model, add_picture, label, mask, picture, predict
from sqlite_utils import Database

from core.faces import FaceBox, FacePrediction, HeadPose, MaskLabel
from core.head_pose import geodesic_deg, rotation_from_euler
from db import scores
from db.annotations import current_annotation
from db.errors import NotFound, StudioError
from db.evaluations import add_evaluation, evaluations
from db.faces import BY_PERSON, add_faces, faces_of_image, get_face
from db.home import Home
from db.images import add_image, list_images, list_sources, other_names, read_bytes
from db.models import (
    PromotionRefused,
    alias_history,
    aliases,
    promote,
    register_model,
    roll_back,
    set_challenger,
)
from db.predictions import of_face, predictions_of_face, store_predictions
from db.runs import (
    RunStatusRefused,
    add_metrics,
    beat,
    claim_run,
    get_run,
    lost_runs,
    metric_names,
    metrics,
    request_run,
    set_status,
    submit_run,
)
from db.settings import get_setting, set_setting

MASKED, UNMASKED = MaskLabel.MASKED, MaskLabel.UNMASKED


def test_a_picture_is_stored_once_whatever_its_name(db: Database, home: Home) -> None:
    image = add_picture(db, home, 1, name="a.png")
    assert add_picture(db, home, 1, name="../b.png", source="web") == image
    assert other_names(db, image.id) == ["../b.png"]
    assert read_bytes(home, image) == picture(1)
    assert image.path == f"images/{image.sha256[:2]}/{image.sha256}.png"
    assert [path.name for path in home.images_dir.rglob("*.*")] == [f"{image.sha256}.png"]
    assert home.images_dir.stat().st_mode & 0o077 == 0  # nobody else looks into it


def test_the_bytes_decide_the_suffix(db: Database, home: Home) -> None:
    given = {"name": "x.exe", "width_px": 1, "height_px": 1}
    suffixes = [
        Path(add_image(db, home, data, **given).path).suffix
        for data in (b"\xff\xd8\xff", b"RIFF....WEBPVP8 ", b"BM", b"<?php")
    ]
    assert suffixes == [".jpg", ".webp", ".bmp", ".bin"]


def test_pictures_come_newest_first_in_pages(db: Database, home: Home) -> None:
    ids = [add_picture(db, home, n, source=("web", "camera")[n % 2]).id for n in range(5)]
    first = list_images(db, limit=2)
    assert [image.id for image in first] == ids[:2:-1]
    assert [i.id for i in list_images(db, limit=9, before_id=first[-1].id)] == ids[2::-1]
    assert [image.id for image in list_images(db, source="camera")] == [ids[3], ids[1]]
    assert list_sources(db) == ["web", "camera"]


def test_a_face_found_again_stays_the_same_face(db: Database, home: Home) -> None:
    image = add_picture(db, home, 1)
    (face,) = add_faces(db, image.id, [BOX], detector="centerface")
    label(db, face.id, MASKED)
    moved = FaceBox(BOX.left_px + 1, BOX.top_px, BOX.width_px, BOX.height_px)
    far = FaceBox(30, 20, 10, 10)
    again = add_faces(db, image.id, [far, moved, moved], detector=BY_PERSON)
    assert again[1] == face
    assert [f.id for f in again] == [face.id + 1, face.id, face.id + 2]
    assert len(faces_of_image(db, image.id)) == 3
    assert current_annotation(db, face.id).label.mask == MASKED
    assert get_face(db, again[0].id).box == far
    with pytest.raises(NotFound, match="no face 99"):
        get_face(db, 99)


def test_predictions_of_each_model_are_kept_and_scored(db: Database, home: Home) -> None:
    face = add_face(db, home, 1)
    for name, kind in (("s", "student"), ("m", "mask_teacher"), ("p", "pose_teacher")):
        add_model(db, name, kind)
    pose = HeadPose(yaw_deg=0, pitch_deg=0, roll_deg=0)
    said = FacePrediction(box=BOX, mask=mask(0.5, 0.5, 0), pose=pose, model_id="s")
    store_predictions(db, [of_face(face, said, latency_ms=6.5)])
    predict(db, "m", {face: mask(0.2, 0.8, 0)})
    predict(db, "p", {face: None}, HeadPose(yaw_deg=22.5, pitch_deg=0, roll_deg=0))
    assert [(p.model, p.latency_ms) for p in predictions_of_face(db, face)] == [
        ("p", None),
        ("m", None),
        ("s", 6.5),
    ]
    (row,) = db.query("SELECT entropy, disagreement, predicted_label, yaw_deg FROM face_states")
    assert row == {
        "entropy": pytest.approx(math.log(2)),
        "disagreement": pytest.approx(0.5),  # the pose teacher: 22.5 of 45 degrees
        "predicted_label": "unmasked",
        "yaw_deg": 0.0,
    }
    with pytest.raises(NotFound, match="'x' is not registered"):
        predict(db, "x", {face: None})


def test_the_distance_of_poses_is_that_of_core(db: Database) -> None:
    random = np.random.default_rng(0)
    angles = random.uniform([-90, -60, -60], [90, 60, 60], (200, 2, 3))
    for a, b in angles:
        poses = [HeadPose(yaw_deg=y, pitch_deg=p, roll_deg=r) for y, p, r in (a, b)]
        expected = geodesic_deg(rotation_from_euler(*a), rotation_from_euler(*b))
        assert scores.pose_distance_deg(*poses) == pytest.approx(float(expected), abs=1e-4)


def test_promotion_and_roll_back_move_all_aliases_at_once(db: Database) -> None:
    for name in ("first", "second", "third"):
        add_model(db, name)
    by = {"reason": "better", "changed_by": "ann"}

    def in_use() -> dict[str, str]:
        return {alias: model.name for alias, model in aliases(db).items()}

    promote(db, "first", **by)
    set_challenger(db, "second", **by)
    assert in_use() == {"champion": "first", "challenger": "second"}
    promote(db, "second", **by)
    assert in_use() == {"champion": "second", "previous": "first"}
    assert roll_back(db, **by).name == "first"
    assert in_use() == {"champion": "first", "challenger": "second"}
    with pytest.raises(PromotionRefused, match="no previous champion"):
        roll_back(db, **by)
    assert [(e.alias, e.model) for e in alias_history(db)][:3] == [
        ("previous", None),
        ("champion", "first"),
        ("challenger", "second"),
    ]
    add_model(db, "teacher", "mask_teacher")
    with pytest.raises(PromotionRefused, match="only a student can serve"):
        promote(db, "teacher", **by)


def test_a_failed_promotion_changes_no_alias(db: Database) -> None:
    for name in ("first", "second"):
        add_model(db, name)
    promote(db, "first", reason="", changed_by="ann")
    db.execute(
        "CREATE TRIGGER fail BEFORE UPDATE ON model_aliases WHEN NEW.alias = 'champion'"
        " BEGIN SELECT RAISE(ABORT, 'killed here'); END"
    )
    with pytest.raises(Exception, match="killed here"):
        promote(db, "second", reason="", changed_by="ann")
    assert {alias: model.name for alias, model in aliases(db).items()} == {"champion": "first"}
    assert len(alias_history(db)) == 1


def test_a_checkpoint_is_registered_once(db: Database) -> None:
    model = add_model(db, "student")
    assert add_model(db, "student") == model
    with pytest.raises(StudioError, match="choose a new name"):
        register_model(db, name="student", sha256="0" * 64, path="", kind="student", recipe="")


def test_a_run_goes_through_its_states(db: Database) -> None:
    first = submit_run(db, recipe="quick", config={"epochs": 3}, device="cpu")
    second = submit_run(db, recipe="quick", config={}, device="cpu")
    claimed = claim_run(db, device="cpu", host="here", pid=7)
    assert (claimed.id, claimed.status, claimed.config) == (first.id, "running", {"epochs": 3})
    assert claim_run(db, device="cpu", host="here", pid=8) is None  # one run a device
    assert beat(db, first.id, progress=0.5, phase="training") is None
    assert request_run(db, first.id, "pause").status == "running"
    assert beat(db, first.id, progress=0.6, phase="training") == "pause"
    assert set_status(db, first.id, "paused").progress == 0.6
    assert claim_run(db, device="cpu", host="here", pid=8).id == second.id
    assert set_status(db, second.id, "failed", error="out of memory").error == "out of memory"
    set_status(db, first.id, "queued")
    assert claim_run(db, device="cpu", host="here", pid=9).id == first.id
    done = set_status(db, first.id, "finished")
    assert (done.progress, done.request, done.ended_at is not None) == (1.0, None, True)
    with pytest.raises(RunStatusRefused, match="is finished, so it cannot become running"):
        set_status(db, first.id, "running")
    assert request_run(db, submit_run(db, recipe="", config={}, device="cpu").id, "cancel").status


def test_a_silent_run_is_found(db: Database) -> None:
    run = submit_run(db, recipe="quick", config={}, device="cpu")
    claim_run(db, device="cpu", host="here", pid=7)
    assert lost_runs(db) == []
    assert [lost.id for lost in lost_runs(db, silent_s=-1)] == [run.id]
    assert set_status(db, run.id, "queued").status == "queued"


def test_metrics_are_curves_and_not_finite_numbers_gaps(db: Database) -> None:
    run = submit_run(db, recipe="quick", config={}, device="cpu")
    for step, loss in enumerate((1.0, math.nan, 0.5)):
        add_metrics(db, run.id, step, {"loss": loss, "rate": 0.1})
    add_metrics(db, run.id, 2, {"loss": 0.4})  # resumed: the step again
    assert list(metrics(db, run.id, "loss")) == [(0, 1.0), (1, None), (2, 0.4)]
    assert list(metrics(db, run.id, "loss", after_step=1)) == [(2, 0.4)]
    assert metric_names(db, run.id) == ["loss", "rate"]
    with pytest.raises(NotFound):
        get_run(db, 99)


def test_evaluations_are_kept_with_their_model(db: Database) -> None:
    add_model(db, "student")
    add_evaluation(db, model="student", benchmark="aflw2000", report={"mae_deg": 4.1})
    add_evaluation(db, model="student", benchmark="aflw2000", report={"mae_deg": 4.0})
    assert [e.report["mae_deg"] for e in evaluations(db, benchmark="aflw2000")] == [4.0, 4.1]
    assert evaluations(db, model="other") == []


def test_a_setting_is_any_json(db: Database) -> None:
    assert get_setting(db, "theme", "light") == "light"
    set_setting(db, "theme", {"dark": True})
    set_setting(db, "theme", ["dark"])
    assert get_setting(db, "theme") == ["dark"]
