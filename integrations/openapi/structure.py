"""The structure of a document against the official meta-schema of its version (the JSON Schemas that the OpenAPI Initiative publishes).

The meta-schemas are data files of installed packages: drf-spectacular carries those of OpenAPI 3, swagger-spec-validator that
of Swagger 2.0. Only the files are read; neither package is imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationError, ValidationErrorKind

from integrations.openapi.findings import Report, pointer, shortened
from integrations.openapi.rules import STRUCTURE, STRUCTURE_2

_SCHEMAS = {
    "2.0": ("swagger-spec-validator", "swagger_spec_validator/schemas/v2.0/schema.json"),
    "3.0": ("drf-spectacular", "drf_spectacular/validation/openapi_3_0_schema.json"),
    "3.1": ("drf-spectacular", "drf_spectacular/validation/openapi_3_1_schema.json"),
    "3.2": ("drf-spectacular", "drf_spectacular/validation/openapi_3_2_schema.json"),
}
# The validator collects all errors of a value before it gives the first, at up to 4 kB each: a larger part is not taken apart.
_MAX_VALUES = 4_000
# Faults of structure come in crowds, all of one cause: more of them help nobody.
MAX_FOUND = 200
_DRAWERS = ("definitions", "parameters", "responses", "securityDefinitions")  # of Swagger 2.0, beside paths
_WORDS = {"string": "text", "object": "an object", "array": "a list", "integer": "a whole number", "number": "a number", "boolean": "true or false", "null": "null"}  # fmt: skip


def check(root: dict[str, Any], version: str, report: Report) -> None:
    """Report where the document differs from the meta-schema of its version ("2.0", "3.0.1" …), at most MAX_FOUND places."""
    if version[:3] not in _SCHEMAS:
        return
    validator = _validator(version[:3])
    if validator.is_valid(root):
        return
    rule = STRUCTURE_2 if version.startswith("2") else STRUCTURE
    found = 0
    for place, part in _parts(root):
        if validator.is_valid(part):
            continue
        if _is_large(part):
            message = "This part does not have the structure that the specification asks for, and is too large to say where."
            report.find(rule.severity, rule.id, place, message, rule.remedy)
            continue
        told: set[str] = set()
        for error in validator.iter_errors(part):
            where, message, single = _told(error)
            if single and where in told:
                continue  # of a number where a text from a list belongs, the kind says enough
            if found == MAX_FOUND:
                message = f"More places than the {MAX_FOUND} that are listed differ from the specification."
                report.find("info", rule.id, "", message, "Mend the listed ones and import again to see the rest.")
                return
            told.add(where)
            found += 1
            report.find(rule.severity, rule.id, where, message, rule.remedy)


@cache
def _validator(version: str) -> jsonschema_rs.Validator:
    package, path = _SCHEMAS[version]
    schema = json.loads(Path(str(distribution(package).locate_file(path))).read_bytes())
    return jsonschema_rs.validator_for(schema, offline=True)


def _parts(root: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document in pieces, each a document by itself with its pointer: the frame, then one path or component after the other."""
    info = {"title": "", "version": ""}
    frame = {"swagger": "2.0", "info": info} if "swagger" in root else {"openapi": root.get("openapi", "3.0.0"), "info": info}
    rest = dict(root)
    inner: list[tuple[str, dict[str, Any]]] = []
    if isinstance(paths := root.get("paths"), dict):
        rest["paths"] = {}
        inner += ((pointer("paths", key), {**frame, "paths": {key: item}}) for key, item in paths.items())
    for drawer in _DRAWERS:
        if "swagger" in root and isinstance(items := root.get(drawer), dict):
            rest[drawer] = {}
            inner += ((pointer(drawer, key), {**frame, "paths": {}, drawer: {key: item}}) for key, item in items.items())
    if isinstance(components := root.get("components"), dict):
        rest["components"] = {drawer: {} if isinstance(items, dict) else items for drawer, items in components.items()}
        for drawer, items in components.items():
            for key, item in items.items() if isinstance(items, dict) else ():
                part = {**frame, "paths": {}, "components": {drawer: {key: item}}}
                inner.append((pointer("components", drawer, key), part))
    yield "", rest
    yield from inner


