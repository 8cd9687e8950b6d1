"""An operation and a caller's inputs become a request: URL, headers and body, without credentials."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from actions.inputs import InputError, convert, is_given, usable_default
from connections import bodies
from connections.bodies import text_of
from connections.exchange import Outgoing, Pairs, with_query, without_names
from integrations import mapping_texts
from integrations.definition import JSON_TYPE
from integrations.operation import Operation, Parameter, placeholders
from integrations.storable import flaw

__all__ = ["InputError", "build", "input_names", "labelled"]

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_PLACEHOLDER = re.compile(r"\{(?![^{}/]*\bmapping\.)([^{}/]+)\}")
# Literal parts of a path template keep their reserved characters and what is percent-encoded already.
_LITERAL = "/:@!$&'()*+,;=~%-._"
# What stays as it is in a query parameter with allowReserved: RFC 3986's reserved characters but those that end a value or mean a blank.
_RESERVED = ":/?@!$'()*,;="
_ENCODED = re.compile(r"(%[0-9A-Fa-f]{2})")  # which is not encoded again then, as RFC 6570 has it
_GLUE = {" ": "%20", "|": "%7C"}
_COOKIE = _LITERAL.replace(";", "").replace(",", "")
BODY = "body"


def build(
    operation: Operation,
    inputs: Mapping[str, Any],
    *,
    base: str,
    headers: Mapping[str, str] | None = None,
    page_params: Iterable[tuple[str, str]] = (),
) -> Outgoing:
    """The request of one call. Raises InputError with sentences for every input that is wrong.

    `inputs` holds values by parameter name, and the body under `body`. A name that exists in two places is written with
    its place, `path.id` and `query.id`. Null and empty text mean "not given". `base` is the base URI without a slash at
    its end, `headers` the ones of the integration, which a header parameter replaces. `page_params` replace query
    parameters of the same name.
    """
    parameters = _with_undeclared(operation)
    given, problems = _assign(operation, parameters, inputs)
    if mapping_texts.reads(operation.path):
        problems["mapping"] = ["The path reads who an organization is at the vendor, and only a run for a mapped organization knows that."]
    values: dict[tuple[str, str], Any] = {}
    for parameter in parameters:
        label = _label(parameter, parameters)
        value = given.get((parameter.place, parameter.name))
        value = value if is_given(value) else usable_default(parameter)
        if not is_given(value) or (parameter.place == "path" and value in ([], {})):
            if parameter.required and parameter.enum == [""]:
                values[parameter.place, parameter.name] = ""  # the one value that it takes
            elif parameter.required:
                problems.setdefault(label, []).append(f"{label} is missing.")
            continue
        if parameter.place == "input":
            continue  # of whatever kind it is, a template says where it goes
        try:
            values[parameter.place, parameter.name] = convert(value, parameter, label)
        except ValueError as error:
            problems.setdefault(label, []).append(str(error))
    body = _body(operation, given.get(("", BODY)), problems)
    url = _url(operation, parameters, values, base, problems)
    fields = _headers(parameters, values, headers or {}, body, problems)
    if problems:
        raise InputError(problems)
    return Outgoing(operation.method, with_query(url, page_params), fields, body.content if body else None)


def input_names(operation: Operation) -> list[str]:
    """The names under which `build` takes inputs, in the order of the parameters, the body last."""
    return [*labelled(operation), *([BODY] if operation.body else [])]


def labelled(operation: Operation) -> dict[str, Parameter]:
    """The parameters by the name that an input has, also those that only the path's placeholders name."""
    parameters = _with_undeclared(operation)
    return {_label(parameter, parameters): parameter for parameter in parameters}


def _with_undeclared(operation: Operation) -> list[Parameter]:
    """The parameters, and one for each placeholder of the path that has none: without a value the path cannot be built."""
    declared = {parameter.name for parameter in operation.parameters if parameter.place == "path"}
    extra = [Parameter(name=name, place="path", required=True) for name in placeholders(operation.path) if name not in declared]
    return [*operation.parameters, *extra]


