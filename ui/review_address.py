"""A review session as an address: which faces, in which order, how many, blind or not.

``/review?order=entropy&status=unlabelled&size=200&blind=true``; the conditions are those of
``ui.links``. ``/review?queue=NAME`` opens a queue that somebody saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from db.review_queue import QueueQuery
from ui.links import BadLink, filter_from_query, order_from_query, query_of

#: Parameters of this page beside the conditions on faces.
OWN = ("order", "queue", "size", "blind", "second_opinion", "opinions", "skipped_too")
DEFAULT = QueueQuery()
MOST_OPINIONS = 20
_MOST_FACES = 100_000


def address_of(query: QueueQuery) -> dict[str, str]:
    """The parameters of a session; only what differs from the usual."""
    given = query_of(query.filter, query.order)
    if query.size is not None:
        given["size"] = str(query.size)
    if query.opinions != DEFAULT.opinions:
        given["opinions"] = str(query.opinions)
    for name in ("blind", "second_opinion", "skipped_too"):
        if getattr(query, name):
            given[name] = "true"
    return given


def session_of(address: Mapping[str, str]) -> QueueQuery:
    """The session of ``address_of``. Raises BadLink."""
    return QueueQuery(
        order=order_from_query(address, DEFAULT.order),
        filter=filter_from_query(address, OWN),
        size=_whole("size", address, None, _MOST_FACES),
        opinions=_whole("opinions", address, DEFAULT.opinions, MOST_OPINIONS),
        blind=_truth("blind", address),
        second_opinion=_truth("second_opinion", address),
        skipped_too=_truth("skipped_too", address),
    )


def link_of(query: QueueQuery, page: str) -> str:
    """The whole link for a colleague; ``page`` is the address of the page without parameters."""
    return f"{page}?{urlencode(address_of(query), safe=',', quote_via=quote)}"


def _whole(name: str, address: Mapping[str, str], default: int | None, most: int) -> int | None:
    text = address.get(name)
    if not text:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise BadLink(f"{name}={text}: expected a whole number from 1 to {most}")
    return int(text)


def _truth(name: str, address: Mapping[str, str]) -> bool:
    text = address.get(name) or "false"
    if text not in ("true", "false"):
        raise BadLink(f"{name}={text}: expected true or false")
    return text == "true"
