"""What a retraining learns from, what it leaves alone, and what may come of wrong labels."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from core.checkpoint import load_checkpoint, save_checkpoint
from core.datasets import DatasetError, FaceSample, load_crop, read_dataset
from core.faces import MaskLabel
from core.images import encode_png
from core.predictor import load_predictor
from db.annotations import annotate, history
from db.database import connect
from db.errors import StudioError
from db.export import export_faces
from db.home import Home
from db.labels import Change
from db.migrations import open_home
from db.models import Model, aliases, list_models
from db.runs import Run, claim_run, set_status, submit_run
from tests.dataset_files import mask_row, write_csv
from tests.retraining_files import (
    TINY,
    add_labelled,
    crown,
    draw_masked,
    make_home,
    say,
    train_champion,
)
from tests.training_files import write_mask_set, write_pose_set
from trainer.annotated_faces import LABEL_PROBABILITY, overrule, read_annotated
from trainer.challenge import benchmarks, conclude
from trainer.comparison import answer_both
from trainer.dataset_import import import_path
from trainer.face_pool import load_pool
from trainer.jobs.run_files import RunFiles
from trainer.label_snapshot import SPLITS, known_pictures, read_snapshot, take_snapshot
from trainer.redistill import (
    NotTeachable,
    RetrainingConfig,
    config_of,
    prepare,
    recipe_of,
    request_of,
    require_labels,
    require_same_recipe,
    serving_model,
    teachers_of,
)
from trainer.soft_labels import SoftLabelTable
from trainer.speed import Speed, measure_speed
from trainer.train import read_benchmark, read_faces, read_pool, read_samples, train

SWAPPED = {
    MaskLabel.MASKED: MaskLabel.UNMASKED,
    MaskLabel.UNMASKED: MaskLabel.MASKED,
    MaskLabel.INCORRECT: MaskLabel.INCORRECT,
}


@pytest.fixture(scope="module")
def champion(tmp_path_factory) -> Path:
    """A student of drawn heads that knows masks well enough to lose something."""
    return train_champion(tmp_path_factory.mktemp("champion"), epochs=12)


@pytest.fixture(autouse=True)
def no_8_bit_form(monkeypatch) -> None:
    """Half a minute for each model; ``test_trainer_calibration`` makes one."""
    monkeypatch.setattr("trainer.challenge.quantise_beside", lambda checkpoint, folders: None)


@pytest.fixture
def home(tmp_path, champion) -> Home:
    home = make_home(tmp_path / "home", faces=45)
    crown(home, champion)
    return home


def begin(home: Home, **given) -> Run:
    """A run that a worker has taken."""
    changes = TINY | given.pop("changes", {})
    config = prepare(home, RetrainingConfig(changes=changes, loader_processes=0, **given))
    with connect(home) as db:
        submit_run(db, recipe="quick", config=config.to_json(), device="cpu")
        run = claim_run(db, device="cpu", host="here", pid=1)
    assert run is not None
    return run


def retrain(home: Home, **given) -> tuple[Model, dict]:
    """The model of one whole run, and the report of its comparison."""
    run = begin(home, **given)
    train(request_of(home, run))
    conclude(home, run)
    with connect(home) as db:
        model = next(model for model in list_models(db) if model.run_id == run.id)
    return model, model.metrics["report"]


def write_benchmark(root: Path, faces: int = 60, split: str = "test", seed: int = 77) -> Path:
    """A mask-csv set of drawn heads with right labels, all of them in one split."""
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    rows = []
    for index in range(faces):
        label = list(MaskLabel)[index % 3]
        name = f"{index}.png"
        (root / "images" / name).write_bytes(encode_png(draw_masked(rng, label)))
        rows.append(mask_row(name, label=str(label), split=split, group=name))
    write_csv(root / "labels.csv", rows)
    return root


# --- what a run learns from -------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "write"), [("pose", write_pose_set), ("mask", write_mask_set)])
def test_an_imported_crop_is_cut_as_in_its_own_data_set(tmp_path, kind, write):
    folder = write(tmp_path / kind)
    home = open_home(tmp_path / "home")
    import_path(home, folder)
    theirs = {load_crop(s, 64, 1.25).tobytes() for s in read_faces(folder, "val").samples}
    stored = read_annotated(home.root, "val").samples
    assert theirs and theirs <= {load_crop(sample, 64, 1.25).tobytes() for sample in stored}
    take_snapshot(home.root, tmp_path)
    kept = read_snapshot(tmp_path, "val").samples
    assert [load_crop(s, 64, 1.25).tobytes() for s in kept] == [
        load_crop(s, 64, 1.25).tobytes() for s in stored
    ]


def test_held_out_origins_are_never_trained_on_and_stay_the_same(home):
    before = {
        split: {s.group for s in read_annotated(home.root, split).samples} for split in SPLITS
    }
    assert before["train"] and before["val"] and not before["train"] & before["val"]
    add_labelled(home, 30, seed=5)
    after = {split: {s.group for s in read_annotated(home.root, split).samples} for split in SPLITS}
    assert before["val"] <= after["val"] and before["train"] <= after["train"]


def test_faces_imported_as_test_are_a_benchmark_and_not_trained_on(home):
    add_labelled(home, 6, seed=9, split="test", source="album")
    test = read_annotated(home.root, "test").samples
    assert {sample.attributes["data_set"] for sample in test} == {"album"} and len(test) == 6
    elsewhere = {
        s.name for split in ("train", "val") for s in read_annotated(home.root, split).samples
    }
    assert not elsewhere & {sample.name for sample in test}


def test_a_run_keeps_to_the_labels_it_began_with(home, tmp_path):
    take_snapshot(home.root, tmp_path)
    first = read_snapshot(tmp_path, None).samples
    say(home, {1: MaskLabel.INCORRECT}, version=1)
    add_labelled(home, 3, seed=8)
    take_snapshot(home.root, tmp_path)
    again = read_snapshot(tmp_path, None).samples
    assert len(first) == len(again) == 45
    live = {s.name: s for split in SPLITS for s in read_annotated(home.root, split).samples}
    unchanged = live[first[5].name]
    for field in ("image_path", "box", "crop_square", "mask", "group", "attributes"):
        assert getattr(first[5], field) == getattr(unchanged, field)


def test_the_same_labels_and_config_are_the_same_request(home):
    first = begin(home)
    request = request_of(home, first)
    with connect(home) as db:
        set_status(db, first.id, "finished")
    again = request_of(home, begin(home))
    assert read_pool(request, "train").fingerprint == read_pool(again, "train").fingerprint
    assert request.recipe == again.recipe


def test_replay_is_limited_but_annotations_are_not(home, tmp_path):
    replay = write_benchmark(tmp_path / "replay", split="train")
    request = request_of(home, begin(home, replay=[str(replay)], max_replay=7))
    annotated = len(read_annotated(home.root, "train").samples)
    assert len(read_pool(request, "train")) == annotated + 7


def test_a_replayed_picture_that_is_labelled_here_counts_once_with_its_last_label(
    home, tmp_path, caplog
):
    """A data set in the app and replayed, too: its held-out faces were trained on, and a
    corrected label came back beside its correction."""
    replay = write_benchmark(tmp_path / "replay", faces=40, split="train")
    import_path(home, replay)
    imported = {
        k: [s for s in annotated(home, k) if s.attributes["data_set"] == "drawn"] for k in SPLITS
    }
    corrected, not_a_face, noted = imported["train"][:3]
    wrong = SWAPPED[corrected.mask]
    say(home, {face_of(corrected): wrong}, version=1)
    with connect(home) as db:
        changes = [Change(face_id=face_of(not_a_face), base_version=1, rejected=True)]
        changes += [Change(face_id=face_of(noted), base_version=1, mask=None, note="who knows")]
        annotate(db, changes, annotator="ann", client_op_id="none")
    held_out = {s.image_path.read_bytes() for s in annotated(home, "val")}
    assert len(held_out & {s.image_path.read_bytes() for s in imported["val"]}) >= 2

    with caplog.at_level("INFO"):
        request = request_of(home, begin(home, replay=[str(replay)], max_replay=1))
        trained = read_samples(request, "train")
    left_out = 2 + len(imported["val"])
    assert f"replay: {left_out} faces left out, their pictures are labelled in" in caplog.text
    pictures = [s.image_path.read_bytes() for s in trained]
    assert len(set(pictures)) == len(pictures) and not set(pictures) & held_out
    assert not_a_face.image_path.read_bytes() not in pictures
    assert [s.mask for s in trained if s.image_path == corrected.image_path] == [wrong]
    # what a person said nothing of is taught as the data set has it, whatever may be replayed
    replayed = [s for s in trained if s.source != "annotations"]
    assert len(replayed) == 40 - left_out
    assert noted.image_path.read_bytes() in {s.image_path.read_bytes() for s in replayed}
    live = replace(request, data=[replay, home.root])  # `launch.py train --data DIR HOME`
    assert {s.name for s in read_samples(live, "train")} == {s.name for s in trained}


def test_an_imported_set_that_is_replayed_keeps_its_landmarks_and_teachers(home, tmp_path):
    """Of the copies in the app alone no mask could be drawn, nor did teachers count for them."""
    pose = write_pose_set(tmp_path / "pose", train=40)
    import_path(home, pose)
    request = request_of(home, begin(home, replay=[str(pose)]))
    people, copies = annotated(home, "train"), known_pictures(home.root).copies
    trained = [s for s in read_samples(request, "train") if s.pose is not None]
    originals = read_faces(pose, "train").samples
    assert 0 < len(trained) == len([s for s in people if s.image_path.stem in copies]) < 40
    assert {s.name for s in trained} < {s.name for s in originals}
    assert all(s.landmarks_px is not None and s.crop_factor and not s.source for s in trained)
    pool = read_pool(request, "train")
    assert np.isfinite(pool.landmarks_px[pool.has_pose]).any() and len(pool) == len(people)
    # its faces of val are held out here, too: known once, by the copy
    judged = [s for s in read_samples(request, "val") if s.pose is not None]
    assert {s.source for s in judged} == {"annotations"}
    assert len({s.image_path.read_bytes() for s in judged}) == len(judged) == 6 + 40 - len(trained)


@pytest.mark.parametrize("older", [("copies",), ("copies", "pictures")])
def test_a_run_goes_on_with_its_faces_though_an_older_program_began_it(home, tmp_path, older):
    """They know less of the pictures, and what they taught is taught to the end."""
    replay = write_benchmark(tmp_path / "replay", faces=20, split="train")
    import_path(home, replay)
    run = begin(home, replay=[str(replay)])
    request, labels = request_of(home, run), RunFiles.of(home, run.id).root / "labels.jsonl"
    header, *rows = labels.read_text().splitlines(keepends=True)
    known = {name: value for name, value in json.loads(header).items() if name not in older}
    every = sorted(s.image_path.stem for k in SPLITS for s in annotated(home, k))
    known |= {"pictures": every} if "pictures" in known else {}
    labels.write_text(json.dumps(known) + "\n" + "".join(rows))
    replayed = 20 if "pictures" in older else 0
    assert len(read_samples(request, "train")) == len(annotated(home, "train")) + replayed


def test_an_exported_folder_is_no_run(home, tmp_path):
    """It was read as one: KeyError 'home'."""
    out = tmp_path / "out"
    export_faces(home, out, format="jsonl", images=True)
    assert (out / "labels.jsonl").is_file()
    for text in (None, "", "[1]\n", "\xff\n"):
        if text is not None:
            (out / "labels.jsonl").write_text(text, encoding="latin-1")
        with pytest.raises(DatasetError, match=r"neither labels\.csv nor a database of the app"):
            read_faces(out, "train")


def test_benchmarks_are_judged_by_test_else_eval_else_val(tmp_path):
    every = write_benchmark(tmp_path / "every", faces=8)
    text = (every / "labels.csv").read_text()
    for splits in (["val", "eval", "test"], ["val", "eval"], ["train", "val"], ["train"]):
        rows = text.splitlines()
        mixed = [
            row.replace(",test,", f",{splits[i % len(splits)]},") for i, row in enumerate(rows)
        ]
        (every / "labels.csv").write_text("\n".join(mixed) + "\n")
        expected = splits[-1] if splits != ["train"] else None
        assert {sample.split for sample in read_benchmark(every)} == {expected} - {None}


def test_folders_without_the_faces_that_a_run_needs_are_refused_before_it(home, tmp_path):
    only_train = write_benchmark(tmp_path / "train", faces=3, split="train")
    only_test = write_benchmark(tmp_path / "test", faces=3)
    with pytest.raises(DatasetError, match="no usable face to measure on; expected a split test, "):
        prepare(home, RetrainingConfig(benchmarks=[str(only_train)]))
    with pytest.raises(DatasetError, match="no split 'train'; it has test"):
        prepare(home, RetrainingConfig(replay=[str(only_test)]))
    (only_train / "images" / "0.png").rename(only_train / "images" / "x.png")
    prepare(home, RetrainingConfig(replay=[str(only_train)], benchmarks=[str(only_test)]))


def test_a_run_replays_a_folder_without_val_and_is_judged_by_one_without_test(home, tmp_path):
    """Such a benchmark failed after the whole training, and so did every resumption."""
    replay = write_benchmark(tmp_path / "replay", faces=9, split="train", seed=78)
    judged = write_benchmark(tmp_path / "judged", faces=12, split="eval")
    namesake = write_benchmark(tmp_path / "other" / "judged", faces=9)
    folders = [str(judged), str(namesake)]
    _, report = retrain(home, changes={"epochs": 0.5}, replay=[str(replay)], benchmarks=folders)
    counts = {name: set() for name in ("judged", folders[1])}
    for comparison in report["comparisons"]:
        counts.setdefault(comparison["benchmark"], set()).add(comparison["n"])
    assert 12 in counts["judged"] and 9 in counts[folders[1]]


def test_no_run_is_judged_by_pictures_that_taught_it(home, tmp_path, caplog):
    """Only other folders of the app's own pictures were known to be the same."""
    replay = write_benchmark(tmp_path / "replay", faces=8, split="train")
    judged = write_benchmark(tmp_path / "judged", faces=30, split="test")  # these 8 among them
    stored = [*annotated(home, "train")[:3], *annotated(home, "val")[:2]]
    rows = (judged / "labels.csv").read_text()
    for number, sample in enumerate(stored):
        rows += rows.splitlines()[1].replace("0.png", f"stored{number}.png", 1) + "\n"
        picture = judged / "images" / f"stored{number}.png"
        picture.write_bytes(sample.image_path.read_bytes())
    (judged / "labels.csv").write_text(rows)
    run = begin(home, replay=[str(replay)], benchmarks=[str(judged)])
    request_of(home, run)
    with caplog.at_level("INFO"):
        sets = benchmarks(RunFiles.of(home, run.id), config_of(run))
    names = {sample.name for sample in sets["judged"]}
    assert names == {f"{n}.png" for n in range(8, 30)} | {"stored3.png", "stored4.png"}
    assert "judged: 11 faces left out, the run may have learned from them" in caplog.text


