"""The texts of a definition with their placeholders filled in, for the calls of one connection; and what of them has to be hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from connections.auth import Credentials, scheme_of
from connections.destinations import base_of, lacks
from connections.redaction import holds, redact
from connections.retries import CallError
from connections.tokens.grants import Held, secrets_in
from connections.values import values_of
from integrations import expressions
from integrations.definition import Definition
from integrations.definition.parts import CONTROL

T = TypeVar("T")


class Placeholders:
    """What placeholders stand for: what was entered, the token that is held, who calls.

    `of_caller` are the values of `Caller`; `fetch_token` has a token held, for the texts that need one before any call did.
    """

    def __init__(
        self,
        definition: Definition,
        credentials: Credentials,
        settings: Mapping[str, Any],
        *,
        of_caller: Mapping[str, Any],
        fetch_token: Callable[[], object],
    ) -> None:
        self._definition = definition
        self._credentials = credentials
        self._settings = settings
        self.of_caller = of_caller
        self._fetch_token = fetch_token
        self._needs_token = scheme_of(definition.auth).needs_token
        # What comes out the same for every request is made once.
        self._same = not self._needs_token and not expressions.varies(definition.for_calls())
        self._made: dict[str, Any] = {}
        self.held = Held()
        self.secrets: list[str] = []
        self.hold(self.held)

    def hold(self, held: Held) -> None:
        """Take another token. What it brings has to be hidden from now on, and what the one before brought stays hidden."""
        self.held = held
        values = values_of(self._definition, self._credentials, self._settings, kept=held.kept)
        found = secrets_in(values, held, self._definition, self._credentials)
        self.secrets = list(dict.fromkeys([*self.secrets, *found]))

    def redact(self, text: str) -> str:
        """The text without this connection's secrets."""
        return redact(text, self.secrets)

    def holds_secret(self, text: str) -> bool:
        """Whether one of this connection's secrets stands in the text, in whatever form."""
        return holds(text, self.secrets)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` makes; where it cannot differ from one request to the next, made the first time only."""
        if not self._same:
            return make()
        if name not in self._made:
            self._made[name] = make()
        made: T = self._made[name]
        return made

    @property
    def base(self) -> str:
        """The base URI of this connection. Where it comes with a token, one is fetched. Raises `CallError`."""
        return self.once("base", self._base)

    def _base(self) -> str:
        if not (self._definition.host_at_connect or self._definition.has_placeholders):
            return self._definition.api_base_uri
        try:
            return base_of(self._definition, self._of_urls())
        except expressions.MissingValue as error:
            if not self._needs_token or self.held.value:
                raise CallError(lacks(error)) from None
        self._fetch_token()
        try:
            return base_of(self._definition, self._of_urls())
        except expressions.MissingValue as error:
            raise CallError(lacks(error)) from None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers that go along with every request. Raises `CallError`."""
        return self.once("headers", lambda: [pair for pair in self.in_headers(self._definition.headers).items() if pair[1]])

    @property
    def query(self) -> dict[str, str]:
        """The parameters that go along with every request. Raises `CallError`."""
        return self.once("query", lambda: self._in_texts(self._definition.query))

    def in_headers(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Headers by name, filled in. Raises `CallError`, also for a value that is more than one line."""
        found = self._in_texts(texts)
        for name, value in found.items():
            if CONTROL.search(value):
                raise CallError(f"What would be sent in the header {name} holds a line break or another control character. Correct it.")
        return found

    def in_url(self, text: str) -> str:
        """A URL or a part of one, filled in. Raises `CallError`."""
        try:
            return expressions.render_url(text, self._of_urls())
        except expressions.MissingValue as error:
            raise CallError(lacks(error)) from None
        except ValueError as error:
            raise CallError(self.redact(str(error))) from None

    def in_document(self, document: Any) -> Any:
        """JSON values with the texts in them filled in. Raises `CallError`."""
        try:
            return expressions.render_all(document, self.values())
        except expressions.MissingValue as error:
            raise CallError(lacks(error)) from None

    def values(self, **more: Any) -> dict[str, Any]:
        """What placeholders read, by root, with the token that is held at the moment."""
        return self._values(**more, **self.of_caller)

    def _of_urls(self) -> dict[str, Any]:
        """What placeholders of base and ping URLs read: of the caller only who it is at the vendor, which its owner has mapped."""
        return self._values(mapping=self.of_caller.get("mapping", {}))

    def _values(self, **more: Any) -> dict[str, Any]:
        held = self.held
        found = values_of(self._definition, self._credentials, self._settings, kept=held.kept, **more)
        if self._needs_token:
            found["token"] = held.value
            found["oauth"] = {"token": {"access_token": held.value, **held.kept}}
            if held.scheme:
                found["tokenScheme"] = held.scheme
        return found

    def _in_texts(self, texts: Mapping[str, str]) -> dict[str, str]:
        if not texts:
            return {}
        try:
            if self._needs_token and not self.held.value and any("token" in path for path in expressions.paths_of(dict(texts))):
                self._fetch_token()
            values = self.values()
            return {name: expressions.render(text, values) for name, text in texts.items()}
        except expressions.MissingValue as error:
            raise CallError(lacks(error)) from None
        except ValueError as error:
            raise CallError(self.redact(str(error))) from None
