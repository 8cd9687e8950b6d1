"""Bytes -> document: decode, parse, recognise. Refuses what is no API description with a sentence that says what it is."""

from __future__ import annotations

import codecs
import json
import math
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from integrations.openapi import broken_json, strict_json, wrapping, yaml12, yaml_lines
from integrations.openapi.findings import Report, shortened


class DocumentError(ValueError):
    """The file cannot be imported. The text is one or two sentences: what is wrong with the file and what to do."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one import. Beyond each of them the answer is a DocumentError, in under two seconds and bounded memory.

    max_bytes             size of the file. The largest public documents (Microsoft Graph) have 21 MB; 32 MiB leaves room.
    max_operations        Microsoft Graph has 11,000, its beta 22,000; more is no API that a person can choose from.
    max_depth             nesting of objects and lists. Real documents stay under 60; readers that recurse fail near 1,000.
    max_alias_expansions  values that YAML aliases stand for. Real documents stay under 100,000; an alias bomb has billions.
    max_values            values in a JSON file, by its brackets and commas: a hostile file of 32 MB holds enough to take gigabytes.
                          Microsoft Graph has under 2,000,000.
    max_yaml_values       values in a YAML file; its reader takes a microsecond for each. GitHub's document has 600,000.
    max_schema_values     values in all request and response schemas of one import after their references are resolved; shared
                          between the operations, so that a document with many of them keeps fewer levels of each.
    max_files             files of one document: members of an archive, and files that its references lead to. The largest public
                          document in parts (DigitalOcean) has 2,900. `max_bytes` and the numbers of values hold for all together.
    seconds               the whole import. The largest public documents take some 20 seconds; the rest is for slow machines.
    deadline              when the seconds are over, by time.monotonic(); set by `started`.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_operations: int = 25_000
    max_depth: int = 200
    max_alias_expansions: int = 1_000_000
    max_values: int = 4_000_000
    max_yaml_values: int = 2_000_000
    max_schema_values: int = 400_000
    max_files: int = 10_000
    seconds: float = 120
    deadline: float = math.inf

    def started(self) -> Limits:
        """The same limits with the clock running."""
        return replace(self, deadline=time.monotonic() + self.seconds)

    def check_time(self) -> None:
        """Raise DocumentError when the seconds are over. The loops of the package ask between their steps, each of which is bounded."""
        if time.monotonic() > self.deadline:
            raise DocumentError(
                f"The document could not be read within {self.seconds:g} seconds. Split it, or remove the parts that you do not need."
            )


@dataclass
class Document:
    """A document as JSON-compatible values. `version` is the text of `openapi` or `swagger`, for example "3.0.1" or "2.0"."""

    root: dict[str, Any]
    version: str
    source: str | bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The document as it was uploaded; made of its bytes only when somebody asks, since it can take four times as much memory."""
        return self.source if isinstance(self.source, str) else self.source.decode("utf-8-sig")

    @property
    def is_swagger(self) -> bool:
        return self.version.startswith("2")


METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_UNSTORABLE = re.compile(r"\\(?:0|x00|u0000|U00000000|u[dD][89a-fA-F])")
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_HTML = re.compile(r"<(?:!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_JSON_ROOT = re.compile(r"""["'](?:openapi|swagger)["']\s*:\s*["']?[1-9]""")
_YAML_ROOT = re.compile(r"""^["']?(?:openapi|swagger)["']?[ \t]*:[ \t]*["']?[1-9]""", re.MULTILINE)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "This is a zip archive inside another file. Unpack it and choose the OpenAPI file inside."),
    (b"%PDF", "This is a PDF, not an OpenAPI document. Ask the vendor for the OpenAPI (Swagger) file in JSON or YAML."),
    (b"\x1f\x8b", "This file is compressed (gzip). Unpack it and choose the OpenAPI file inside."),
    (b"\x89PNG", "This is an image, not an OpenAPI document. Choose the OpenAPI (Swagger) file in JSON or YAML."),
    (b"\xff\xd8\xff", "This is an image, not an OpenAPI document. Choose the OpenAPI (Swagger) file in JSON or YAML."),
)
# Each value stands beside one of these. Real documents have a third more of them than values, and at most 2,400,000 in 32 MB.
_YAML_SEPARATORS = ("\n", ",", "[", "{", ": ", "- ")
_KINDS: tuple[tuple[str, str], ...] = (
    ("asyncapi", "This is an AsyncAPI document: it describes messages, not a REST API. Import the vendor's OpenAPI document instead."),
    ("arazzo", "This is an Arazzo document: it describes workflows over an API. Import the OpenAPI document that it refers to."),
    (
        "swaggerVersion",
        "This is a Swagger 1 document. Convert it to OpenAPI 3 first, or ask the vendor for a Swagger 2.0 or OpenAPI 3 file.",
    ),
    (
        "item",
        "This looks like a Postman collection, not an OpenAPI document. Export it as OpenAPI 3 or ask the vendor for their OpenAPI file.",
    ),
    ("$schema", "This looks like a JSON Schema, not an OpenAPI document. Choose the file that starts with openapi or swagger."),
)
_DUPLICATE = "duplicate-key"
_ASK = "Choose a file that starts with openapi: 3.… or swagger: 2.0."


def parse(data: bytes, limits: Limits, report: Report) -> Document:
    """The document that the bytes hold. Faults that could be passed over are in the report, others raise DocumentError."""
    root, source = content(data, limits, report)
    if (inside := wrapping.text_inside(root, describes_api)) and len(inside[0].encode()) < len(data):
        report.repair(
            "document-wrapper", inside[1], None, "the document", "The document stands as text inside a JSON string; that was read."
        )
        return parse(inside[0].encode(), limits, report)
    root, place = wrapping.unwrapped(root)
    if place:
        report.repair(
            "document-wrapper", place, None, "the document", f"The document stands inside another value, at {shortened(place, 100)}."
        )
    version = _version(root, report)
    return Document(_with_paths(root, report), version, source)


def _with_paths(root: dict[str, Any], report: Report) -> dict[str, Any]:
    """The document with its paths by name, where it lists them: `[{"/a": {…}}]`, `[{"path": "/a", "get": {…}}]`, with `method` or without."""
    listed = root.get("paths")
    if not isinstance(listed, list):
        return root
    paths: dict[str, dict[str, Any]] = {}
    for entry in listed:
        for path, item in wrapping.path_items(entry):
            known = paths.setdefault(path, {})
            for name, value in item.items():
                known.setdefault(name, value)
    message = "The paths are a list instead of an object; each was taken by its name, as far as it has one."
    report.repair("paths-object", "/paths", f"a list of {len(listed)}", f"{len(paths)} paths", message)
    return {**root, "paths": paths}


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
    _check_values(strict_json.most_values(data), limits)
    root = strict_json.load(data)
    written = strict_json.compact(root, limits.max_depth)
    if written is None:
        _check_depth(root, limits)
    if written is None or strict_json.may_repeat_keys(data, written):
        _report_duplicates(data.decode("utf-8-sig"), report)
    return root, data


def _check_values(count: int, limits: Limits) -> None:
    if count > limits.max_values:
        raise DocumentError(
            f"The file holds more than {limits.max_values:,} values, which no API description does. Remove the parts that you do not need and try again."
        )


def describes_api(data: bytes) -> bool:
    """Whether a file looks like the root of an API description: it names the version of OpenAPI or Swagger. It is not read."""
    try:
        text = decode(data, Report()).lstrip()
    except DocumentError:
        return False
    return text[:1] != "<" and bool((_JSON_ROOT if text[:1] == "{" else _YAML_ROOT).search(text))


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
        _check_values(sum(map(text.count, ",[{")), limits)
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


def _version(root: Any, report: Report) -> str:
    if not isinstance(root, dict):
        what = "a list" if isinstance(root, list) else "plain text"
        raise DocumentError(f"The file holds {what}, not an OpenAPI document. {_ASK}")
    value = root.get("openapi", root.get("swagger"))
    version = str(value).strip().lstrip("vV") if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    if not version:
        for key, sentence in _KINDS:
            if key in root and (key != "item" or "info" in root):
                raise DocumentError(sentence)
        if not isinstance(root.get("paths"), dict):
            raise DocumentError(
                f"The file is readable, but it is no OpenAPI document: it has neither openapi nor swagger at the top. {_ASK}"
            )
        version = "2.0" if any(key in root for key in ("definitions", "securityDefinitions", "basePath", "host")) else "3.0.0"
        report.repair("document-version", "", None, version, f"The document does not say its version; it was read as {version}.")
    if version in ("2", "2.0") or ("swagger" in root and "openapi" not in root and version.startswith("2.")):
        return "2.0"
    if version == "3":
        return "3.0.0"
    if not version.startswith("3."):
        raise DocumentError(
            f"This is version {version[:20]} of OpenAPI or Swagger. Versions 2.0, 3.0 and 3.1 can be imported: ask the vendor for one of these."
        )
    return version if version.count(".") > 1 else f"{version}.0"
