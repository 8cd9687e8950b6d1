"""How a document says that lists are walked and calls are limited."""

from __future__ import annotations

import re
from typing import Any, Final

from integrations import expressions
from integrations.definition import RateLimit
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


_LIMIT_KEYS: Final = {"is_rate_limited", "retry_after_header_expression", "rate_limit_header_expression"}


def rate_limit_of(value: Any, place: str, found: Read) -> dict[str, Any]:
    """A rate limit as its definition in JSON. The name of a header, and an expression that does nothing but name one, are read as
    headers; any other expression is evaluated for each answer."""
    made: dict[str, Any] = {}
    if not isinstance(value, dict) or value.get("is_rate_limited") is False:
        return made
    if isinstance(value.get("is_rate_limited"), str) and (text := _expression(value, "is_rate_limited", place, found)):
        made["isRateLimited"] = text
    for name, header_field, field in (
        ("retry_after_header_expression", "retryAfterHeaders", "retryAfter"),
        ("rate_limit_header_expression", "remainingHeader", "remaining"),
    ):
        text = str(value.get(name) or "").strip()
        match = _HEADER_READ.match(text)
        header = text if _HEADER.match(text) else (match[1] or match[2]) if match else ""
        if header:
            made[header_field] = [header] if header_field == "retryAfterHeaders" else header
        elif text and (expression := _expression(value, name, place, found)):
            made[field] = expression
    for name in sorted(set(value) - _LIMIT_KEYS):
        found.leave(f"{place}.{name}", "This setting is not used here.")
    return made


def _expression(value: dict[str, Any], name: str, place: str, found: Read) -> str:
    """An expression with its braces; "" for one that cannot be read, or says no more than that limits are told as usual."""
    text = str(value[name]).strip()
    if not text or text.lower() == "true":
        return ""
    text = text if "{{" in text else f"{{{{{text}}}}}"
    try:
        expressions.parse(text)
    except ValueError as error:
        found.leave(f"{place}.{name}", str(error))
        return ""
    return text


def rate_limit_written(limit: RateLimit) -> dict[str, Any]:
    """A rate limit as a document has it; empty for what is usual."""
    retry = limit.retry_after or next(iter(limit.retry_after_headers), "")
    left = limit.remaining or limit.remaining_header
    if not (retry or left or limit.is_rate_limited):
        return {}
    return {
        "is_rate_limited": limit.is_rate_limited or True,
        "retry_after_header_expression": retry or "Retry-After",
        **({"rate_limit_header_expression": left} if left else {}),
    }