@pytest.mark.parametrize(
    "foreign",
    [
        {"channel_order": "bgr"},
        {"decode": "left-edges"},
        {"mask_classes": ("unmasked", "masked")},
        {"network": "lite0-mask"},
    ],
)
def test_a_champion_of_another_kind_is_refused_in_one_line(tmp_path, champion, foreign):
    """Such as the authors' student, converted and served with ``--model FILE``."""
    home = make_home(tmp_path / "home", faces=3)
    model = load_checkpoint(champion)
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, replace(model.card, **foreign), model.tensors)
    name = crown(home, other)
    value = foreign.get("mask_classes", next(iter(foreign.values())))
    with pytest.raises(NotTeachable, match=f"the champion {name} cannot be retrained") as refusal:
        prepare(home, RetrainingConfig())
    assert str(value) in str(refusal.value) and "\n" not in str(refusal.value)


def test_people_overrule_teachers_where_they_have_spoken(home):
    pool = load_pool(read_annotated(home.root, "train").samples[:2])
    pool = replace(pool, sources=("annotations", "elsewhere"))
    count = len(pool)
    soft = SoftLabelTable(
        pose_probabilities=np.full((count, 3, 62), 1 / 62, np.float32),
        rotation=np.tile(np.eye(3, dtype=np.float32), (count, 1, 1)),
        agreement=np.ones(count, np.float32),
        mask_logits=np.log(np.full((count, 3), 1 / 3, np.float32)),
    )
    told = overrule(soft, pool)
    assert told.mask_logits[0].argmax() == pool.mask_index[0]
    assert np.exp(told.mask_logits[0]).max() == pytest.approx(LABEL_PROBABILITY)
    assert np.array_equal(told.mask_logits[1], soft.mask_logits[1])
    assert np.array_equal(told.agreement, soft.agreement)  # nobody labelled a pose
    posed = replace(pool, pose_weight=np.ones(count))
    assert overrule(soft, posed).agreement.tolist() == [0, 1]