def _label(parameter: Parameter, parameters: list[Parameter]) -> str:
    twice = sum(other.name == parameter.name for other in parameters) > 1
    return f"{parameter.place}.{parameter.name}" if twice or parameter.name == BODY else parameter.name


def _assign(
    operation: Operation, parameters: list[Parameter], inputs: Mapping[str, Any]
) -> tuple[dict[tuple[str, str], Any], dict[str, list[str]]]:
    """Inputs by (place, name), the body by ("", "body"); and a sentence for each input that belongs nowhere."""
    given: dict[tuple[str, str], Any] = {}
    problems: dict[str, list[str]] = {}
    labels = {_label(parameter, parameters): parameter for parameter in parameters}
    exact = {f"{parameter.place}.{parameter.name}": parameter for parameter in parameters} | labels
    for name, value in inputs.items():
        if sentence := flaw([name, value]):
            problems[name] = [sentence]
        elif name == BODY and operation.body:
            given["", BODY] = value
        elif name in exact:
            given[exact[name].place, exact[name].name] = value
        elif any(parameter.name == name for parameter in parameters):
            choices = " or ".join(label for label, parameter in labels.items() if parameter.name == name)
            problems[name] = [f"{name} stands in several places. Write {choices}."]
        elif is_given(value):
            known = ", ".join(input_names(operation)) or "none"
            problems[name] = [f"{name} is not an input of this action. Its inputs are: {known}."]
    return given, problems


# --- path and query -------------------------------------------------------------------------------------------------


def _url(
    operation: Operation, parameters: list[Parameter], values: dict[tuple[str, str], Any], base: str, problems: dict[str, list[str]]
) -> str:
    path, _, query = operation.path.partition("#")[0].partition("?")
    by_name = {parameter.name: parameter for parameter in parameters if parameter.place == "path"}

    def filled(template: str) -> str:
        pieces = _PLACEHOLDER.split(template)
        return "".join(
            _path_value(by_name[piece], values.get(("path", piece))) if n % 2 else quote(piece, safe=_LITERAL)
            for n, piece in enumerate(pieces)
        )

    segments = []
    for segment in path.split("/"):
        text = filled(segment)
        names = _PLACEHOLDER.findall(segment)
        if not text and any(("path", name) in values for name in names):
            problems.setdefault(names[0], []).append(f"{names[0]} is missing.")
        # A server would read these as "here" and "one up"; percent-encoding does not hide them from it.
        if names and text in (".", ".."):
            problems.setdefault(names[0], []).append(f"{names[0]} cannot be {text}, because that has a meaning of its own in a path.")
        segments.append(text)
    # What stands in the template already is sent as it is, unless a parameter of that name has a value.
    kept = "&".join(filled(piece) for piece in query.split("&") if piece)
    pairs = [pair for parameter in parameters if parameter.place == "query" for pair in _query_pairs(parameter, values)]
    kept = without_names(kept, {name for name, _ in pairs})
    full = "&".join(filter(None, [kept, *(f"{quote(name, safe='$')}={value}" for name, value in pairs)]))
    return base.rstrip("/") + "/".join(segments) + (f"?{full}" if full else "")


def _path_value(parameter: Parameter, value: Any) -> str:
    """A path parameter in one of the styles simple, label and matrix (OpenAPI, after RFC 6570), percent-encoded."""
    if value is None:
        return ""
    name, style, explode = quote(parameter.name, safe=""), parameter.style or "simple", bool(parameter.explode)
    if _is_json(parameter):
        return quote(_compact(value), safe="")
    if not isinstance(value, list | dict):
        text = quote(text_of(value), safe="")
        return {"label": f".{text}", "matrix": f";{name}={text}"}.get(style, text)
    items = _flat(value, explode=explode, encode=lambda text: quote(text, safe=""))
    match style:
        case "label":
            return "." + ("." if explode else ",").join(items)
        case "matrix" if explode:
            return "".join(f";{item}" if isinstance(value, dict) else f";{name}={item}" for item in items)
        case "matrix":
            return f";{name}={','.join(items)}"
    return ",".join(items)


