"""Where the student errs, counted in SQL, against counting by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from db_support import add_face, add_model, label, mask
from sqlite_utils import Database
from training_files import write_mask_set

from benchmarks.database_contents import fill
from core.face_measures import measure_face
from core.faces import FaceBox, HeadPose, MaskLabel
from core.head_pose import geodesic_deg, rotation_from_euler
from db import mask_slices, mask_statistics, pose_statistics
from db.annotations import annotate
from db.check import find_faults, rebuild_states
from db.database import connect
from db.face_measures import MeasuredFace, store_measures, unmeasured_faces
from db.filters import FaceFilter
from db.home import Home
from db.images import SPLITS
from db.labels import Change
from db.migrations import open_home
from db.predictions import Prediction, store_predictions
from db.queue_values import queue_values
from db.review_queue import QueueQuery, count, peek
from trainer.dataset_import import import_path

LABELLED = FaceFilter(status="labelled")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = open_home(tmp_path_factory.mktemp("errors"))
    with connect(home) as db:
        fill(db, faces=1500, annotations=600)
    return home


@pytest.fixture
def db(home: Home) -> Iterator[Database]:
    with connect(home, read_only=True) as db:
        yield db


@pytest.fixture
def rows(db: Database) -> list[dict[str, object]]:
    """Every labelled face with all that errors are sliced by."""
    return list(
        db.query(
            "SELECT s.*, f.lower_face_occluded AS occluded,"
            " q.sharpness, q.brightness, p.p_masked, p.p_unmasked, sources.name AS source"
            " FROM face_states s JOIN faces f ON f.id = s.face_id"
            " LEFT JOIN face_measures q ON q.face_id = s.face_id"
            " JOIN predictions p ON p.face_id = s.face_id AND p.model_id = s.model_id"
            " JOIN sources ON sources.id = s.source_id WHERE s.mask_label IS NOT NULL"
        )
    )


def test_slices_hold_every_labelled_face_and_their_filters_find_the_same(
    db: Database, rows: list[dict[str, object]]
) -> None:
    slices = mask_slices.error_slices(db, FaceFilter())[None]
    wrong = sum(row["mask_label"] != row["predicted_label"] for row in rows)
    assert {name: sum(one.n for one in found) for name, found in slices.items()} == {
        "source": 600,
        "face_px": 600,
        "yaw_deg": 600,
        **{
            name: sum(row[name] is not None for row in rows)
            for name in ("occluded", "sharpness", "brightness")
        },
    }
    assert sum(one.wrong for one in slices["source"]) == wrong > 0
    for found in slices.values():
        for one in found:
            assert count(db, one.faces) == one.n, one.name


def test_a_filter_narrows_the_slices(db: Database) -> None:
    some = FaceFilter(source="source 03")
    slices = mask_slices.error_slices(db, some)[None]
    assert [one.name for one in slices["source"]] == ["source 03"]
    assert sum(one.n for one in slices["face_px"]) == slices["source"][0].n


def test_scores_are_spread_by_label_and_decided_by_the_larger_of_two(
    db: Database, rows: list[dict[str, object]]
) -> None:
    scores = mask_statistics.score_counts(db, FaceFilter(), bins=50)[None]
    labels = Counter(row["mask_label"] for row in rows)
    assert {label: sum(bins) for label, bins in scores.bins.items()} == labels
    bare = [row for row in rows if row["mask_label"] == "unmasked"]
    expected = Counter(min(49, int(row["p_masked"] * 50)) for row in bare)
    assert list(scores.bins[MaskLabel.UNMASKED]) == [expected[bin] for bin in range(50)]
    called = sum(row["p_masked"] > row["p_unmasked"] for row in bare)
    assert scores.called_masked[MaskLabel.UNMASKED] == called


def test_the_confusion_is_that_of_the_rows(db: Database, rows: list[dict[str, object]]) -> None:
    expected = Counter((row["mask_label"], row["predicted_label"]) for row in rows)
    assert +Counter(mask_statistics.confusion(db, FaceFilter())[None]) == expected
    some = [row for row in rows if row["source"] == "source 03"]
    counts = mask_statistics.confusion(db, FaceFilter(source="source 03"))[None]
    assert sum(counts.values()) == len(some) > 0


def test_calibration_compares_confidence_with_truth(
    db: Database, rows: list[dict[str, object]]
) -> None:
    bins = mask_statistics.calibration(db, FaceFilter(), bins=10)[None]
    assert sum(bin.n for bin in bins) == 600
    last = [row for row in rows if row["confidence"] >= 0.9]
    right = sum(row["mask_label"] == row["predicted_label"] for row in last)
    assert (bins[-1].n, bins[-1].correct) == (len(last), right)
    assert bins[-1].mean_confidence == pytest.approx(np.mean([row["confidence"] for row in last]))
    assert all(bin.low <= bin.mean_confidence <= bin.high for bin in bins)


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_counts_its_own_faces(
    db: Database, rows: list[dict[str, object]], split: str
) -> None:
    own = [row for row in rows if row["split"] == split]
    assert 0 < len(own) < len(rows)
    posed = sum(row["pose_error_deg"] is not None for row in own)
    every = FaceFilter()
    assert sum(mask_statistics.confusion(db, every)[split].values()) == len(own)
    assert sum(bin.n for bin in mask_statistics.calibration(db, every)[split]) == len(own)
    scores = mask_statistics.score_counts(db, every)[split]
    assert sum(map(sum, scores.bins.values())) == len(own)
    sizes = mask_slices.error_slices(db, every)[split]["face_px"]
    assert [count(db, one.faces) for one in sizes] == [one.n for one in sizes]
    assert sum(one.n for one in sizes) == len(own)
    assert sum(cell.n for cell in pose_statistics.pose_cells(db, every)[split]) == posed
    assert sum(pose_statistics.said_against_true(db, every)[split]["yaw"].values()) == posed


def test_nothing_is_counted_where_nothing_is(tmp_path: Path) -> None:
    every = FaceFilter()
    with connect(open_home(tmp_path)) as db:
        for split in (None, *SPLITS):
            assert set(mask_statistics.confusion(db, every)[split].values()) == {0}
            assert mask_statistics.calibration(db, every)[split] == []
            scores = mask_statistics.score_counts(db, every)[split]
            assert sum(map(sum, scores.bins.values())) == 0
            assert not any(mask_slices.error_slices(db, every)[split].values())
            assert pose_statistics.pose_cells(db, every)[split] == []
            assert not any(pose_statistics.said_against_true(db, every)[split].values())


def test_a_filter_of_one_split_is_refused(db: Database) -> None:
    with pytest.raises(ValueError, match="all splits are counted at once, got a filter of 'val'"):
        mask_statistics.confusion(db, FaceFilter(split="val"))


def test_faces_without_a_split_count_among_all_alone(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with connect(home) as db:
        face = add_face(db, home, 1)
        add_model(db, "student")
        store_predictions(
            db, [Prediction(face_id=face, model="student", mask=mask(0.1, 0.8, 0.1), pose=None)]
        )
        label(db, face, MaskLabel.MASKED)
        counts = mask_statistics.confusion(db, FaceFilter())
    assert {split: sum(of.values()) for split, of in counts.items()} == {
        None: 1,
        **dict.fromkeys(SPLITS, 0),
    }


def test_students_are_counted_on_a_sample_of_the_labelled_faces(
    db: Database, rows: list[dict[str, object]]
) -> None:
    (student,) = mask_statistics.students_on_sample(db, FaceFilter(), faces=200)
    assert student.serves and sum(student.confusion.values()) == 200
    (student,) = mask_statistics.students_on_sample(db, FaceFilter(split="val"))
    own = Counter(
        (row["mask_label"], row["predicted_label"]) for row in rows if row["split"] == "val"
    )
    assert +Counter(student.confusion) == own and own


def test_bins_are_named_and_bounded_by_their_edges() -> None:
    size = mask_slices.DIMENSIONS[0]
    assert [size.text_of(bin) for bin in (0, 1, 4)] == [
        "under 32 px",
        "32 … 64 px",
        "from 256 px",
    ]
    assert size.range_of(1) == (32, 63.99)


def test_pose_cells_add_up_to_the_errors_of_the_faces(db: Database) -> None:
    rows = list(db.query("SELECT * FROM face_states WHERE pose_error_deg IS NOT NULL"))
    cells = pose_statistics.pose_cells(db, FaceFilter())[None]
    assert sum(cell.n for cell in cells) == len(rows) > 100
    said, true = (
        np.array([[row[f"{prefix}{axis}_deg"] for axis in pose_statistics.AXES] for row in rows])
        for prefix in ("", "label_")
    )
    errors = said - true
    assert sum(cell.pitch_abs for cell in cells) == pytest.approx(np.abs(errors[:, 1]).sum())
    assert sum(cell.yaw_sum for cell in cells) == pytest.approx(errors[:, 0].sum())
    assert sum(cell.mae for cell in cells) == pytest.approx(np.abs(errors).mean(axis=1).sum())
    turned = geodesic_deg(rotation_from_euler(*said.T), rotation_from_euler(*true.T))
    assert sum(cell.geodesic for cell in cells) == pytest.approx(turned.sum(), rel=1e-6)
    assert sum(cell.geodesic_squares for cell in cells) == pytest.approx(
        (turned**2).sum(), rel=1e-6
    )
    some = [cell for cell in cells if cell.yaw_deg == -30]
    assert sum(cell.n for cell in some) == ((true[:, 0] >= -30) & (true[:, 0] < -15)).sum()


def test_said_against_true_counts_every_face_once_an_axis(db: Database) -> None:
    found = pose_statistics.said_against_true(db, FaceFilter())[None]
    rows = list(db.query("SELECT * FROM face_states WHERE pose_error_deg IS NOT NULL"))
    expected = Counter(
        (int(row["label_roll_deg"] // 5) * 5, int(row["roll_deg"] // 1)) for row in rows
    )
    assert found["roll"] == expected


def test_a_pose_label_has_an_error_that_follows_label_and_prediction(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with connect(home) as db:
        near, far = add_face(db, home, 1), add_face(db, home, 2)
        add_model(db, "student")
        pose = HeadPose(yaw_deg=30, pitch_deg=0, roll_deg=0)
        sure = mask(0.1, 0.8, 0.1)
        store_predictions(
            db, [Prediction(face_id=f, model="student", mask=sure, pose=pose) for f in (near, far)]
        )
        for face, yaw in ((near, 33.0), (far, -60.0)):
            said = HeadPose(yaw_deg=yaw, pitch_deg=3, roll_deg=0)
            change = Change(face_id=face, base_version=0, pose=said)
            annotate(db, [change], annotator="ann", client_op_id=f"pose {face}")
        query = QueueQuery(order="pose_error", filter=FaceFilter())
        assert [item.face_id for item in peek(db, query).items] == [far, near]
        assert count(db, FaceFilter(pose_error_deg=(20, 180))) == 1
        assert count(db, FaceFilter(label_yaw_deg=(30, 40))) == 1
        label(db, far, MaskLabel.MASKED, base_version=1)  # keeps the pose
        assert count(db, FaceFilter(status="labelled", pose_error_deg=(30, 32))) == 1
        assert find_faults(db, home) == []
        rebuild_states(db)
        assert count(db, FaceFilter(pose_error_deg=(1.9, 2.1))) == 1
        annotate(
            db,
            [Change(face_id=near, base_version=1, pose=None)],
            annotator="ann",
            client_op_id="no pose",
        )
        assert count(db, FaceFilter(pose_error_deg=(0, 180))) == 1


def test_faces_are_measured_in_their_order_once(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    with connect(home) as db:
        faces = [add_face(db, home, seed) for seed in range(3)]
        assert [face.face_id for face in unmeasured_faces(db, 2)] == faces[:2]
        store_measures(db, [MeasuredFace(faces[0], 120.0, 0.5), MeasuredFace(faces[1], None, None)])
        assert [face.face_id for face in unmeasured_faces(db)] == faces[2:]
        assert count(db, FaceFilter(sharpness=(100, 200))) == 1
        assert count(db, FaceFilter(brightness=(0, 0.4))) == 0


def test_the_background_measures_what_is_stored_and_passes_over_lost_files(tmp_path: Path) -> None:
    from ui.face_measuring import measure_some

    home = open_home(tmp_path)
    with connect(home) as db:
        for seed in range(3):
            add_face(db, home, seed)
        path = db.execute("SELECT path FROM images WHERE id = 2").fetchone()[0]
    (home.root / path).unlink()
    assert measure_some(home) == 3
    assert measure_some(home) == 0
    with connect(home, read_only=True) as db:
        found = list(db.query("SELECT * FROM face_measures"))
    assert [row["sharpness"] is None for row in found] == [False, True, False]
    assert all(0.3 < row["brightness"] < 0.7 for row in (found[0], found[2]))


def test_blur_lowers_the_sharpness_and_light_raises_the_brightness(
    astronaut_rgb: np.ndarray,
) -> None:
    import cv2

    box = FaceBox(180, 60, 90, 110)
    crisp = measure_face(astronaut_rgb, box)
    blurred = measure_face(cv2.GaussianBlur(astronaut_rgb, (0, 0), 3), box)
    assert blurred.sharpness < crisp.sharpness / 4
    assert blurred.brightness == pytest.approx(crisp.brightness, abs=0.02)
    lighter = measure_face(np.clip(astronaut_rgb.astype(int) + 40, 0, 255).astype(np.uint8), box)
    assert lighter.brightness > crisp.brightness + 0.1


@pytest.mark.parametrize(
    "box",
    [
        FaceBox(-100, 50, 200, 200),  # half outside
        FaceBox(0, 0, 150, 300),  # inside, but its square is not
        FaceBox(290, 290, 20, 20),  # enlarged, in a corner
    ],
)
def test_an_even_picture_is_even_up_to_its_edges(box: FaceBox) -> None:
    measures = measure_face(np.full((300, 300, 3), 160, np.uint8), box)
    assert measures == (0.0, pytest.approx(160 / 255))


def test_a_face_beyond_the_picture_is_as_black_as_its_crop() -> None:
    measures = measure_face(np.full((300, 300, 3), 160, np.uint8), FaceBox(400, 0, 50, 50))
    assert measures == (0.0, 0.0)


def test_an_import_keeps_what_the_set_says_of_occlusion(tmp_path: Path) -> None:
    labels = write_mask_set(tmp_path / "set", train=4, val=0) / "labels.csv"
    lines = labels.read_text().splitlines()
    column = lines[0].split(",").index("lower_face_occluded")
    for number, said in ((1, "1"), (2, "")):
        cells = lines[number].split(",")
        cells[column] = said
        lines[number] = ",".join(cells)
    labels.write_text("\n".join(lines) + "\n")
    home = open_home(tmp_path / "home")
    import_path(home, tmp_path / "set")
    with connect(home, read_only=True) as db:
        found = [count(db, FaceFilter(occluded=is_so)) for is_so in (True, False)]
    assert found == [1, 2]


def test_the_next_queue_is_the_one_in_which_most_errors_were_found(db: Database) -> None:
    values = queue_values(db)
    rates = [value.errors_per_100 for value in values if value.alike]
    assert rates == sorted(rates, reverse=True) and len(rates) == 3
    for value in values:
        assert value.waiting == count(db, value.faces) > 0
    everything = next(value for value in values if value.order == "random")
    assert (everything.waiting, everything.alike) == (900, 600)
    wrong = count(db, FaceFilter(wrong=True))
    assert everything.wrong == wrong


def test_where_nothing_waits_nothing_is_proposed(tmp_path: Path) -> None:
    with connect(open_home(tmp_path)) as db:
        assert queue_values(db) == []
