"""Link and pointer: the answer names the next page, and tells by naming none that it is the last."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from actions.pagination.links import parse_links, resolve_link
from actions.pagination.strategy import End, Next, P, PageRequest, PageSeen, PaginationError, Strategy, Token
from integrations import paths
from integrations.definition import LinkPagination, PointerPagination


class Following(Strategy[P]):
    """A page may be empty and still name a next one, unless the settings take an empty page for the end."""

    def advance(self, token: Token, page: PageSeen) -> Next | End:
        if self.ends_with(token, page.status):
            return self._end_by_status(token, page)
        counted = self._counted(token, page)
        more = self._more(page)
        if page.count == 0 and self._setting("empty_page_ends"):
            return self._end(counted, "empty_page", "An empty page followed.", sure=not (more and self._flag_is_declared))
        if more is False and self._flag_is_declared:
            return self._end(counted, "no_more", "The server says that no page follows.")
        following = self._following(token, page)
        if following is None:
            return self._end_without(counted, sure=not (more and self._flag_is_declared))
        if "pages" in counted and token["number"] >= counted["pages"]:
            return self._end(counted, "total", f"All {counted['pages']:,} pages that the server counts were received.")
        return Next({**counted, **following})

    @abstractmethod
    def _following(self, token: Token, page: PageSeen) -> Token | None:
        """The next position, None where the answer names none. Raises PaginationError."""

    @abstractmethod
    def _end_without(self, counted: Token, *, sure: bool) -> End:
        """The end of a list whose last page names no next position."""


class LinkStrategy(Following[LinkPagination]):
    """The answer names the URL of the next page. The caller decides by its origin who gets the credentials."""

    pagination_type = "link"

    def start(self) -> Token:
        return {"url": ""}

    def request(self, token: Token) -> PageRequest:
        asked = self._asks(*self._size(token))
        if not token["url"]:
            return asked
        # The link holds its own query; a page size in a header or a body is no part of it and goes along.
        return replace(asked, params=[], url=token["url"], restore=self.pagination.restore_params)

    def _following(self, token: Token, page: PageSeen) -> Token | None:  # noqa: ARG002
        link = self._in_header(page) if self.pagination.next_link_location == "header" else self._in_body(page)
        return {"url": resolve_link(link, page.url)} if link else None

    def _end_without(self, counted: Token, *, sure: bool) -> End:
        message = "The last page names no next one."
        return self._end(counted, "no_next_link", message if sure else f"{message} But the server says that there is more.", sure=sure)

    def _in_header(self, page: PageSeen) -> str:
        values = page.headers.get_all(self.pagination.response_header_name)
        rel = self.pagination.response_header_rel.lower()
        for value in values:
            if "<" not in value and value.strip():
                return value.strip()
        for target, params in parse_links(values):
            if rel in params.get("rel", "").lower().split():
                # Sentry always names a next page and says with a parameter whether anything is on it.
                return "" if params.get("results", "").lower() == "false" else target
        return ""

    def _in_body(self, page: PageSeen) -> str:
        key = self.pagination.next_page_key
        found = paths.extract(page.body, key)
        if isinstance(found, list):
            found = found[0] if found else None
        if isinstance(found, dict):
            found = found.get("href") or found.get("url")
        if not found:
            return ""
        if not isinstance(found, str):
            raise PaginationError(
                f"The next page key {key} leads to {str(found)[:50]}, which is not a link. For a cursor or a number choose the pagination type pointer."
            )
        return found.strip()


class PointerStrategy(Following[PointerPagination]):
    """The answer holds a cursor. A page may be empty and still have one; null, "", false and 0 end the list."""

    pagination_type = "pointer"

    def start(self) -> Token:
        return {"cursor": self.pagination.first_cursor or None}

    def request(self, token: Token) -> PageRequest:
        settings, cursor = self.pagination, token["cursor"]
        return self._asks(*self._size(token), *([(settings.after_location, settings.after_param, cursor)] if cursor is not None else []))

    def _following(self, token: Token, page: PageSeen) -> Token | None:  # noqa: ARG002
        found = self._found(page)
        if isinstance(found, list):
            # A path over all records means the last one.
            found = found[-1] if found else None
        if not found:
            return None
        if isinstance(found, dict | list) or found is True:
            raise PaginationError(
                f"The pointer path {self.pagination.pointer_path} leads to no text and no number. Correct the path to the cursor."
            )
        match self.pagination.pointer_form:
            case "url":
                return {"cursor": self._in_url(str(found))}
            case "encoded":
                return {"cursor": unquote(str(found))}
        return {"cursor": found}

    def _found(self, page: PageSeen) -> Any:
        match self.pagination.pointer_location:
            case "header":
                return page.headers.get(self.pagination.pointer_header).strip()
            case "record":
                return paths.extract(page.last, self.pagination.pointer_path) if isinstance(page.last, dict | list) else page.last
        return paths.extract(page.body, self.pagination.pointer_path)

    def _in_url(self, url: str) -> str:
        """The cursor within a URL: its parameter of the name under which it is sent back."""
        name = self.pagination.after_param
        name = name.rpartition(".")[2] if self.pagination.after_location == "body" else name
        try:
            values = parse_qs(urlsplit(url).query).get(name)
        except ValueError:
            values = None
        if not values:
            raise PaginationError(
                f"The pointer is to be a URL with the parameter {name}, and there is none. "
                "Correct the after parameter, or say that the pointer is the cursor itself."
            )
        return values[0]

    def _end_without(self, counted: Token, *, sure: bool) -> End:
        message = "The last page holds no cursor for a next one."
        return self._end(counted, "no_cursor", message if sure else f"{message} But the server says that there is more.", sure=sure)

    def _sends(self) -> list[tuple[str, str]]:
        return [(self.pagination.after_location, self.pagination.after_param), *super()._sends()]