def test_the_recipe_sees_faces_as_the_champion_does(champion):
    card = load_checkpoint(champion).card
    recipe = recipe_of(RetrainingConfig(changes={"epochs": 1.0}), card)
    assert (recipe.input_px, recipe.network, recipe.epochs) == (32, "mhpnet", 1.0)


def test_without_teachers_of_both_tasks_the_champion_keeps_its_own_opinion(champion):
    assert teachers_of(RetrainingConfig(teachers=()), champion) == [champion]


def test_settings_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="unknown preset 'huge'; known: quick"):
        RetrainingConfig(preset="huge")
    with pytest.raises(ValueError, match="a recipe has no epoch"):
        RetrainingConfig(changes={"epoch": 1})


def test_too_few_labels_are_said_before_anything_is_trained(tmp_path, champion):
    home = make_home(tmp_path / "small", faces=1)
    crown(home, champion)
    run = begin(home)
    request_of(home, run)
    with pytest.raises(StudioError, match=r"one origin in five .* label some more pictures"):
        require_labels(RunFiles.of(home, run.id))


def test_the_champion_serves_and_the_shipped_student_becomes_it(tmp_path, champion, monkeypatch):
    home = make_home(tmp_path / "fresh", faces=1)
    monkeypatch.setattr("trainer.redistill.STUDENT", champion)
    assert serving_model(home) == champion
    config = prepare(home, RetrainingConfig())
    with connect(home) as db:
        assert aliases(db)["champion"].name == config.champion[0]
    monkeypatch.setattr("trainer.redistill.STUDENT", tmp_path / "none")
    assert serving_model(home) == champion


