"""What programs call: the names that ``gradio_client`` and MCP see. Documented in docs/app.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from core.images import ImageError
from ui import actions
from ui.answers import AnsweredPhoto
from ui.demo_session import ONE_QUEUE
from ui.exports import photo_json
from ui.model_shelf import ModelsNotReady
from ui.photo_view import drawn
from ui.studio import Studio

_WAIT_FOR_MODELS_S = 30.0


def add_api_names(studio: Studio) -> None:
    """Two functions, and nothing else, are public."""

    def predict(photo: str, teachers: bool = False) -> dict[str, Any]:
        """Find every face in a photo and say how the head is turned and whether a mask is worn.

        Args:
            photo: a JPEG, PNG, WebP, BMP, TIFF or GIF file.
            teachers: ask the larger teacher models too.

        Returns:
            Faces with box (x, y, width, height in pixels), mask probabilities (unmasked, masked,
            incorrect) and yaw, pitch, roll in degrees. Nothing is stored.
        """
        return photo_json(_answer(studio, photo, teachers=teachers))

    def draw(photo: str) -> np.ndarray:
        """Mark every face of a photo: box, mask label, and the axes of the head.

        Args:
            photo: a JPEG, PNG, WebP, BMP, TIFF or GIF file.

        Returns:
            A JPEG file.
        """
        return drawn(_answer(studio, photo, teachers=False))

    with gr.Row(visible=False):
        upload = gr.File(label="photo", type="filepath")
        ask_teachers = gr.Checkbox(label="teachers")
        answer, picture = gr.JSON(label="answer"), gr.Image(label="picture", format="jpeg")
        queue: dict[str, Any] = {"concurrency_id": ONE_QUEUE}
        gr.Button().click(predict, [upload, ask_teachers], answer, api_name="predict", **queue)
        gr.Button().click(draw, upload, picture, api_name="draw", **queue)


def _answer(studio: Studio, path: str | None, *, teachers: bool) -> AnsweredPhoto:
    """Errors become messages that the calling program sees."""
    if not path:
        raise gr.Error("photo: expected a file, got nothing")
    try:
        *_, photo = actions.answer_photo(
            studio,
            Path(path).read_bytes(),
            Path(path).name,
            with_teachers=teachers,
            wait_s=_WAIT_FOR_MODELS_S,
        )
    except (ImageError, ModelsNotReady) as error:
        raise gr.Error(str(error)) from None
    return photo
