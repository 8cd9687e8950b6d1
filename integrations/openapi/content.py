"""Bytes -> values: decode, and read by the strictest reader that can. Refuses what no reader can with a sentence that says what it is."""

from __future__ import annotations

import codecs
import json
import re
from contextlib import suppress
from typing import Any

import orjson

from integrations.openapi import broken_json, strict_json, wrapping, yaml12, yaml_lines
from integrations.openapi.findings import Report
from integrations.openapi.limits import DocumentError, Limits

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_UNSTORABLE = re.compile(r"\\(?:0|x00|u0000|U00000000|u[dD][89a-fA-F])")
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "This is a zip archive inside another file. Unpack it and choose the OpenAPI file inside."),
    (b"%PDF", "This is a PDF, not an OpenAPI document. Ask the vendor for the OpenAPI (Swagger) file in JSON or YAML."),
    (b"\x1f\x8b", "This file is compressed (gzip). Unpack it and choose the OpenAPI file inside."),
    (b"\x89PNG", "This is an image, not an OpenAPI document. Choose the OpenAPI (Swagger) file in JSON or YAML."),
    (b"\xff\xd8\xff", "This is an image, not an OpenAPI document. Choose the OpenAPI (Swagger) file in JSON or YAML."),
)
# Each value stands beside one of these. Real documents have a third more of them than values, and at most 2,400,000 in 32 MB.
_YAML_SEPARATORS = ("\n", ",", "[", "{", ": ", "- ")
_DUPLICATE = "duplicate-key"


def content(data: bytes, limits: Limits, report: Report) -> tuple[Any, str | bytes]:
    """The values of a JSON or YAML file, and what they stand in: the bytes of strict JSON, else the text. Raises DocumentError."""
    if len(data) > limits.max_bytes:
        raise DocumentError(
            f"The file has {len(data) / 1048576:.1f} MB; at most {limits.max_bytes / 1048576:g} MB can be imported. "
            "Remove the parts that you do not need and try again."
        )
    for magic, sentence in _MAGIC:
        if data.startswith(magic):
            raise DocumentError(sentence)
    if strict_json.may_be(data):
        with suppress(strict_json.Doubt):
            return _strict(data, limits, report)
    text = decode(data, report)
    if not text.strip():
        raise DocumentError("The file is empty. Choose the OpenAPI (Swagger) file of the API, in JSON or YAML.")
    bare = wrapping.unfenced(text)
    start = bare.lstrip()[:2000]
    if start[:1] not in ("{", "[", "<") and re.match(r"//|/\*|[\w$.]+\s*[=(]|(?:var|let|const|export|module)\b", start):
        bare = wrapping.bare_json(bare) or bare
        start = bare.lstrip()[:2000]
    if bare != text:
        report.repair("document-wrapper", "", None, "the document", "The document stands inside code; what is round it was left out.")
        text = bare
    if start.startswith("<"):
        if _HTML.search(start):
            raise DocumentError(
                "This is a web page (HTML), not an OpenAPI document. Open the page in a browser, look for a link to openapi.json or swagger.json, and import that file."
            )
        raise DocumentError("This is an XML file, not an OpenAPI document. Ask the vendor for the OpenAPI (Swagger) file in JSON or YAML.")
    root, text = _values(text, start, limits, report)
    return _storable(root, text), text


def _strict(data: bytes, limits: Limits, report: Report) -> tuple[Any, bytes]:
    """What `content` gives, for JSON without a doubt. Raises Doubt."""
    if strict_json.may_hold_more(data, limits.max_values):
        raise DocumentError(_too_many(limits))
    numbered = strict_json.numbered(data)
    root = strict_json.load(data, numbered)
    written = strict_json.compact(root, limits.max_depth)
    if written is None:
        _check_depth(root, limits)
    if written is None or strict_json.may_repeat_keys(data, written, numbered):
        _report_duplicates(data.decode("utf-8-sig"), report)
    return root, data


def _too_many(limits: Limits) -> str:
    return f"The file holds more than {limits.max_values:,} values, which no API description does. Remove the parts that you do not need and try again."


