"""Expression: JSONata says with what each page is asked for, and by giving nothing that there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from actions.pagination.following import Following
from actions.pagination.links import resolve_link
from actions.pagination.strategy import End, PageRequest, PageSeen, PaginationError, Token
from connections.bodies import text_of
from integrations import formulas
from integrations.definition import ExpressionPagination

LARGEST: Final = 20_000  # characters of the values of a page, which are stored with it
_PLACES: Final = {"query": "query", "headers": "header", "body": "body", "path": "path"}


class ExpressionStrategy(Following[ExpressionPagination]):
    """The values of a page are its position; a `url` among them stands apart, as a next link does."""

    pagination_type = "expression"

    def start(self) -> Token:
        return {"url": "", "values": {}}

    def first(self, page_size: int, about: Mapping[str, Any] | None = None) -> Token:
        token, known = super().first(page_size), dict(about or {})
        query = {"limit": token["size"], **(known.get("query") or {})}
        found = self._evaluated(self.pagination.first_expression, {**known, "query": query})
        return {**token, **self._position_of(found or {}, known.get("url") or "")}

    def request(self, token: Token) -> PageRequest:
        values, place = token["values"], self.pagination.values_location
        placed: list[tuple[str, str, Any]] = []
        for name, value in values.items():
            if name in _PLACES and isinstance(value, dict):
                placed += [(_PLACES[name], inner, item) for inner, item in value.items()]
            elif place != "templates":
                placed.append((place, name, value))
        asked = self._asks(
            *self._size(token),
            *((where, name, value if where == "body" else text_of(value)) for where, name, value in placed if value is not None),
        )
        return PageRequest(asked.params, token["url"], asked.headers, asked.path, asked.body, values=values)

    def _following(self, token: Token, page: PageSeen) -> Token | None:
        known = self._known(token, page)
        if self.pagination.next_expression:
            found = self._evaluated(self.pagination.next_expression, known)
        else:
            cursor = self._evaluated(self.pagination.cursor_expression, known)
            if not cursor:
                return None
            known["query"] = {**known["query"], "cursor": cursor, "next_cursor": cursor}
            found = self._evaluated(self.pagination.first_expression, known)
        return self._position_of(found, page.url) if found else None

    def _known(self, token: Token, page: PageSeen) -> dict[str, Any]:
        """What an expression reads after a page has come."""
        sent = page.sent
        url = sent.url if sent else page.url
        headers = {name.lower(): value for name, value in page.headers}
        return {
            "query": {"limit": token["size"], **dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))},
            "url": url,
            "requestOptions": {"method": sent.method if sent else "GET", "body": _document(sent.body if sent else None)},
            "response": {"status": page.status, "headers": headers, "body": page.body},
            "headers": headers,
            "body": page.body,
            "paginationValues": {**token["values"], **({"url": token["url"]} if token["url"] else {})},
            "records": {"count": page.count, "received": token["received"] + page.count, "last": page.last},
        }

    def _evaluated(self, expression: str, known: Mapping[str, Any]) -> Any:
        if not expression:
            return None
        try:
            return formulas.evaluate(expression, known)
        except formulas.FormulaError as error:
            raise PaginationError(f"{error} Correct it in the pagination.") from None

    def _position_of(self, found: Any, asked: str) -> Token:
        if not isinstance(found, dict):
            raise PaginationError(
                f"The expression of the pagination gives {str(found)[:50]} and not an object of values. Write for example "
                '{"page": paginationValues.page + 1}.'
            )
        values = dict(found)
        link = values.pop("url", None)
        if len(json.dumps(found, ensure_ascii=False)) > LARGEST:
            raise PaginationError(f"The values of a page have more than {LARGEST:,} characters. Keep only what the next request needs.")
        return {"url": resolve_link(str(link), asked) if link else "", "values": values}

    def _end_without(self, counted: Token, *, sure: bool) -> End:
        message = "The expression gives no values for a next page."
        return self._end(counted, "no_values", message if sure else f"{message} But the server says that there is more.", sure=sure)

    def _sends(self) -> list[tuple[str, str]]:
        try:
            first = self.request(self.first(1))
        except PaginationError:  # without the inputs of a run it may have no value
            return super()._sends()
        placed = [*(("query", name) for name, _ in first.params), *(("header", name) for name, _ in first.headers)]
        placed += [*(("path", name) for name in first.path), *(("body", name) for name in first.body)]
        return [*placed, *super()._sends()]


def _document(body: bytes | None) -> Any:
    """The body that was sent, as JSON where it is some."""
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None
