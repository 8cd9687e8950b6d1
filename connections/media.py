"""Bodies of answers as JSON values, by their format: JSON, NDJSON, CSV and TSV, XML, forms, multipart, text (leaf).

The Content-Type says which format it is, unless the integration does. Whatever it is, paths lead through the values.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from connections import xml_bodies
from connections.exchange import Answer, is_charset
from integrations.definition import FORM_TYPE, MediaTypes
from integrations.storable import mended

NDJSON_TYPES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines",
     "application/jsonlines", "application/json-seq", "text/x-ndjson"}
)  # fmt: skip
DELIMITED_TYPES = frozenset({"text/csv", "application/csv", "text/tab-separated-values", "text/tsv"})
_MOST_PARTS = 1000  # of a multipart answer, and pairs of a form


def kind_of(answer: Answer) -> str:
    """The format by the Content-Type, "" where that says nothing: one of MEDIA_KINDS. Text and unknown types are "" too, as
    many servers call their JSON so."""
    kind = answer.content_type
    if kind in NDJSON_TYPES:
        return "ndjson"
    if kind in DELIMITED_TYPES:
        return "csv"
    if (kind in ("application/xml", "text/xml") or kind.endswith("+xml")) and kind != "application/xhtml+xml":
        return "" if answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else "xml"
    if kind == FORM_TYPE:
        return "urlencoded"
    if kind.startswith("multipart/"):
        return "multipart"
    return "json" if kind == "application/json" or kind.endswith("+json") else ""


def wanted(types: MediaTypes, status: int) -> str:
    """The format that the integration sets for an answer, "" if it leaves that to the Content-Type."""
    return types.error if status >= 400 else types.success


def value_of(answer: Answer, types: MediaTypes | None = None, *, list_at: str = "", plain_text: bool = False) -> Any:
    """The body as JSON values, None where it is empty. Raises ValueError with a sentence.

    `types` are the integration's formats. `list_at` says which element of an XML document is a list, also where it
    stands once or not at all. With `plain_text` text other than HTML is its own value where it is no JSON.
    """
    if not answer.body.strip():
        return None
    types = types or MediaTypes()
    kind = wanted(types, answer.status) or kind_of(answer)
    if types.charset:
        answer = replace(answer, fallback_charset=types.charset)
    match kind:
        case "ndjson":
            return mended(_lines(answer))
        case "csv":
            return mended(_rows(answer))
        case "xml":
            return mended(_xml(answer, list_at))
        case "urlencoded":
            return mended(_form(answer))
        case "multipart":
            return mended(_parts(answer))
        case "plaintext":
            return mended(answer.text)
    try:
        return answer.json()
    except ValueError:
        if kind != "json" and plain_text and answer.content_type.startswith("text/") and answer.content_type != "text/html":
            return mended(answer.text)
        raise


def _named(answer: Answer) -> str:
    return f" ({answer.content_type})" if answer.content_type else ""


def _lines(answer: Answer) -> list[Any]:
    found = []
    for number, line in enumerate(answer.text.split("\n"), start=1):
        text = line.strip(" \t\r\x1e\ufeff")
        if not text:
            continue
        try:
            found.append(json.loads(text, parse_constant=str))
        except (ValueError, RecursionError):
            raise ValueError(f"Line {number} of the answer{_named(answer)} is not valid JSON.") from None
    return found


def _rows(answer: Answer) -> list[dict[str, str]]:
    """Rows of a table by the names of its first line. Fields beyond them get the names `column 4`, `column 5`, …"""
    text = answer.text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    delimiter = "\t" if "tab-separated" in answer.content_type or "tsv" in answer.content_type else max(",;\t|", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"The table of the answer{_named(answer)} is damaged: {error}.") from None
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


def _xml(answer: Answer, list_at: str) -> Any:
    """An element as an object of its children; repeated ones are a list, attributes begin with @, text beside them is #text."""
    try:
        document = xml_bodies.read(answer.body, attribute="@", empty=None)
    except xml_bodies.NotXml:
        raise ValueError(f"The body of the answer{_named(answer)} is not valid XML.") from None
    if list_at and not list_at.startswith("$"):
        _make_list(document, list_at.split("."))
    return document


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


def _form(answer: Answer) -> dict[str, Any]:
    """Pairs by name; a name that stands several times is a list."""
    try:
        pairs = parse_qsl(answer.text.strip(), keep_blank_values=True, max_num_fields=_MOST_PARTS)
    except ValueError:
        raise ValueError(f"The form of the answer has more than {_MOST_PARTS:,} fields.") from None
    return _gathered(pairs)


def _gathered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _parts(answer: Answer) -> dict[str, Any]:
    """Parts by name (`part 1`, … where they have none): JSON and text as they are, of a file its name and its text."""
    head = f"Content-Type: {answer.headers.get('Content-Type')}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + answer.body)
    if not message.is_multipart():
        raise ValueError("The answer does not hold the boundary that its Content-Type names, so its parts cannot be told apart.")
    found: list[tuple[str, Any]] = []
    for number, part in enumerate(message.iter_parts(), 1):
        if number > _MOST_PARTS:
            raise ValueError(f"The answer has more than {_MOST_PARTS:,} parts.")
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        charset = part.get_content_charset("utf-8")
        text = content.decode(charset if is_charset(charset) else "utf-8", "replace")
        name = str(part.get_param("name", "", header="content-disposition") or f"part {number}")
        value: Any = text
        if part.get_content_type() == "application/json":
            try:
                value = json.loads(text, parse_constant=str)
            except (ValueError, RecursionError):
                value = text
        filename = part.get_filename()
        found.append((name, {"filename": filename, "contentType": part.get_content_type(), "content": value} if filename else value))
    return _gathered(found)