def decode(data: bytes, report: Report) -> str:
    """Text of the bytes: UTF-8 or UTF-16 by byte order mark, UTF-16 by its zero bytes, UTF-8, at last Latin-1."""
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return _cleaned(data[len(mark) :].decode(name, errors="replace"), report)
    head = data[:200]
    if len(head) > 3 and (head[1::2].count(0) > len(head) // 3 or head[0::2].count(0) > len(head) // 3):
        return _cleaned(data.decode("utf-16-le" if head[1::2].count(0) else "utf-16-be", errors="replace"), report)
    if data[:8192].count(0) > 8:
        raise DocumentError("This is a binary file, not an OpenAPI document. Choose the OpenAPI (Swagger) file in JSON or YAML.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        report.repair("document-encoding", "", None, "Latin-1", "The file is not UTF-8; it was read as Latin-1 (Windows-1252).")
        return _cleaned(data.decode("cp1252", errors="replace"), report)
    return _cleaned(text, report) if strict_json.holds_control(data) else text


def _cleaned(text: str, report: Report) -> str:
    text = text.removeprefix("\ufeff")
    if _CONTROL.search(text):
        text, count = _CONTROL.subn(" ", text)
        report.repair(
            "document-control-characters", "", count, 0, f"{count} control characters, which JSON and YAML forbid, were replaced by spaces."
        )
    return text


def _values(text: str, start: str, limits: Limits, report: Report) -> tuple[Any, str]:
    """What strict JSON is not, by the tolerant readers: JSON-like text first as JSON, then mended, at last as YAML. With the text that
    the values stand in.
    """
    if start[0] == '"' and isinstance(inside := _lenient_json(text), str):
        return inside, text
    if start[0] in "{[":
        if sum(map(text.count, ",[{")) > limits.max_values:
            raise DocumentError(_too_many(limits))
        root = _lenient_json(text)
        if root is not None:
            _check_depth(root, limits)
            _report_duplicates(text, report)
            return root, text
        if (plain := wrapping.bare_json(text)) and (root := _lenient_json(plain)) is not None:
            _check_depth(root, limits)
            report.repair("document-comments", "", None, None, "The file has comments, which JSON does not know; they were passed over.")
            return root, plain
        if mended := broken_json.mended(text):
            return _mended(mended, limits, report), mended.text
    try:
        if sum(map(text.count, _YAML_SEPARATORS)) > limits.max_yaml_values * 5 // 4:
            raise yaml12.YamlTooLong("it holds too many values")  # at once: counting its values would take seconds
        return _yaml(text, limits, report)
    except yaml12.YamlTooDeep:
        raise DocumentError(_depth_sentence(limits)) from None
    except yaml12.YamlTooLong:
        raise DocumentError(
            f"The YAML file holds more than {limits.max_yaml_values:,} values, too many to read in reasonable time. Convert it to JSON and import that."
        ) from None
    except yaml12.YamlBomb:
        raise DocumentError(
            f"The aliases (*name) of this YAML file multiply to more than {limits.max_alias_expansions:,} values, as in a file made to exhaust memory. "
            "Write the repeated parts with $ref instead."
        ) from None
    except yaml12.YamlError as error:
        kind = "JSON" if start[0] in "{[" else "YAML"
        where = f" in line {error.line}, column {error.column}" if error.line else ""
        cut = error.line >= text.count("\n") and kind == "JSON" and not text.rstrip().endswith(("}", "]"))
        hint = "The file ends too early: download it again." if cut else "Mend that place, or download the file again."
        raise DocumentError(f"The file cannot be read as {kind}{where}: {error}. {hint}") from None


def _yaml(text: str, limits: Limits, report: Report) -> tuple[Any, str]:
    """The values of YAML, and the text that they stand in. Lines that are indented by tabs are read with spaces for them."""
    bounds = yaml12.Bounds(values=limits.max_yaml_values, alias_expansions=limits.max_alias_expansions, depth=limits.max_depth)
    first: yaml12.YamlError | None = None
    candidates = [*wrapping.indented(text), text] if wrapping.is_indented_oddly(text) else [text, *wrapping.indented(text)]
    for candidate in candidates:
        found = Report()
        try:
            root = yaml_lines.load(candidate, bounds, on_duplicate=lambda key, line, found=found: _duplicate(found, key, line))  # type: ignore[misc]
        except (yaml12.YamlTooDeep, yaml12.YamlTooLong, yaml12.YamlBomb):
            raise
        except yaml12.YamlError as error:
            first = first or error
            continue
        if candidate is not text:
            message = "Lines are indented by tabs or odd spaces, which YAML forbids; they were read as plain spaces."
            report.repair("document-tabs", "", None, None, message)
        report.take(found)
        return root, candidate
    raise first or yaml12.YamlError("it cannot be read")


def _mended(mended: broken_json.Mended, limits: Limits, report: Report) -> Any:
    _check_depth(mended.values, limits)
    _report_duplicates(mended.text, report)
    for line, column in mended.added:
        message = f"A comma is missing before line {line}, column {column}; the file was read as if it were there."
        report.find("error", "document-syntax", "", message, "Add the comma, and check that nothing else is missing at that place.")
    for line, column, bracket in mended.closed:
        message = f"The bracket {bracket} is missing before line {line}, column {column}; the file was read as if it were there."
        report.find("error", "document-syntax", "", message, "Add the bracket, and check that nothing else is missing at that place.")
    if mended.spaces:
        message = (
            f"Spaces that JSON does not know, as word processors make them, stood in {mended.spaces} places; they were taken as plain ones."
        )
        report.repair("document-spaces", "", mended.spaces, 0, message)
    if mended.quotes:
        message = f"{mended.quotes} texts stood in typographic quotes, as word processors make them; they were taken as plain ones."
        report.repair("document-quotes", "", mended.quotes, 0, message)
    if mended.rest:
        message = f"The document ends before line {mended.rest}, where more text follows; that text was left out."
        report.find("error", "document-syntax", "", message, "Remove a closing brace that comes too early, or the text behind the end.")
    return mended.values


def _storable(root: Any, text: str) -> Any:
    """The values without what no database and no UTF-8 can hold: NUL and halves of surrogate pairs, which escapes can smuggle in."""
    if not _UNSTORABLE.search(text):
        return root
    written = _NUL.sub(r"\1", json.dumps(root))
    return orjson.loads(json.dumps(json.loads(written), ensure_ascii=False).encode("utf-8", errors="replace"))


def _lenient_json(text: str) -> Any:
    """JSON that only a strict reader refuses (byte order mark, other encodings, NaN, huge numbers); None if it is none."""
    try:
        return json.loads(text, strict=False, parse_constant=lambda _: None, parse_int=_number, parse_float=float)
    except (ValueError, RecursionError):
        return None


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float(digits)


def _check_depth(root: Any, limits: Limits) -> None:
    level = [root]
    for _ in range(limits.max_depth + 1):
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node) if isinstance(child, dict | list)]
        if not level:
            return
    raise DocumentError(_depth_sentence(limits))


def _depth_sentence(limits: Limits) -> str:
    return f"The file nests objects and lists more than {limits.max_depth} levels deep, which no API description does. Ask the vendor for the original file."


class _EnoughError(Exception):
    """More of the same would not be listed."""


def _report_duplicates(text: str, report: Report) -> None:
    """Keys that occur twice in one JSON object: the last one wins, as in every JSON reader, but the loss is said."""
    if len(text) > 8_000_000:  # a second parse; beyond this size the time is worth more than the notice
        return

    told: set[str] = set()

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) == len(pairs):
            return
        if report.stops(_DUPLICATE):
            raise _EnoughError
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen and name not in told:
                told.add(name)
                _duplicate(report, name, 0)
            seen.add(name)

    try:
        json.loads(text, strict=False, object_pairs_hook=note)
    except (ValueError, RecursionError, _EnoughError):
        return


def _duplicate(report: Report, key: str, line: int) -> None:
    if report.stops(_DUPLICATE):
        return
    where = f" (line {line})" if line else ""
    report.find(
        "warning",
        _DUPLICATE,
        "",
        f"The key {key!r} occurs twice in one object{where}; the last one was taken.",
        "Remove or rename one of them.",
    )