def _flat(value: list[Any] | dict[str, Any], *, explode: bool, encode: Callable[[str], str]) -> list[str]:
    """Array items; of an object `key=value` each when exploded, else keys and values in turn."""
    if isinstance(value, list):
        return [encode(text_of(item)) for item in value]
    if explode:
        return [f"{encode(key)}={encode(text_of(item))}" for key, item in value.items()]
    return [encode(text) for key, item in value.items() for text in (key, text_of(item))]


def _query_pairs(parameter: Parameter, values: dict[tuple[str, str], Any]) -> Pairs:
    """A query parameter as names and encoded values, in one of the styles of OpenAPI."""
    value = values.get(("query", parameter.name))
    if value is None:
        return []
    encode = _reserved_text if parameter.allow_reserved else _query_text
    if _is_json(parameter):
        return [(parameter.name, encode(_compact(value)))]
    return [
        (name, _GLUE.get(glue, glue).join(map(encode, texts)))
        for name, texts, glue in bodies.styled(parameter.name, value, parameter.style, parameter.explode)
    ]


def _is_json(parameter: Parameter) -> bool:
    media = parameter.content_type.partition(";")[0].strip().lower()
    return bool(media) and bodies.is_json(media)


def _query_text(text: str) -> str:
    return quote(text, safe="")


def _reserved_text(text: str) -> str:
    return "".join(piece if n % 2 else quote(piece, safe=_RESERVED) for n, piece in enumerate(_ENCODED.split(text)))


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- headers and body -----------------------------------------------------------------------------------------------


def _headers(
    parameters: list[Parameter],
    values: dict[tuple[str, str], Any],
    fixed: Mapping[str, str],
    body: bodies.Encoded | None,
    problems: dict[str, list[str]],
) -> Pairs:
    """The integration's headers first; the body's media type replaces theirs, and a parameter replaces both."""
    fields: dict[str, tuple[str, str]] = {name.lower(): (name, value) for name, value in fixed.items()}
    if body:
        fields["content-type"] = ("Content-Type", body.content_type)
    cookies = []
    for parameter in parameters:
        value = values.get((parameter.place, parameter.name))
        if value is None or parameter.place not in ("header", "cookie"):
            continue
        label = _label(parameter, parameters)
        text = _line(parameter, value)
        if parameter.place == "cookie":
            cookies += _cookies(parameter, value)
        elif _CONTROL.search(text):
            problems.setdefault(label, []).append(
                f"{label} is sent in a header and has to be one line. Remove line breaks and control characters."
            )
        elif not (parameter.name.lower() == "content-type" and body and body.fixed):
            fields[parameter.name.lower()] = (parameter.name, text)
    if cookies:
        name, before = fields.get("cookie", ("Cookie", ""))
        fields["cookie"] = (name, "; ".join(filter(None, [before, *cookies])))
    fields.setdefault("accept", ("Accept", f"{JSON_TYPE}, */*;q=0.8"))
    return list(fields.values())


def _cookies(parameter: Parameter, value: Any) -> list[str]:
    """A cookie parameter as `name=value` pairs; one that explodes, as is usual, becomes several."""
    if _is_json(parameter) or not isinstance(value, list | dict):
        pairs: Pairs = [(parameter.name, _line(parameter, value))]
    else:
        pairs = [(name, glue.join(texts)) for name, texts, glue in bodies.styled(parameter.name, value, "form", parameter.explode)]
    return [f"{name}={quote(text, safe=_COOKIE)}" for name, text in pairs]


def _line(parameter: Parameter, value: Any) -> str:
    if _is_json(parameter):
        return _compact(value)
    return ",".join(_flat(value, explode=bool(parameter.explode), encode=str)) if isinstance(value, list | dict) else text_of(value)


def _body(operation: Operation, value: Any, problems: dict[str, list[str]]) -> bodies.Encoded | None:
    if not operation.body:
        return None
    if value is None or value == "":
        if operation.body.required:
            problems.setdefault(BODY, []).append("body is missing.")
        return None
    try:
        return bodies.encode(value, operation.body.content_type or JSON_TYPE, operation.body.schema_, operation.body.encoding)
    except ValueError as error:
        problems.setdefault(BODY, []).append(str(error))
        return None
