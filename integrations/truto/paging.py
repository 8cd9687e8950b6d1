"""How a document says that lists are walked and calls are limited."""

from __future__ import annotations

import re
from typing import Any, Final

from integrations import formulas
from integrations.truto.found import Read

_HEADER = re.compile(r"^[A-Za-z0-9-]+$")
# An expression that does nothing but name a header: $number(headers.`x-reset`), headers["x-reset"], {{headers.x}}.
_HEADER_READ = re.compile(
    r"""^(?:\$number\(\s*)?\$?headers(?:\.([A-Za-z0-9]+)|\.`([A-Za-z0-9-]+)`|\."([A-Za-z0-9-]+)"|\[['"]([A-Za-z0-9-]+)['"]\])\s*\)?$"""
)
# Their expressions of the format dynamic, by ours; the names are written with and without the last word.
EXPRESSIONS: Final = {
    "first_expression": "get_initial_pagination_values",
    "next_expression": "get_pagination_values",
    "cursor_expression": "get_cursor_from_response",
}


class _Config:
    """The settings of a pagination; those that were read are known, and the others are left."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config, self._read = config, set[str]()

    def take(self, *names: str, default: Any = "") -> Any:
        """The first of these that is there and not empty; they are spellings of the same setting."""
        self._read.update(names)
        return next((value for name in names if (value := self._config.get(name)) not in (None, "")), default)

    def number(self, *names: str, default: int) -> int:
        value = self.take(*names, default=default)
        return int(value) if isinstance(value, int | str) and str(value).isdecimal() else default

    @property
    def rest(self) -> list[str]:
        return sorted(set(self._config) - self._read)


def pagination_of(value: Any, place: str, found: Read) -> dict[str, Any] | None:
    """A pagination as its definition in JSON; None for none."""
    if not isinstance(value, dict) or not value.get("format"):
        return None
    config = _Config(value["config"] if isinstance(value.get("config"), dict) else {})
    made = _made(str(value["format"]), config, place)
    if made is None:
        found.leave(place, f"The format {value['format']} is not known here; the first page is all.")
        return None
    if made["type"] == "expression" and not (made["nextExpression"] or made["cursorExpression"]):
        found.leave(place, "No expression gives the values of a next page, so that the first one is all.")
        return None
    for name in config.rest:
        found.leave(f"{place}.config.{name}", "This setting is not used here.")
    return made


def _made(kind: str, config: _Config, place: str) -> dict[str, Any] | None:
    match kind:
        case "page":
            start = config.number("start_page", "page_start", default=1)
            return {"type": "page", "pageParam": config.take("page_key", "page_param", default="page"), "startPage": start, **_size(config)}
        case "offset":
            start = config.number("start_offset", default=0)
            name = config.take("offset_key", "offset_param", default="offset")
            return {"type": "index", "indexParam": name, "startIndex": start, **_size(config)}
        case "cursor":
            return _cursor(config)
        case "link_header":
            name, rel = config.take("header_name", default="link"), config.take("rel", default="next")
            return {"type": "link", "nextLinkLocation": "header", "responseHeaderName": name, "responseHeaderRel": rel, **_size(config)}
        case "range":
            return {"type": "range", "rangeUnit": config.take("range_unit", "unit", default="items")}
        case "dynamic":
            expressions = {ours: str(config.take(f"{name}_expression", name)) for ours, name in EXPRESSIONS.items()}
            for ours, name in EXPRESSIONS.items():
                _check(expressions[ours], f"{place}.config.{name}_expression")
            camel = {ours.replace("_expression", "Expression"): text for ours, text in expressions.items()}
            return {"type": "expression", **camel, **_size(config)}
    return None


def _cursor(config: _Config) -> dict[str, Any]:
    size = _size(config)
    path = config.take("cursor_path")
    config.take("use_content_hash")  # pages that repeat are always told by their content
    if config.take("is_link", default=False):
        return {"type": "link", "nextLinkLocation": "body", "nextPageKey": path, **size}
    made = {"type": "pointer", "afterParam": config.take("cursor_key", "cursor_param", default="cursor"), **size}
    made["hasMorePath"] = config.take("has_next_path")
    if config.take("cursor_path_object") in ("header", "headers"):
        made |= {"pointerLocation": "header", "pointerHeader": path}
    else:
        made["pointerPath"] = path
    if config.take("is_cursor_url_encoded", default=False):
        made["pointerForm"] = "encoded"
    if config.take("add_to_body", default=False):
        made |= {"afterLocation": "body", "pageSizeLocation": "body"}
    config.take("add_to_query", default=True)
    if config.take("limit_data_type") == "string":
        made["numbersAsText"] = True
    if config.take("ignore_limit_in_pagination", default=False):
        made["pageSizeFirstOnly"] = True
    if config.take("allow_empty_page_cursor", default=None) is False:
        made["emptyPageEnds"] = True
    return made


def _size(config: _Config) -> dict[str, Any]:
    size: dict[str, Any] = {"pageSizeParam": config.take("limit_key", "limit_param")}
    if most := config.number("max_limit", default=0):
        size |= {"maxPageSize": most, "defaultPageSize": min(most, 1000)}
    return size


def rate_limit_of(value: Any, place: str, found: Read) -> dict[str, Any]:
    """A rate limit as its definition in JSON: names of headers, and expressions."""
    made: dict[str, Any] = {}
    if not isinstance(value, dict) or value.get("is_rate_limited") is False:
        return made
    limited = _text(value, "is_rate_limited", place)
    if limited.lower() == "false":
        return made
    if limited and limited.lower() != "true":
        made["limitedExpression"] = limited
    if after := _text(value, "retry_after_header_expression", place):
        name = _header(after)
        made |= {"retryAfterHeaders": [name]} if name else {"waitExpression": after}
    if reset := _text(value, "rate_limit_header_expression", place):
        name = _header(reset)
        if name and "remaining" in name.lower():
            made["remainingHeader"] = name
        else:
            made |= {"resetHeaders": [name]} if name else {"resetExpression": reset}
    for name in sorted(set(value) - {"is_rate_limited", "retry_after_header_expression", "rate_limit_header_expression"}):
        found.leave(f"{place}.{name}", "This setting is not used here.")
    return made


def _text(value: dict[str, Any], name: str, place: str) -> str:
    """The expression at a name, without the braces of a placeholder. Raises `ValueError`."""
    text = value.get(name)
    if not isinstance(text, str):
        return ""
    text = text.strip()
    if text.startswith("{{") and text.endswith("}}"):
        text = text[2:-2].strip()
    if not _HEADER.match(text):
        _check(text, f"{place}.{name}")
    return text


def _check(expression: str, place: str) -> None:
    try:
        if expression:
            formulas.check(expression.strip().removeprefix("{{").removesuffix("}}"))
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _header(text: str) -> str:
    """The header that a text names, or that an expression does nothing but read; "" for any other expression."""
    if _HEADER.match(text):
        return text
    match = _HEADER_READ.match(text)
    return next((name for name in match.groups() if name), "") if match else ""
