"""Document (OpenAPI 3) -> operations. What cannot be understood is reported and skipped; it never stops the import."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from integrations.definition import FORM_TYPE, JSON_TYPE
from integrations.openapi import answers, drafts, paging, repair, strict_json
from integrations.openapi.drafts import SPECIFIC, Draft
from integrations.openapi.findings import Change, Report, plain_text, pointer, shortened
from integrations.openapi.limits import Limits
from integrations.openapi.nodes import MAX_ENUM, Nodes
from integrations.openapi.reference_repair import Held
from integrations.openapi.references import References
from integrations.openapi.schema_repair import SchemaDoctor
from integrations.openapi.schemas import Schemas
from integrations.operation import TYPES, Body, FieldEncoding, Operation, Parameter

_STYLES = ("simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject")
_FORM_STYLES = ("form", "spaceDelimited", "pipeDelimited", "deepObject")
# A word of an identifier: letters and digits up to where another one starts, as in user|Groups, HTTP|Server and user|2.
_WORD = re.compile(r"(?:[A-Z0-9](?![A-Z][a-z])|[^\W_a-zA-Z0-9]|[a-z]++(?![A-Z0-9]))*+(?:[a-z]+|[A-Z0-9])?")
_MAX_BODY_VALUES = 1500  # a form that a person fills in is smaller; deeper levels are edited as JSON
_MAX_RESPONSE_VALUES = 250  # enough to name the columns of a table and to find the list of results
_MIN_VALUES = 25


@dataclass(slots=True)
class Answer:
    """The answer of a successful call: its JSON schema as the document has it, the names of its headers in lower case, the largest values
    that its query parameters allow, and the fields of the answer to a GET.
    """

    schema: Any
    where: str
    headers: frozenset[str]
    maxima: dict[str, int]
    fields: answers.Fields | None = None


def read(document: dict[str, Any], references: References, limits: Limits, report: Report) -> Iterator[tuple[Operation, Answer]]:
    """Every operation with the answer that it promises, in the order of the document."""
    nodes = Nodes(references)
    found = list(drafts.read(document, references, limits, report))
    share = limits.max_schema_values // max(len(found), 1)
    schemas = Schemas(nodes, _budget(share // 2, _MAX_RESPONSE_VALUES))
    bodies = Schemas(nodes, _budget(share, _MAX_BODY_VALUES))  # these are mended
    keys, parameters, doctor = repair.Keys(report), _Parameters(schemas, report), SchemaDoctor(report)
    fields = answers.Known()
    for draft in found:
        draft.reserved_key = keys.reserve(draft.raw.get("operationId"))
        draft.name = _name(draft)
    names = Counter(draft.name for draft in found)
    made: dict[str, Operation] = {}
    for draft in found:
        key = keys.settle(draft.reserved_key, draft.raw.get("operationId"), draft.method, draft.path, draft.where)
        name = draft.name
        if names[name] > 1:
            name = f"{shortened(name, 100)} ({draft.method} {shortened(draft.path, 90)})"
        try:
            operation, answer = _operation(draft, {"key": key, "name": shortened(name, 200)}, parameters, schemas, bodies, fields, report)
        except ValidationError as error:
            sentence = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            report.find(
                "error", "operation", draft.where, f"{draft.method} {shortened(draft.path, 200)} was left out: {sentence}", SPECIFIC
            )
            continue
        if operation.body:
            doctor.mend(operation.body.schema_, f"{draft.where}/requestBody")
        made[draft.where] = operation
        yield operation, answer
    for row in report.repairs:
        row.changes[:] = [change for found in row.changes for change in parameters.settled(found, made)]
    doctor.name_changes((operation.key, operation.body.schema_) for operation in made.values() if operation.body)
    held = [schema for draft in found if draft.where in made for schema in _held(draft, made[draft.where])]
    references.doctor.settle(references.root, held, schemas.alone)


def _held(draft: Draft, operation: Operation) -> Iterator[Held]:
    """The schemas of an operation, with what they were made as."""
    if operation.body and "body" in draft.schemas:
        yield Held(operation.key, "/body/schema", operation.body.schema_, draft.schemas["body"])
    if "response" in draft.schemas:
        yield Held(operation.key, "/responseSchema", operation.response_schema or {}, draft.schemas["response"])


def _name(draft: Draft) -> str:
    """What a person calls the operation: its summary, else its operationId in words, else method and path."""
    summary = " ".join(plain_text(draft.raw.get("summary"), 400).split())
    if summary:
        return shortened(summary, 200)
    operation_id = draft.raw.get("operationId")
    return (humanised(operation_id) if isinstance(operation_id, str) else "") or shortened(f"{draft.method} {draft.path}", 200)


def humanised(identifier: str) -> str:
    """An identifier in words: listUserGroups, list_user_groups and list-userGroups all become "List user groups"."""
    found = _WORD.findall(identifier[:400].replace("OAuth", "Oauth"))
    words = [word if word.isupper() and len(word) > 1 else word.lower() for word in found if word]
    text = " ".join(words)
    return shortened(text[:1].upper() + text[1:], 200)


def _operation(
    draft: Draft, known: dict[str, str], parameters: _Parameters, schemas: Schemas, bodies: Schemas, fields: answers.Known, report: Report
) -> tuple[Operation, Answer]:
    """The operation of a draft with `known` key and name, and its answer. Raises pydantic's ValidationError if it cannot be expressed."""
    raw = draft.raw
    answer = _answer(draft, parameters.maxima(draft), schemas.nodes.references)
    response = None
    if isinstance(answer.schema, dict) and answer.schema:
        response = draft.schemas["response"] = schemas.schema(answer.schema, answer.where)
        answer.fields = fields.fields_of(response) if draft.method == "GET" else None
    operation = Operation(
        **known,
        description=repair.operation_described(raw, known["name"], draft.method, draft.path, draft.where, report),
        method=draft.method,
        path=draft.path,
        parameters=parameters.of(draft),
        body=_body(draft, bodies, report),
        response_schema=response or None,
        tags=[str(tag) for tag in raw["tags"] if isinstance(tag, str | int)][:50] if isinstance(raw.get("tags"), list) else [],
        deprecated=raw.get("deprecated") is True,
    )
    return operation, answer


