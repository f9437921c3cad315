"""The faces whose pose the student misses most, as pictures: its axes beside people's."""

from __future__ import annotations

from dataclasses import dataclass

from core.crop import cut_square
from core.faces import FaceBox, FacePrediction, HeadPose
from core.images import decode_image, encode_jpeg
from core.overlay import draw_faces
from db.annotations import current_annotations
from db.database import connect, snapshot
from db.filters import FaceFilter
from db.queue_items import QueueItem
from db.review_queue import QueueQuery, peek
from db.scores import pose_distance_deg
from ui.stored_faces import photo_file, view_of
from ui.studio import Studio

#: The queue is ordered by the mean error of the three angles, which near profile says less than
#: the rotation between the poses; so more are looked at than shown.
_LOOKED_AT = 8
_SIDE_PX = 220


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseMistake:
    """A face, what people and the student say, and the angle of the rotation between."""

    item: QueueItem
    people: HeadPose
    student: HeadPose
    geodesic_deg: float


def worst_poses(studio: Studio, faces: FaceFilter, count: int) -> list[PoseMistake]:
    """The largest rotations between student and people, among the largest errors of angles."""
    query = QueueQuery(order="pose_error", filter=faces)
    with connect(studio.home, read_only=True) as db, snapshot(db):
        items = peek(db, query, count=count * _LOOKED_AT).items
        labels = current_annotations(db, [item.face_id for item in items])
    mistakes = [
        PoseMistake(
            item=item,
            people=people,
            student=item.pose,
            geodesic_deg=pose_distance_deg(item.pose, people),
        )
        for item in items
        if item.pose and (people := labels[item.face_id].label.pose)
    ]
    return sorted(mistakes, key=lambda mistake: -mistake.geodesic_deg)[:count]


def draw_pose(studio: Studio, image_id: int, box: FaceBox, pose: HeadPose) -> bytes:
    """A JPEG of the face with the axes of a pose."""
    image, data = photo_file(studio, image_id)
    image_rgb = decode_image(data, image.name)
    view = view_of(box, image_rgb)
    scale = _SIDE_PX / view.width_px
    seen = FaceBox(
        (box.left_px - view.left_px) * scale,
        (box.top_px - view.top_px) * scale,
        box.width_px * scale,
        box.height_px * scale,
    )
    face = FacePrediction(box=seen, mask=None, pose=pose, model_id="")
    return encode_jpeg(draw_faces(cut_square(image_rgb, view, _SIDE_PX), [face]))
