"""A filter of faces as a parameter of a route: JSON of ``db.filters.FaceFilter``."""

from __future__ import annotations

from typing import Annotated

from fastapi import HTTPException, Query

from db.filters import FaceFilter

FilterText = Annotated[str, Query(description="conditions, JSON")]


def read_filter(text: str) -> FaceFilter:
    """The filter in a parameter; an HTTP 422 says what is wrong with it."""
    try:
        return FaceFilter.from_json(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise HTTPException(422, f"filter: {error}") from None
