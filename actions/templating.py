"""The templates of an operation, filled in for one page of one call (leaf)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from actions.inputs import InputError
from actions.pagination import PageRequest
from connections.bodies import text_of
from connections.exchange import Outgoing, Pairs, with_query
from integrations import expressions
from integrations.definition import JSON_TYPE, Part
from integrations.operation import Operation, Templates

# What page parameters are called in placeholders, by the setting that names them.
_ROLES = {
    "page_param": ("page",),
    "page_size_param": ("per_page", "limit", "page_size"),
    "index_param": ("offset",),
    "after_param": ("cursor",),
}


def dressed(
    outgoing: Outgoing, operation: Operation, *, values: Mapping[str, Any], inputs: Mapping[str, Any], page: PageRequest, pagination: Part
) -> Outgoing:
    """The request with what its operation's templates add. `values` are what the connection brings. Raises `InputError`.

    Parameters that the request has already stay; a next link is asked for as it is, with the headers only.
    """
    templates = operation.templates
    if templates is None:
        return outgoing
    given = _values(values, inputs, page, pagination)
    try:
        headers = [*outgoing.headers, *_headers(templates, given, outgoing.headers)]
        bare = templates.authorization is not None
        if bare:
            headers = [pair for pair in headers if pair[0].lower() != "authorization"]
            headers += [(name, text_of(value)) for name, value in _filled(templates.authorization, given).items()]
        changed = dataclasses.replace(outgoing, headers=headers, bare=bare)
        if page.url:
            return changed
        present = {name for name, _ in parse_qsl(urlsplit(outgoing.url).query, keep_blank_values=True)}
        query = _pairs(_filled(templates.query, given), templates.query_array_format)
        url = outgoing.url
        added = [pair for pair in query if pair[0] not in present]
        if added:
            first = dict(added)
            url = with_query(url, first.items()) if len(first) == len(added) else _appended(url, added)
        changed = dataclasses.replace(changed, url=url)
        if templates.body is None or outgoing.body is not None or operation.method in ("GET", "HEAD"):
            return changed
        return _with_body(changed, expressions.filled(templates.body, given))
    except ValueError as error:
        raise InputError({"": [str(error)]}) from None


def _values(values: Mapping[str, Any], inputs: Mapping[str, Any], page: PageRequest, pagination: Part) -> dict[str, Any]:
    credentials, settings = values.get("credentials") or {}, values.get("settings") or {}
    placed = {**dict(page.params), **dict(page.headers), **page.path, **page.body}
    position = {**page.values, **placed}
    for setting, names in _ROLES.items():
        known = getattr(pagination, setting, "")
        if known in placed:
            position |= dict.fromkeys(names, placed[known])
    given = {name: _meant(value) for name, value in inputs.items() if value not in (None, "")}
    return {
        **given,
        **values,
        "id": given.get("id"),
        "query": given,
        "body": given.get("body", given),
        "context": {**credentials, **settings, **given},
        "pagination": position,
    }


def _meant(value: Any) -> Any:
    """A list or an object that a form sends as text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _filled(document: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = expressions.filled(document, values)
    return found


def _headers(templates: Templates, values: Mapping[str, Any], present: Pairs) -> Pairs:
    taken = {name.lower() for name, _ in present}
    found = _filled(templates.headers, values)
    return [(name, text_of(value)) for name, value in found.items() if name.lower() not in taken and not isinstance(value, dict | list)]


def _pairs(query: Mapping[str, Any], array_format: str) -> Pairs:
    found: Pairs = []
    for name, value in query.items():
        if isinstance(value, dict):
            found += [(f"{name}[{key}]", text_of(item)) for key, item in value.items()]
        elif not isinstance(value, list):
            found.append((name, text_of(value)))
        elif array_format == "comma":
            found.append((name, ",".join(text_of(item) for item in value)))
        else:
            written = {"repeat": name, "brackets": f"{name}[]"}
            found += [(written.get(array_format, f"{name}[{place}]"), text_of(item)) for place, item in enumerate(value)]
    return found


def _appended(url: str, pairs: Pairs) -> str:
    """A name may stand several times, which setting parameters one by one would undo."""
    for name, value in pairs:
        addition = with_query("", [(name, value)]).lstrip("?")
        url = f"{url}{'&' if '?' in url else '?'}{addition}"
    return url


def _with_body(outgoing: Outgoing, body: Any) -> Outgoing:
    if body is expressions.MISSING:
        return outgoing
    has_kind = any(name.lower() == "content-type" for name, _ in outgoing.headers)
    headers = outgoing.headers if has_kind else [*outgoing.headers, ("Content-Type", JSON_TYPE)]
    content = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    return dataclasses.replace(outgoing, headers=headers, body=content)