# --- the last step ----------------------------------------------------------------------------


def test_a_comparison_that_dies_leaves_no_trace_and_is_done_again(home, champion, monkeypatch):
    run = begin(home)
    files = RunFiles.of(home, run.id)
    take_snapshot(home.root, files.root)
    same = load_checkpoint(champion)
    save_checkpoint(files.model, replace(same.card, recipe="another"), same.tensors)
    with monkeypatch.context() as patch:
        patch.setattr("trainer.challenge.set_challenger", die)
        with pytest.raises(SystemExit):
            conclude(home, run)
    with connect(home) as db:
        assert len(list_models(db)) == 1 and set(aliases(db)) == {"champion"}
    conclude(home, run)
    conclude(home, run)  # a second time is nothing new
    with connect(home) as db:
        assert aliases(db)["challenger"].run_id == run.id and len(list_models(db)) == 2


def die(*_args, **_given) -> None:
    raise SystemExit("killed")


# --- what comes of it -------------------------------------------------------------------------


def test_poisoned_labels_are_not_promoted(home, tmp_path):
    """Proof 3 of the issue: masked and unmasked exchanged, in training and in the held-out part."""
    faces = {int(s.attributes["face_id"]): s.mask for k in SPLITS for s in annotated(home, k)}
    say(home, {face: SWAPPED[label] for face, label in faces.items()}, version=1)
    strong = {"learning_rate": 1e-3, "epochs": 8}
    model, report = retrain(
        home, changes=strong, benchmarks=[str(write_benchmark(tmp_path / "clean"))]
    )
    with connect(home) as db:
        assert aliases(db)["champion"].name != model.name
        assert "challenger" not in aliases(db)
        assert len(history(db, 1)) == 2
    assert report["decision"]["verdict"] == "rejected", report["decision"]
    assert "clean" in " ".join(report["decision"]["reasons"])
    files = RunFiles.of(home, model.run_id)
    assert report["faces"]["mask worse"] and list(files.changed.glob("mask-worse-*.png"))
    assert json.loads(files.comparison.read_text())["champion"] == report["champion"]


