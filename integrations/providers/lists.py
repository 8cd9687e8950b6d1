"""How lists are walked, how often an API may be called, how a connection is tested."""

from __future__ import annotations

import re
from typing import Any

from integrations.providers.entry import Entry
from integrations.providers.texts import Scope

# Names of a parameter that counts pages; catalogues call counting of either kind an offset.
_PAGES = re.compile(r"(?i)^(page|page_?(no|num|number|index)?|p)$")


def pagination(proxy: Entry) -> dict[str, Any]:
    """The pagination of an entry, as JSON of a definition."""
    if "paginate" not in proxy:
        return {"type": "none"}
    given = proxy.section("paginate")
    kind = given.text("type")
    common = {"resultsKey": given.text("response_path"), "pageSizeParam": given.text("limit_name_in_request")}
    match kind:
        case "cursor":
            after, pointer = given.text("cursor_name_in_request"), given.text("cursor_path_in_response")
            if not after or not pointer:
                given.lose("", "A cursor needs cursor_name_in_request and cursor_path_in_response, and the entry lacks one of them.")
                return {"type": "none", "resultsKey": common["resultsKey"]}
            return {"type": "pointer", "afterParam": after, "pointerPath": pointer, **common}
        case "link":
            rel, body = given.text("link_rel_in_response_header"), given.text("link_path_in_response_body")
            if rel and body:
                given.lose("link_rel_in_response_header", f"The next link is read in one place: of header and body the body's {body}.")
            if body:
                return {"type": "link", "nextLinkLocation": "body", "nextPageKey": body, **common}
            if rel:
                return {"type": "link", "nextLinkLocation": "header", "responseHeaderRel": rel, **common}
            given.lose("", "A link needs link_rel_in_response_header or link_path_in_response_body, and the entry has neither.")
        case "offset":
            name = given.text("offset_name_in_request")
            start = given.take("offset_start_value")
            method = given.text("offset_calculation_method")
            if not name:
                given.lose("", "An offset needs offset_name_in_request, and the entry has none.")
                return {"type": "none", "resultsKey": common["resultsKey"]}
            if method == "per-page" or _PAGES.match(name):
                given.note("offset_name_in_request", f"{name} is read as the number of a page, not of a record.")
                return {"type": "page", "pageParam": name, "startPage": start if isinstance(start, int) else 1, **common}
            return {"type": "index", "indexParam": name, "startIndex": start if isinstance(start, int) else 0, **common}
        case _:
            given.lose("type", f"{kind[:40]} is no pagination that is known here.")
    return {"type": "none", "resultsKey": common["resultsKey"]}


def rate_limit(proxy: Entry) -> dict[str, Any]:
    """What the entry says about too many calls, as JSON of a definition."""
    given = proxy.section("retry")
    found: dict[str, Any] = {
        "retryAfterHeaders": [name for name in given.items("after") if name.lower() != "retry-after"],  # is always read
        "resetHeaders": given.items("at"),
        "remainingHeader": given.text("remaining"),
        "statuses": given.items("error_code"),
    }
    if "401" in found["statuses"]:
        given.note("error_code", "A 401 renews the token and repeats the request once.")
    if "in_body" in given:
        body = given.section("in_body")
        pattern = body.text("value")
        literal = re.fullmatch(r"/(.*)/[a-z]*", pattern, re.DOTALL)
        found["body"] = {
            "path": body.text("path"),
            "pattern": literal[1] if literal else pattern or "(.+)",
            "kind": body.text("strategy", "after"),
        }
    return found


def ping(proxy: Entry, scope: Scope) -> dict[str, Any] | None:
    """The request that tests a connection, as JSON of a definition."""
    if "verification" not in proxy:
        return None
    given = proxy.section("verification")
    method = given.text("method", "GET").upper()
    uris = [scope.said(given, "endpoints", one, whole=False).text for one in given.items("endpoints")]
    headers = given.section("headers")
    found: dict[str, Any] = {"method": method, "uri": uris[0] if uris else "", "alternatives": uris[1:]}
    found["headers"] = {}
    for name in list(headers.values):
        text = headers.text(name)
        found["headers"][name] = scope.said(headers, name, text).text
    if base := given.text("base_url_override"):
        found["baseUri"] = scope.said(given, "base_url_override", base, whole=False).text
    data = given.take("data")
    if isinstance(data, dict):
        found["body"] = scope.said_document(given, "data", data)
    elif data is not None:
        given.lose("data", "The body of a test is a JSON object.")
    return found
