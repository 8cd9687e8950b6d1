"""Bytes -> document. Refuses what is no API description with a sentence that says what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from integrations.openapi import wrapping
from integrations.openapi.content import content, decode
from integrations.openapi.findings import Report, shortened
from integrations.openapi.limits import DocumentError, Limits


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

_JSON_ROOT = re.compile(r"""["'](?:openapi|swagger)["']\s*:\s*["']?[1-9]""")
_YAML_ROOT = re.compile(r"""^["']?(?:openapi|swagger)["']?[ \t]*:[ \t]*["']?[1-9]""", re.MULTILINE)
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


def describes_api(data: bytes) -> bool:
    """Whether a file looks like the root of an API description: it names the version of OpenAPI or Swagger. It is not read."""
    try:
        text = decode(data, Report()).lstrip()
    except DocumentError:
        return False
    return text[:1] != "<" and bool((_JSON_ROOT if text[:1] == "{" else _YAML_ROOT).search(text))


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