def _budget(share: int, most: int) -> int:
    return max(_MIN_VALUES, min(share, most))


# --- parameters -----------------------------------------------------------------------------------------------------


class _Parameters:
    """The parameters of one document. Most are met again and again, by reference or in equal words, and are made once."""

    def __init__(self, schemas: Schemas, report: Report) -> None:
        self.schemas, self.report = schemas, report
        self._made: dict[bytes, Parameter] = {}
        # By id, each with what has it, so that it is not given to another:
        self._met: dict[int, tuple[dict[str, Any], Parameter]] = {}
        self._lists: dict[int, tuple[list[dict[str, Any]], list[Parameter]]] = {}
        self._maxima: dict[int, tuple[list[dict[str, Any]], dict[str, int]]] = {}

    def of(self, draft: Draft) -> list[Parameter]:
        return [parameter for raws in draft.parameters for parameter in self._list(raws, draft.where)]

    def maxima(self, draft: Draft) -> dict[str, int]:
        """The largest values that the query parameters of an operation allow, by their names."""
        found: dict[str, int] = {}
        for raws in draft.parameters:
            if id(raws) not in self._maxima:
                self._maxima[id(raws)] = raws, dict(_maxima(raws, self.schemas.nodes.references, draft.where))
            found |= self._maxima[id(raws)][1]
        return found

    def settled(self, change: Change, made: dict[str, Operation]) -> Iterator[Change]:
        """The change with the key of its action, and its parameters as the action has them; nothing if that is impossible."""
        if not change.action:  # the definition's
            yield change
        if change.action not in made:
            return
        values = [change.before, change.after]
        if change.part == "/parameters":
            try:
                values = [value and _parameter(value, self.schemas, change.action).dump() for value in values]
            except ValidationError:
                return
        yield Change(made[change.action].key, change.part, *values)

    def _list(self, raws: list[dict[str, Any]], where: str) -> list[Parameter]:
        if met := self._lists.get(id(raws)):
            return met[1]
        found = [parameter for parameter in (self._one(raw, where) for raw in raws) if parameter]
        if all(id(raw) in self._met for raw in raws):  # else the next operation says so, too
            self._lists[id(raws)] = raws, found
        return found

    def _one(self, raw: dict[str, Any], where: str) -> Parameter | None:
        if met := self._met.get(id(raw)):
            return met[1]
        words = strict_json.words(raw)
        made = self._made.get(words)
        if made is None:
            try:
                made = self._made[words] = _parameter(raw, self.schemas, where)
            except ValidationError:
                return _simplified(raw, where, self.report)
        self._met[id(raw)] = (raw, made)
        return made


