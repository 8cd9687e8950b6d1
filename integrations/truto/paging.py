"""How a document says that lists are walked and calls are limited."""

from __future__ import annotations

import re
from typing import Any

from integrations import expressions
from integrations.truto.found import Read

_HEADER = re.compile(r"^[A-Za-z0-9-]+$")
_HEADER_READ = re.compile(r"""^(?:\{\{\s*)?\$?number\(?\s*headers(?:\.|\[['"]|\.`|\.")([A-Za-z0-9-]+)(?:['"]\]|`|")?\s*\)?(?:\s*\}\})?$|"""
                          r"""^(?:\{\{\s*)?headers(?:\.|\[['"]|\.`|\.")([A-Za-z0-9-]+)(?:['"]\]|`|")?(?:\s*\}\})?$""")  # fmt: skip


def pagination_of(value: Any, place: str, found: Read) -> dict[str, Any] | None:  # noqa: PLR0912 - a case for each format
    """A pagination as its definition in JSON; None for none."""
    if not isinstance(value, dict) or not value.get("format"):
        return None
    config: dict[str, Any] = value["config"] if isinstance(value.get("config"), dict) else {}
    kind = str(value["format"])
    size: dict[str, Any] = {"pageSizeParam": config.get("limit_key") or ""}
    if isinstance(config.get("max_limit"), int | str) and str(config["max_limit"]).isdigit() and int(config["max_limit"]) > 0:
        size["maxPageSize"] = int(config["max_limit"])
        size["defaultPageSize"] = min(int(config["max_limit"]), 1000)
    used = {"limit_key", "max_limit"}
    match kind:
        case "page":
            used |= {"page_key", "start_page", "page_start"}
            start = config.get("start_page", config.get("page_start", 1))
            made = {"type": "page", "pageParam": config.get("page_key") or "page", "startPage": int(start), **size}
        case "offset":
            used |= {"offset_key", "start_offset"}
            made = {
                "type": "index",
                "indexParam": config.get("offset_key") or "offset",
                "startIndex": int(config.get("start_offset", 0)),
                **size,
            }
        case "cursor" if config.get("is_link"):
            used |= {"cursor_path", "is_link"}
            made = {"type": "link", "nextLinkLocation": "body", "nextPageKey": config.get("cursor_path") or "", **size}
        case "cursor":
            used |= {"cursor_path", "cursor_key", "has_next_path", "cursor_path_object", "is_cursor_url_encoded"}
            made = {
                "type": "pointer",
                "afterParam": config.get("cursor_key") or "cursor",
                "hasMorePath": config.get("has_next_path") or "",
                **size,
            }
            if config.get("cursor_path_object") in ("header", "headers"):
                made |= {"pointerLocation": "header", "pointerHeader": config.get("cursor_path") or ""}
            else:
                made |= {"pointerPath": config.get("cursor_path") or ""}
            if config.get("is_cursor_url_encoded"):
                made["pointerForm"] = "encoded"
        case "link_header":
            used |= {"header_name", "rel"}
            made = {"type": "link", "nextLinkLocation": "header", "responseHeaderName": config.get("header_name") or "link",
                    "responseHeaderRel": config.get("rel") or "next", **size}  # fmt: skip
        case "range":
            used |= {"range_unit", "unit"}
            made = {"type": "range", "rangeUnit": config.get("range_unit") or config.get("unit") or "items"}
        case _:
            found.leave(place, f"The format {kind} is not run here; the first page is all.")
            return None
    for name in sorted(set(config) - used):
        found.leave(f"{place}.config.{name}", "This setting is not used here.")
    return made


def _is_template(text: str) -> bool:
    """Whether a text is an expression of ours: `{{response.error.retry_in}}`."""
    try:
        return not expressions.parse(text).is_plain
    except ValueError:
        return False


def rate_limit_of(value: Any, place: str, found: Read) -> dict[str, Any]:
    """A rate limit as its definition in JSON. Header names, and expressions that do nothing but name one, are used."""
    made: dict[str, Any] = {}
    if not isinstance(value, dict):
        return made
    if isinstance(value.get("is_rate_limited"), str):
        found.leave(f"{place}.is_rate_limited", "Statuses and words that vendors commonly use tell a limit; an expression does not.")
    if value.get("is_rate_limited") is False:
        return made
    for name, field in (("retry_after_header_expression", "retryAfterHeaders"), ("rate_limit_header_expression", "remainingHeader")):
        text = str(value.get(name) or "").strip()
        match = _HEADER_READ.match(text)
        header = text if _HEADER.match(text) else (match[1] or match[2]) if match else ""
        if header:
            made[field] = [header] if field == "retryAfterHeaders" else header
        elif field == "retryAfterHeaders" and _is_template(text):
            made["retryAfterExpression"] = text
        elif text:
            found.leave(f"{place}.{name}", "Only the name of a header is used here.")
    for name in sorted(set(value) - {"is_rate_limited", "retry_after_header_expression", "rate_limit_header_expression"}):
        found.leave(f"{place}.{name}", "This setting is not used here.")
    return made