def face_of(sample: FaceSample) -> int:
    return int(sample.attributes["face_id"])


def annotated(home: Home, split: str):
    return read_annotated(home.root, split).samples


def test_a_wrong_student_is_repaired_by_corrections(tmp_path, champion):
    """Proof 1 in small: a champion taught exchanged labels learns from right ones."""
    home = make_home(tmp_path / "home", faces=90)
    crown(home, champion)
    faces = {int(s.attributes["face_id"]): s.mask for k in SPLITS for s in annotated(home, k)}
    say(home, {face: SWAPPED[label] for face, label in faces.items()}, version=1)
    strong = {"learning_rate": 1e-3, "epochs": 8}
    wrong, _ = retrain(home, changes=strong)
    crown(home, home.root / wrong.path)
    with connect(home) as db:
        set_status(db, wrong.run_id, "finished")
    say(home, faces, version=2)
    benchmark = write_benchmark(tmp_path / "clean")
    repaired, report = retrain(home, changes=strong, benchmarks=[str(benchmark)])
    samples = read_dataset("mask-csv", benchmark, "test").samples
    before, after = answer_both(
        *(load_predictor(str(home.root / model.path), "cpu") for model in (wrong, repaired)),
        samples,
    )
    errors = {
        (c["benchmark"], c["part"]): (c["champion"], c["challenger"])
        for c in report["comparisons"]
        if c["figure"] == "mask error"
    }
    was, is_now = errors["clean", ""]
    assert len(before) == len(after) == 60 and is_now < was - 0.2, report["decision"]
    assert report["decision"]["verdict"] != "rejected"


def test_the_speed_of_a_device_is_measured_with_real_work(champion, monkeypatch):
    monkeypatch.setattr("trainer.speed.MEASURE_S", 0.01)
    speed = measure_speed(champion, "quick", "cpu")
    assert speed.trained_per_s > 0 and speed.asked_per_s > 0
    assert Speed(trained_per_s=100, asked_per_s=50).seconds(600, epochs=2) == 12 + 12


def test_a_run_that_an_update_has_changed_is_not_resumed(home):
    request = request_of(home, begin(home))
    require_same_recipe(request)
    request.out.mkdir()
    begun = asdict(request.recipe)
    (request.out / "config.json").write_text(json.dumps({"recipe": begun | {"epochs": 77}}))
    with pytest.raises(StudioError, match="the program was updated"):
        require_same_recipe(request)


def test_a_run_goes_on_after_an_update_that_leaves_its_training_alone(home):
    request = request_of(home, begin(home))
    request.out.mkdir()
    begun = json.loads(json.dumps(asdict(request.recipe)))
    del begun["drawn_mask_weight"], begun["augment"]["noise_probability"]  # unknown then
    (request.out / "config.json").write_text(json.dumps({"recipe": begun}))
    require_same_recipe(request)