def _maxima(raws: list[dict[str, Any]], references: References, where: str) -> Iterator[tuple[str, int]]:
    for raw in raws:
        if raw["in"] == "query":
            schema = references.resolve(raw.get("schema"), where)
            most = schema.get("maximum") if isinstance(schema, dict) else None
            if most is not None and isinstance(most, int | float) and not isinstance(most, bool) and 0 < most < 1e9:
                yield raw["name"], int(most)


def _parameter(raw: dict[str, Any], schemas: Schemas, where: str) -> Parameter:
    """A parameter as described. Raises ValidationError."""
    place = pointer("parameters", raw["name"], base=where)
    content = raw.get("content")
    content_type, declared = "", raw.get("schema")
    if isinstance(content, dict) and content:
        content_type = str(next(iter(content)))[:200]
        media = content[next(iter(content))]
        declared = media.get("schema") if isinstance(media, dict) else None
    elif declared is None and "type" in raw:  # as in Swagger 2.0
        declared = raw
    schema = schemas.schema(declared, place, 40) if isinstance(declared, dict) else {}
    kind, items = _type(schema), schema.get("items")
    style = raw.get("style")
    return Parameter(
        name=raw["name"],
        place=raw["in"],
        type=kind,
        items=_type(items) if kind == "array" and isinstance(items, dict) else "",
        required=raw.get("required") is True or raw.get("required") == "true" or raw["in"] == "path",
        default=schema.get("default", repair.fixed_accept(raw) or None),
        enum=_enum(schema, kind),
        format=str(schema.get("format") or "")[:100],
        description=plain_text(raw.get("description") or schema.get("description"), 2000),
        style=style if style in _STYLES else "",
        explode=raw["explode"] if isinstance(raw.get("explode"), bool) else None,
        content_type=content_type,
        allow_reserved=raw.get("allowReserved") is True,
    )


def _simplified(raw: dict[str, Any], where: str, report: Report) -> Parameter | None:
    """A parameter that cannot be expressed as described: kept as text, so that it can still be sent."""
    place = pointer("parameters", raw["name"], base=where)
    report.repair(
        "operation-parameters", place, raw, {"type": "string"}, f"The parameter {shortened(raw['name'], 60)} was simplified to text."
    )
    try:
        return Parameter(name=raw["name"], place=raw["in"], required=raw["in"] == "path")
    except ValidationError:
        report.find("error", "operation-parameters", place, f"The parameter {shortened(raw['name'], 60)} cannot be used.", SPECIFIC)
        return None


def _enum(schema: dict[str, Any], kind: str) -> list[Any]:
    """The values that a parameter takes, of a list those of its items; none where no value of its type is among them."""
    items = schema.get("items")
    values = schema.get("enum")
    if kind == "array" and isinstance(items, dict):
        values = items.get("enum") if values is None else values
        kind = _type(items)
    if values is None and "const" in schema:
        values = [schema["const"]]
    if not isinstance(values, list) or len(values) > MAX_ENUM:
        return []
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    fitting = [value for value in flat if value is None or _is_of(value, kind)]
    return fitting if any(value is not None for value in fitting) and len(fitting) <= MAX_ENUM else []


def _is_of(value: Any, kind: str) -> bool:
    """Whether a value can be sent as one of a scalar type, text included that reads as one."""
    if kind not in ("integer", "number") or (isinstance(value, int | float) and not isinstance(value, bool)):
        return True
    return isinstance(value, str) and bool(
        re.fullmatch(r"\s*[+-]?\d+\s*" if kind == "integer" else r"\s*[+-]?\d*\.?\d+([eE][+-]?\d+)?\s*", value)
    )