def _is_large(part: Any) -> bool:
    """Whether it holds more values than the validator is asked to take apart."""
    left, stack = _MAX_VALUES, [part]
    while stack and left > 0:
        node = stack.pop()
        children = list(node.values()) if isinstance(node, dict) else node
        left -= len(children)
        stack.extend(child for child in children if isinstance(child, dict | list))
    return left <= 0


def _told(error: ValidationError) -> tuple[str, str, bool]:
    """Where an error is, what it is in words, and whether it is one about the value itself, of which one is enough."""
    error = _innermost(error)
    place = pointer(*error.instance_path)
    what = _name(place)
    match error.kind:
        case ValidationErrorKind.Required(property=name):
            return place, f"{what} lacks {shortened(name, 60)}, which the specification requires.", False
        case ValidationErrorKind.AdditionalProperties(unexpected=names) | ValidationErrorKind.UnevaluatedProperties(unexpected=names):
            listed = ", ".join(shortened(name, 60) for name in names[:5]) + (" …" if len(names) > 5 else "")
            return place, f"{what} has {listed}, which the specification does not know there.", False
        case ValidationErrorKind.Type(types=types):
            return place, f"{what} must be {' or '.join(_WORDS.get(name, name) for name in types)}.", True
        case ValidationErrorKind.Enum(options=options):
            listed = ", ".join(str(option) for option in options[:12])
            return place, f"{what} is {_shown(error.instance)}; the specification knows {shortened(listed, 200)}.", True
        case ValidationErrorKind.Constant(expected_value=value):
            return place, f"{what} must be {_shown(value)}.", True
        case ValidationErrorKind.PropertyNames(error=inner):
            name = str(inner.instance)
            return place + pointer(name), f"The name {shortened(name, 60)} has characters that the specification does not allow.", True
        case ValidationErrorKind.Pattern() | ValidationErrorKind.Format():
            return place, f"{what} is {_shown(error.instance)}, which is not written as the specification says.", True
        case ValidationErrorKind.MinProperties() | ValidationErrorKind.MinItems():
            return place, f"{what} is empty; the specification requires at least one entry.", True
        case ValidationErrorKind.UniqueItems():
            return place, f"{what} lists a value twice.", True
        case ValidationErrorKind.Not() | ValidationErrorKind.OneOfMultipleValid():
            return place, f"{what} combines fields that exclude each other.", True
    return place, f"{what} does not have the structure that the specification asks for.", True


def _innermost(error: ValidationError) -> ValidationError:
    """Of alternatives that all fail, the error of the one that was meant: no reference, of the kind that `type` names, agreeing longest."""
    while isinstance(error.kind, ValidationErrorKind.OneOfNotValid | ValidationErrorKind.AnyOf):
        branches = [branch for branch in error.kind.context if branch]
        if not branches:
            return error
        level = len(error.instance_path)
        branch = min(branches, key=lambda errors: _unlikely(errors, level))
        error = max(branch, key=lambda e: len(e.instance_path))
    return error


def _unlikely(branch: list[ValidationError], level: int) -> tuple[bool, bool, bool, int, int]:
    """A rank for an alternative of the value at this level of the document; the lowest was meant."""
    kinds = [(error.kind, len(error.instance_path)) for error in branch]
    reference = any(isinstance(kind, ValidationErrorKind.Required) and kind.property == "$ref" for kind, _ in kinds)
    other_type = any(isinstance(kind, ValidationErrorKind.Type) and depth == level for kind, depth in kinds)
    other_name = any(isinstance(kind, ValidationErrorKind.Enum | ValidationErrorKind.Constant) and depth > level for kind, depth in kinds)
    return reference, other_type, other_name, -max(depth for _, depth in kinds), len(branch)


def _name(place: str) -> str:
    """What stands at a pointer, by its last word."""
    last = place.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    if not last:
        return "The document"
    return f"Entry {int(last) + 1} of the list" if last.isdigit() and len(last) < 6 else shortened(last, 80)


def _shown(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False), 80)
