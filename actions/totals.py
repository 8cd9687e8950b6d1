"""What an answer says about the size of the whole list. Vendors use the same word for different figures, so each is doubted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connections.exchange import Headers
from integrations import paths

# Names without case, underscores and signs. The size of a filtered list, where one is named, is the list that is paged.
_FILTERED = ("filteredcount", "totalfiltered", "filteredtotal", "recordsfiltered", "totalfilteredrecords")
_TOTALS = (
    "total", "totalcount", "totalrecords", "totalresults", "totalitems", "totalelements", "totalhits", "totalrecordcount",
    "totalsize", "recordstotal", "totalentries", "totalrows", "odatacount", "resultcount", "numfound",
)  # fmt: skip
_COUNTS = ("count",)
_CONTAINERS = frozenset(
    {"meta", "metadata", "pagination", "paging", "page", "pageinfo", "pagedetails", "paginator", "hits", "summary", "response"}
)
_HEADERS = ("X-Total-Count", "X-Total", "X-WP-Total", "Total-Count")
_LARGEST = 10**15  # a larger figure is a time or an id, and no list is that long
_PAGE_COUNTS = frozenset({"totalpages", "pagecount", "totalpagecount", "numpages", "numberofpages", "lastpage", "pagestotal", "pages"})
_YES = frozenset({"true", "yes", "y", "1", "t", "on"})
_NO = frozenset({"false", "no", "n", "0", "f", "off", "", "null", "none"})
_MORE = frozenset({"hasmore", "hasnext", "hasnextpage", "morepages", "more", "hasmoreitems", "hasmorerecords"})


def total_of(body: Any, headers: Headers, results_key: str, *, count: int, received: int) -> int | None:
    """The number of records of the whole list, if a trustworthy one is named.

    `count` is the number of records on this page, `received` includes it. A figure below what was received is something
    else (the number of pages, say), and one that equals the page's own count may be just that.
    """
    named = list(_figures(body, results_key))
    filtered = [figure for name, figure in named if name in _FILTERED]
    totals = [figure for name, figure in named if name in _TOTALS] + [
        int(headers.get(name)) for name in _HEADERS if headers.get(name).isdecimal() and len(headers.get(name)) < 16
    ]
    counts = [figure for name, figure in named if name in _COUNTS]
    # Of several figures the largest: one that is too large costs a request, one that is too small would cost records.
    for candidates in [filtered] if filtered else [totals, counts]:
        trusted = [figure for figure in candidates if received <= figure <= _LARGEST and figure != count]
        if trusted:
            return max(trusted)
    return None


def says_more(body: Any) -> bool | None:
    """Whether a flag such as `has_more` says that another page follows; None where there is no such flag."""
    flags = [truth(value) for place in _places(body, "") for name, value in _plain(place) if name in _MORE]
    return True if True in flags else False if False in flags else None


def flag_at(body: Any, path: str) -> bool | None:
    """The flag at a path in one of its spellings; None where it is absent or says neither yes nor no.

    A number of pages or records that are left is a flag as well: 0 says no.
    """
    found = paths.extract(body, path)
    return None if found is paths.MISSING else False if found is None else truth(found)


def truth(value: Any) -> bool | None:
    """A flag as vendors write it: true, "true", "True", 1, "yes", "Y"; None for anything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value > 0
    if isinstance(value, str):
        text = value.strip().lower()
        return True if text in _YES else False if text in _NO else None
    return None


def declared(body: Any, headers: Headers, path: str, header: str) -> int | None:
    """The figure that the settings point at, in the body or in a header; None where it is absent, null or no number."""
    found: Any = headers.get(header) if header else paths.extract(body, path)
    if isinstance(found, str):
        # As in Content-Range, `0-24/319` and `*/319`.
        text = found.strip().rpartition("/")[2].replace(",", "")
        found = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return int(found) if 0 <= found <= _LARGEST else None


def page_counts(body: Any) -> list[tuple[str, int]]:
    """Paths to figures that by their name count pages, with the figures."""
    found = []
    for path, place in _named_places(body):
        for key, value in place.items():
            if _normal(key) in _PAGE_COUNTS and isinstance(value, int) and not isinstance(value, bool) and value > 0:
                found.append((f"{path}{key}", value))
    return found


def _named_places(body: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(body, dict):
        return
    yield path, body
    for key, value in body.items():
        if isinstance(value, dict) and depth < 2 and _normal(key) in _CONTAINERS:
            yield from _named_places(value, f"{path}{key}.", depth + 1)


def _figures(body: Any, results_key: str) -> Iterator[tuple[str, int]]:
    for place in _places(body, results_key):
        for name, value in _plain(place):
            if isinstance(value, dict) and name in ("total", "totalcount"):
                # Elasticsearch: {"value": 12, "relation": "eq"}; with "gte" it stopped counting there.
                value = value.get("value") if value.get("relation", "eq") == "eq" else None  # noqa: PLW2901
            if isinstance(value, int) and not isinstance(value, bool):
                yield name, value
            elif isinstance(value, str) and value.isdecimal() and len(value) < 16:
                yield name, int(value)


def _places(body: Any, results_key: str, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The objects where figures about the list may stand: the root, its envelopes, and those round the list itself."""
    if not isinstance(body, dict):
        return
    yield body
    around = results_key.removeprefix("$.").split(".")[0] if "." in results_key.removeprefix("$.") else ""
    for key, value in body.items():
        if isinstance(value, dict) and key == around:
            yield from _places(value, results_key.removeprefix("$.").partition(".")[2], depth)
        elif isinstance(value, dict) and depth < 2 and _normal(key) in _CONTAINERS:
            yield from _places(value, "", depth + 1)


def _plain(place: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((_normal(key), value) for key, value in place.items())


def _normal(key: Any) -> str:
    return "".join(char for char in str(key).lower() if char.isalnum())