def _type(schema: dict[str, Any]) -> str:
    """The one JSON type of a schema: null aside (3.1), the first of several, looked up in oneOf and anyOf, else guessed by its keys."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item in TYPES), None)
    if kind in TYPES:
        return str(kind)
    for key in ("oneOf", "anyOf"):
        for option in schema.get(key) or ():
            if isinstance(option, dict) and (found := option.get("type")) and found != "null":
                return _type(option)
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


# --- bodies and answers ---------------------------------------------------------------------------------------------


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=1024)
def is_json(media_type: str) -> bool:
    """Whether a media type carries JSON: application/json, text/json, anything +json, and wildcards."""
    essence = _essence(media_type)
    return essence in (JSON_TYPE, "text/json", "*/*", "application/*", "json") or essence.endswith("+json")


@lru_cache(maxsize=1024)
def _rank(media_type: str) -> int:
    essence = _essence(media_type)
    if essence == JSON_TYPE:
        return 0
    if is_json(media_type):
        return 1 if "*" not in essence else 2
    return {FORM_TYPE: 3, "multipart/form-data": 4}.get(essence, 5)


def _sends_nothing(method: str, schema: dict[str, Any]) -> bool:
    """Whether a body is an empty form on a method that needs none, as generators declare for every GET."""
    return method in ("GET", "HEAD", "DELETE") and schema.get("type") == "object" and not schema.get("properties")


def _body(draft: Draft, schemas: Schemas, report: Report) -> Body | None:
    raw, where = draft.raw.get("requestBody"), f"{draft.where}/requestBody"
    resolved = schemas.nodes.references.resolve(raw, where)
    if not isinstance(resolved, dict):
        return Body() if isinstance(raw, dict) else None  # in another file: a body of unknown shape
    content = resolved.get("content")
    description = plain_text(resolved.get("description"), 2000)
    required = resolved.get("required") is True
    if not isinstance(content, dict) or not content:
        report.repair("request-body", where, None, JSON_TYPE, "The body has no media type; it was taken as JSON.")
        return Body(required=required, description=description)
    media_type = min((str(key) for key in content), key=_rank)  # min keeps the document's order among equals
    place = pointer("content", media_type, base=where)
    media = schemas.nodes.references.resolve(content[media_type], place)
    declared = media.get("schema") if isinstance(media, dict) else None
    schema = schemas.schema(declared, f"{place}/schema") if isinstance(declared, dict) else {}
    if not required and _sends_nothing(draft.method, schema):
        return None
    draft.schemas["body"] = schema
    sent = JSON_TYPE if "*" in media_type or "/" not in media_type else media_type.strip()
    if "xml" in media_type and isinstance(declared, dict):
        schema = _with_root(schema, declared)
    return Body(content_type=sent[:200], required=required, description=description, schema_=schema, encoding=_encodings(media))


def _with_root(schema: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    """The schema of a body in XML with the name of its root, which is that of the component that it refers to where it says none."""
    said, ref = schema.get("xml"), declared.get("$ref")
    said = said if isinstance(said, dict) else {}
    name = re.split(r"[/#]", ref)[-1] if isinstance(ref, str) and not said.get("name") else ""
    return {**schema, "xml": {"name": name, **said}} if name else schema


def _encodings(media: Any) -> dict[str, FieldEncoding]:
    """What is said of how the fields of a form are written; what cannot be read of it is left out."""
    declared = media.get("encoding") if isinstance(media, dict) else None
    found = {}
    for name, one in declared.items() if isinstance(declared, dict) else ():
        if isinstance(one, dict) and not one.keys().isdisjoint(("contentType", "style", "explode")):
            style, explode = one.get("style"), one.get("explode")
            found[str(name)] = FieldEncoding(
                content_type=str(one.get("contentType") or "")[:200],
                style=style if style in _FORM_STYLES else "",
                explode=explode if isinstance(explode, bool) else None,
            )
    return found


def _answer(draft: Draft, maxima: dict[str, int], references: References) -> Answer:
    """The first 2xx answer with JSON, else the first 2xx, else the default answer."""
    responses, where = draft.raw.get("responses"), draft.where
    if not isinstance(responses, dict):
        return Answer(None, where, frozenset(), maxima)
    ranged = frozenset({paging.CONTENT_RANGE}) if "206" in responses else frozenset()  # RFC 9110, 15.3.7
    codes = sorted((code for code in responses if code[:1] == "2"), key=str.upper) or [code for code in responses if code == "default"]
    best = None
    for code in codes:
        place = pointer("responses", code, base=where)
        response = references.resolve(responses[code], place)
        if not isinstance(response, dict):
            continue
        headers = response.get("headers")
        names = frozenset(str(name).lower() for name in headers) if isinstance(headers, dict) else frozenset()
        names |= ranged
        content = response.get("content")
        content = content if isinstance(content, dict) else {}
        for media_type in sorted(content, key=_rank):
            media = references.resolve(content[media_type], place)
            if is_json(media_type) and isinstance(media, dict) and isinstance(media.get("schema"), dict):
                return Answer(media["schema"], pointer("content", media_type, "schema", base=place), names, maxima)
        if names and not best:
            best = Answer(None, place, names, maxima)
    return best or Answer(None, where, frozenset(), maxima)
