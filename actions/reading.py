"""The body of an answer as JSON values, by its media type: JSON, NDJSON, CSV and TSV, XML."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from actions.pagination import PageSeen, PaginationError
from actions.records import records
from connections.exchange import Answer, Headers
from integrations.storable import mended

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NDJSON_TYPES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines",
     "application/jsonlines", "application/json-seq", "text/x-ndjson"}
)  # fmt: skip
DELIMITED_TYPES = frozenset({"text/csv", "application/csv", "text/tab-separated-values", "text/tsv"})
MOST_DEPTH = 200  # levels of an XML document; Python's own limit would end the worker's page with a traceback


@dataclass(frozen=True)
class PageRead:
    """The records of a page and what a strategy needs to know of it."""

    rows: list[Any] = field(repr=False)
    seen: PageSeen = field(repr=False)


def page_of(answer: Answer, *, results_key: str, is_paged: bool, number: int) -> PageRead:
    """Read one page. An answer with an error status, which the caller takes for the end of the list, has no records.

    Raises PaginationError for a body that cannot be read, ResultsKeyError where the results key leads to no records.
    """
    if answer.status >= 400 or answer.status == 204:
        return PageRead([], PageSeen(answer.status, Headers(answer.headers), None, answer.url, 0))
    try:
        body = value_of(answer, results_key, plain_text=not is_paged and not results_key)
    except ValueError as error:
        raise PaginationError(f"Page {number} cannot be read. {error}") from None
    rows = records(body, results_key, many=is_paged)
    return PageRead(rows, PageSeen(answer.status, Headers(answer.headers), body, answer.url, len(rows), rows[-1] if rows else None))


def value_of(answer: Answer, results_key: str = "", *, plain_text: bool = False) -> Any:
    """The body as JSON values, None where it is empty. Raises ValueError with a sentence.

    `results_key` says which element of an XML document is a list, also where it stands once or not at all. With
    `plain_text` other text than HTML is its own value.
    """
    if not answer.body.strip():
        return None
    kind = answer.content_type
    starts_as_json = answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    if kind in NDJSON_TYPES:
        return mended(_lines(answer))
    if kind in DELIMITED_TYPES:
        return mended(_rows(answer))
    if (kind in ("application/xml", "text/xml") or kind.endswith("+xml")) and kind != "application/xhtml+xml" and not starts_as_json:
        return mended(_xml(answer, results_key))
    try:
        return answer.json()
    except ValueError:
        if plain_text and kind.startswith("text/") and kind != "text/html":
            return answer.text
        raise


def _lines(answer: Answer) -> list[Any]:
    found = []
    for number, line in enumerate(answer.text.split("\n"), start=1):
        text = line.strip(" \t\r\x1e\ufeff")
        if not text:
            continue
        try:
            found.append(json.loads(text, parse_constant=str))
        except (ValueError, RecursionError):
            raise ValueError(f"Line {number} of the answer ({answer.content_type}) is not valid JSON.") from None
    return found


def _rows(answer: Answer) -> list[dict[str, str]]:
    """Rows of a table by the names of its first line. Fields beyond them get the names `column 4`, `column 5`, …"""
    text = answer.text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    delimiter = "\t" if "tab-separated" in answer.content_type or "tsv" in answer.content_type else max(",;\t|", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"The table of the answer ({answer.content_type}) is damaged: {error}.") from None
    lines = [line for line in lines if line]
    if not lines:
        return []
    names = _distinct(lines[0])
    return [
        {name: line[n] if n < len(line) else "" for n, name in enumerate(names)}
        | {f"column {n + 1}": line[n] for n in range(len(names), len(line))}
        for line in lines[1:]
    ]


def _distinct(names: list[str]) -> list[str]:
    """Column names of which none hides another: the second `name` becomes `name 2`."""
    seen: dict[str, int] = {}
    found = []
    for n, name in enumerate(names):
        text = name.strip() or f"column {n + 1}"
        seen[text] = seen.get(text, 0) + 1
        found.append(text if seen[text] == 1 else f"{text} {seen[text]}")
    return found


def _xml(answer: Answer, results_key: str) -> Any:
    """An element as an object of its children; repeated ones are a list, attributes begin with @, text beside them is #text.

    Entities and external references are refused: they can fill the memory or read files.
    """
    try:
        root = fromstring(answer.body)
    except DefusedXmlException:
        raise ValueError("The XML of the answer declares entities or a document type, which Junction does not read.") from None
    except (ParseError, ValueError, LookupError):
        raise ValueError(f"The body of the answer ({answer.content_type}) is not valid XML.") from None
    document = {_name(root): _element(root, 0)}
    if results_key and not results_key.startswith("$"):
        _make_list(document, results_key.split("."))
    return document


def _element(element: Element, depth: int) -> Any:
    if depth > MOST_DEPTH:
        raise ValueError(f"The XML of the answer is nested deeper than {MOST_DEPTH} levels.")
    found: dict[str, Any] = {f"@{_local(name)}": value for name, value in element.attrib.items()}
    for child in element:
        if not isinstance(child.tag, str):
            continue  # a comment
        name, value = _name(child), _element(child, depth + 1)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    text = (element.text or "").strip()
    if not found:
        return text or None
    return {**found, "#text": text} if text else found


def _make_list(place: Any, path: list[str]) -> None:
    """See to it that the element at the end of a path is a list: a single one in XML looks the same as a field."""
    *way, last = path
    for n, key in enumerate(way):
        inner = place.get(key) if isinstance(place, Mapping) else None
        if isinstance(inner, Mapping):
            place = inner
        elif inner is None and isinstance(place, dict) and key in place and n == len(way) - 1:
            place[key] = place = {}  # `<items/>` holds no item
        else:
            return
    if isinstance(place, dict) and way and not isinstance(place.get(last), list):
        place[last] = [place[last]] if last in place and place[last] is not None else []


def _name(element: Element) -> str:
    return _local(str(element.tag))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
