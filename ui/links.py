"""Addresses that pages share: which faces, in which order, as plain parameters after the ``?``.

``/grid?order=label_error&status=labelled&predicted=masked,incorrect&yaw_deg=-90..-60`` is what
people can read, send and change. Each condition of ``db.filters.FaceFilter`` is a parameter of
the same name: texts and numbers as they are, ``true`` or ``false``, lists with commas, ranges as
``low..high`` (both ends included). A page may add parameters of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from typing import Any, NamedTuple, get_args, get_type_hints
from urllib.parse import quote, urlencode

from core.faces import MaskLabel
from db.filters import FaceFilter, Range, Status
from db.review_queue import Order

ORDERS: tuple[Order, ...] = get_args(Order)


class BadLink(ValueError):
    "An address that says something which is not understood; the message is one line for a person"


def review_link(filter: FaceFilter, order: Order = "disagreement", **more: str) -> str:
    """The address that reviews these faces one at a time; ``more`` are parameters of that page."""
    return _address("/review", filter, order, more)


def grid_link(filter: FaceFilter, order: Order = "disagreement", **more: str) -> str:
    """The address that shows these faces as a grid."""
    return _address("/grid", filter, order, more)


def query_of(filter: FaceFilter, order: Order | None = None) -> dict[str, str]:
    """The parameters of a filter, for ``st.page_link(query_params=…)``; only what is given."""
    given = {field.name: getattr(filter, field.name) for field in fields(filter)}
    query = {
        name: _FORMS[name].write(value) for name, value in given.items() if value not in (None, ())
    }
    return query | ({"order": order} if order else {})


def filter_from_query(query: Mapping[str, str], own: Collection[str] = ("order",)) -> FaceFilter:
    """The filter of ``query_of``. Raises BadLink.

    ``own`` are the page's own parameters. Any other is refused: a misspelt condition would show,
    and perhaps label, faces that nobody meant.
    """
    unknown = set(query) - set(own) - set(_FORMS)
    if unknown:
        raise BadLink(f"no condition is called {min(unknown)!r}; there are {', '.join(_FORMS)}")
    return FaceFilter(
        **{name: _value(name, text) for name, text in query.items() if name in _FORMS and text}
    )


def order_from_query(query: Mapping[str, str], default: Order = "disagreement") -> Order:
    """The order in an address. Raises BadLink."""
    order = query.get("order") or default
    if order not in ORDERS:
        raise BadLink(f"no order is called {order!r}; there are {', '.join(ORDERS)}")
    return order


class _Form(NamedTuple):
    """How values of one type are written; ``read`` raises ValueError or KeyError."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]
    expected: str


def _address(path: str, filter: FaceFilter, order: Order, more: Mapping[str, str]) -> str:
    # quote: a space becomes %20, which every reader of addresses understands
    return f"{path}?{urlencode({**query_of(filter, order), **more}, safe=',', quote_via=quote)}"


def _value(name: str, text: str) -> Any:
    form = _FORMS[name]
    try:
        return form.read(text)
    except (ValueError, KeyError):
        raise BadLink(f"{name}={text}: expected {form.expected}") from None


def _list_of(read: Callable[[str], Any], expected: str) -> _Form:
    return _Form(
        write=lambda values: ",".join(map(str, values)),
        read=lambda text: tuple(read(part) for part in text.split(",")),
        expected=expected,
    )


def _read_range(text: str) -> Range:
    low, high = text.split("..")
    return float(low), float(high)


_STATUS = {status: status for status in get_args(Status)}
_TRUTH = {"true": True, "false": False}
_FORM_OF_TYPE: Mapping[Any, _Form] = {
    str | None: _Form(str, str, "a text"),
    int | None: _Form(str, int, "a whole number"),
    bool | None: _Form(lambda value: str(value).lower(), _TRUTH.__getitem__, "true or false"),
    Status | None: _Form(str, _STATUS.__getitem__, " or ".join(_STATUS)),
    Range | None: _Form(
        lambda ends: "..".join(f"{end:.12g}" for end in ends), _read_range, "a range: low..high"
    ),
    tuple[MaskLabel, ...]: _list_of(MaskLabel, f"some of {','.join(MaskLabel)}"),
    tuple[int, ...]: _list_of(int, "numbers with commas between"),
}
_FORMS = {name: _FORM_OF_TYPE[kind] for name, kind in get_type_hints(FaceFilter).items()}
