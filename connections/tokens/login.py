"""The calls of a login as pure functions: the request of a step, and what its answer holds (leaf)."""

from __future__ import annotations

import json
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlencode

from connections import xml_bodies
from connections.auth.base import Values
from connections.exchange import Answer, Outgoing, Pairs, with_query
from connections.tokens.answers import TokenError
from integrations import expressions, paths
from integrations.definition import FORM_TYPE, JSON_TYPE, LoginStep


def request(step: LoginStep, values: Values, *, cookies: dict[str, str]) -> Outgoing:
    """The request of one step; the cookies of the steps before go along. Raises `MissingValue` and `ValueError`."""
    url = expressions.render_url(step.url, values)
    params = _filled(step.params, values)
    headers: Pairs = [("Accept", JSON_TYPE)]
    body: bytes | None = None
    if step.method == "GET" or step.body_format == "query":
        url = with_query(url, flat(params))
    elif step.body_format == "form":
        headers.append(("Content-Type", FORM_TYPE))
        body = urlencode(flat(params)).encode()
    elif step.body_format == "xml":
        headers.append(("Content-Type", "application/xml"))
        body = xml_bodies.write(params)
    elif step.body_format == "text":
        headers.append(("Content-Type", "text/plain"))
        body = expressions.render(step.text, values).encode()
    else:
        headers.append(("Content-Type", JSON_TYPE))
        body = json.dumps(params).encode()
    own = {name: value for name, text in step.headers.items() if text and (value := expressions.render(text, values))}
    replaced = {name.lower() for name in step.headers}
    headers = [pair for pair in headers if pair[0].lower() not in replaced] + list(own.items())
    if cookies:
        headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
    return Outgoing(step.method, url, headers, body)


def _filled(params: dict[str, Any], values: Values) -> dict[str, Any]:
    """Parameters with their values. One whose placeholders give an empty text is left out; one that is written empty is sent so."""
    found: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, dict):
            found[name] = _filled(value, values)
        elif (done := expressions.render_all(value, values)) != "" or value == "":
            found[name] = done
    return found


def extracted(step: LoginStep, answer: Answer, document: Any) -> dict[str, str]:
    """The values that a step keeps. Raises `TokenError` for one that is not there."""
    found: dict[str, str] = {}
    for name, source in step.extract.items():
        kind, mark, rest = source.partition(":")
        if mark and kind.lower() == "header":
            value: Any = answer.headers.get(rest.strip())
        elif mark and kind.lower() == "cookie":
            value = cookies_of(answer).get(rest.strip(), "")
        else:
            value = paths.extract(document, source)
        if not isinstance(value, str | int | float) or isinstance(value, bool) or value == "":
            raise TokenError(f"The answer of the login holds no {source}. Correct what the step extracts.", permanent=True)
        found[name] = str(value)
    return found


def cookies_of(answer: Answer) -> dict[str, str]:
    """The cookies that an answer sets."""
    found: dict[str, str] = {}
    for value in answer.headers.get_all("Set-Cookie"):
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(value)
        except CookieError:
            continue
        found |= {name: morsel.value for name, morsel in jar.items() if morsel["max-age"] != "0"}
    return found


def flat(params: dict[str, Any], prefix: str = "") -> Pairs:
    """Nested parameters as `a[b]=c`, lists as repeated names."""
    pairs: Pairs = []
    for name, value in params.items():
        where = f"{prefix}[{name}]" if prefix else str(name)
        if isinstance(value, dict):
            pairs += flat(value, where)
        elif isinstance(value, list):
            pairs += [(where, str(item)) for item in value]
        elif value is not None:
            pairs.append((where, str(value).lower() if isinstance(value, bool) else str(value)))
    return pairs
