"""The request of one page: an action's request with what the pagination adds, each value at its place."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from actions import requests
from actions.pagination import PageRequest, same_origin
from connections.exchange import Outgoing, with_query
from integrations.definition import FORM_TYPE
from integrations.operation import Body, Operation


def build(
    operation: Operation,
    inputs: Mapping[str, Any],
    page: PageRequest,
    *,
    base: str,
    headers: Mapping[str, str],
    trusted: Iterable[str] = (),
) -> Outgoing:
    """The request for a page. Raises `requests.InputError`.

    What the page sets replaces an input of the same place and name. A next link replaces the whole URL; credentials go
    with it only to the origin of the base URI and to the `trusted` ones.
    """
    given = {**_required(operation, page), **inputs}
    if page.path:
        given = _with_path(operation, given, page.path)
    if page.body:
        operation, given = _with_body(operation, given, page.body)
    fixed = {name: value for name, value in headers.items() if name.lower() not in {key.lower() for key, _ in page.headers}}
    built = requests.build(operation, given, base=base, headers=fixed, page_params=page.params)
    replaced = {name.lower() for name, _ in page.headers}
    fields = [pair for pair in built.headers if pair[0].lower() not in replaced] + list(page.headers)
    if not page.url:
        return Outgoing(built.method, built.url, fields, built.body)
    url = with_query(page.url, _lost(built.url, page.url)) if page.restore else page.url
    origin = next((origin for origin in trusted if same_origin(origin, url)), "")
    return Outgoing(built.method, url, fields, built.body, credentials_origin=origin)


def _required(operation: Operation, page: PageRequest) -> dict[str, Any]:
    """Required parameters that the page sets anyway, so that nobody has to enter them."""
    placed = {"query": dict(page.params), "header": dict(page.headers)}
    return {
        label: placed[parameter.place][parameter.name]
        for label, parameter in requests.labelled(operation).items()
        if parameter.required and parameter.name in placed.get(parameter.place, {})
    }


def _lost(built: str, link: str) -> list[tuple[str, str]]:
    """The parameters of the action's own request that a link does not have."""
    kept = {name for name, _ in parse_qsl(urlsplit(link).query, keep_blank_values=True)}
    return [(name, value) for name, value in parse_qsl(urlsplit(built).query, keep_blank_values=True) if name not in kept]


def _with_path(operation: Operation, inputs: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    labels = {parameter.name: label for label, parameter in requests.labelled(operation).items() if parameter.place == "path"}
    unknown = sorted(set(values) - set(labels))
    if unknown:
        raise requests.InputError(
            {
                name: [f"The pagination puts {name} into the path, which has no {{{name}}}. Correct the path or the pagination."]
                for name in unknown
            }
        )
    return {**inputs, **{labels[name]: value for name, value in values.items()}}


def _with_body(operation: Operation, inputs: dict[str, Any], values: Mapping[str, Any]) -> tuple[Operation, dict[str, Any]]:
    """The inputs with values set at their paths in the body. A body that nobody declared is a JSON object."""
    if operation.body is None:
        operation = operation.model_copy(update={"body": Body()})
    is_form = operation.body is not None and operation.body.content_type.partition(";")[0].strip().lower() == FORM_TYPE
    body = _object(inputs.get(requests.BODY), is_form=is_form)
    for path, value in values.items():
        if is_form and "." not in path:
            body[path] = value
        else:
            _place(body, path.removeprefix("$."), value)
    return operation, {**inputs, requests.BODY: body}


def _object(given: Any, *, is_form: bool) -> dict[str, Any]:
    """A copy of the body as an object that can be added to. Raises InputError where it is none."""
    if given is None or given == "":
        return {}
    if isinstance(given, str):
        if is_form and not given.lstrip().startswith("{"):
            return dict(parse_qsl(given, keep_blank_values=True))
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise requests.InputError(
                {requests.BODY: ["body is not valid JSON, and the position of each page has to go into it."]}
            ) from None
    if not isinstance(given, dict):
        raise requests.InputError({requests.BODY: ["body has to be an object, because the position of each page goes into it."]})
    copy: dict[str, Any] = json.loads(json.dumps(given))
    return copy


def _place(body: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at a path of keys joined by dots; objects that are missing on its way are made."""
    *way, last = path.split(".")
    place = body
    for key in way:
        inner = place.get(key)
        if not isinstance(inner, dict):
            inner = place[key] = {}
        place = inner
    place[last] = value
