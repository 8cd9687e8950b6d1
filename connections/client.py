"""A connection's client: puts credentials on requests, renews a rejected token once, waits and repeats where that is safe."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, cast

from connections import outcomes, tokens
from connections.auth import Credentials, scheme_of
from connections.exchange import Answer, Outgoing, without_query
from connections.models import Connection, DefaultCredential
from connections.oauth import TokenError
from connections.outcomes import Outcome
from connections.secrets import SecretError, open_sealed, redact
from connections.transport import Transport, TransportError
from integrations.addresses import parse_base_uri
from integrations.definition import Definition, OAuth2Auth

ATTEMPTS = 4  # of one request, the first included


class CallError(Exception):
    """A call ended without a usable answer. The message is a sentence without secrets; `status` is the vendor's, if it answered."""

    def __init__(self, message: str, *, status: int | None = None, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.answer = answer


class Client:
    """Calls the API that `definition` describes, as whom `credentials` say. Use it as a context manager; one per thread."""

    def __init__(self, *, definition: Definition, credentials: Credentials, base: str, store: tokens.TokenStore) -> None:
        self.definition = definition
        self.base = base
        self._credentials = credentials
        self._scheme = scheme_of(definition.auth)
        self._store = store
        self._transport = Transport()
        self._secrets = self._scheme.secrets(credentials)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._transport.close()

    def redact(self, text: str) -> str:
        """The text without this connection's secrets."""
        return redact(text, self._secrets)

    def bare(self, url: str) -> str:
        """A URL as it may be kept: without the parameters that hold this connection's secrets; `send` adds them again."""
        return without_query(url, self._scheme.query_names)

    def send(self, outgoing: Outgoing) -> Answer:
        """The answer, whatever its status. A token that is rejected with 401 is renewed once. Raises `CallError`."""
        token = self._token()
        answer = self._exchange(outgoing, token)
        if answer.status == 401 and self._scheme.needs_token:
            self._store.drop(token)
            answer = self._exchange(outgoing, self._token())
        return answer

    def call(self, outgoing: Outgoing, *, before: Callable[[float], None] = lambda _: None) -> Answer:
        """A successful answer, after as many repetitions as are safe. Raises `CallError`.

        `before` is called with the seconds to wait before each repetition: a worker renews its lease there, or raises.
        """
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                answer = self.send(outgoing)
            except TransportError as error:
                if last or not outcomes.may_repeat(outgoing.method, error):
                    raise CallError(self._outcome_unknown(outgoing, error)) from None
                wait = None
            else:
                reading = outcomes.read(answer)
                if reading.outcome is Outcome.SUCCESS:
                    return answer
                wait = reading.wait
                again = reading.outcome in (Outcome.RETRY, Outcome.RATE_LIMITED) and outcomes.may_repeat(outgoing.method, answer)
                if last or not again or (wait or 0) > outcomes.LONGEST_WAIT:
                    raise CallError(self._failed(reading, answer), status=answer.status, answer=answer)
            pause = wait if wait is not None else outcomes.FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
            before(pause)
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _exchange(self, outgoing: Outgoing, token: str) -> Answer:
        additions = self._scheme.apply(self._credentials, token=token)
        return self._transport.send(outgoing, additions=additions, credentials_origin=outgoing.credentials_origin or self.base)

    def _token(self) -> str:
        if not self._scheme.needs_token:
            return ""
        token = self._store.get()
        if not token:
            try:
                fetched = tokens.fetch(self._transport, cast("OAuth2Auth", self.definition.auth), self._credentials, secrets=self._secrets)
            except TransportError as error:
                raise CallError(f"No access token could be fetched. {error.message}") from None
            except TokenError as error:
                raise CallError(error.message) from None
            token = self._store.put(fetched)
        if token not in self._secrets:
            self._secrets.append(token)
        return token

    def _failed(self, reading: outcomes.Reading, answer: Answer) -> str:
        if reading.outcome is Outcome.RATE_LIMITED and reading.wait:
            return f"The vendor limits how often it may be called ({answer.status}) and asks to wait {reading.wait:.0f} seconds. Try again then."
        said = self._what_it_said(answer)
        return f"{reading.message} It said: {said}" if said else reading.message

    def _what_it_said(self, answer: Answer) -> str:
        """The vendor's own message, if its answer holds one in a usual place."""
        try:
            document = answer.json()
        except ValueError:
            return ""
        found = _message_in(document)
        return self.redact(found)[:300] if found else ""

    @staticmethod
    def _outcome_unknown(outgoing: Outgoing, error: TransportError) -> str:
        if error.sent and outgoing.method not in outcomes.SAFE_METHODS:
            return f"{error.message} Whether the vendor acted on the {outgoing.method} is unknown; look there before you run it again."
        return error.message


def client_for(connection: Connection, definition: Definition) -> Client:
    """The client of a stored connection. Raises `CallError` if its secrets cannot be opened."""
    try:
        credentials = effective_credentials(connection, definition)
    except SecretError as error:
        raise CallError(str(error)) from None
    return Client(
        definition=definition,
        credentials=credentials,
        base=base_of(definition, connection.settings),
        store=tokens.StoredTokens(connection.pk),
    )


def effective_credentials(connection: Connection, definition: Definition) -> dict[str, str]:
    """The connection's own credentials over the integration's defaults. Raises `SecretError`."""
    own = open_sealed(connection.credential.sealed, context=connection.credential.context)
    return {**default_credentials(connection.integration_id, definition), **own}


def default_credentials(integration_id: Any, definition: Definition) -> dict[str, str]:
    """What a connection of this integration need not enter: the owner's defaults. Raises `SecretError`.

    Where the connection names the server there are no secrets among them: whoever connects could have them sent to a
    server of their own and read them there.
    """
    found: dict[str, str] = {}
    if isinstance(definition.auth, OAuth2Auth) and definition.auth.client_id and definition.auth.grant_type == "client_credentials":
        found["clientId"] = definition.auth.client_id
    row = DefaultCredential.objects.filter(pk=integration_id).first()
    if row and not definition.host_at_connect:
        known = {field.name for field in scheme_of(definition.auth).credential_fields()}
        found |= {name: value for name, value in open_sealed(row.sealed, context=row.context).items() if name in known}
    return found


def base_of(definition: Definition, settings: dict[str, Any]) -> str:
    """The base URI that a connection calls: the definition's, or the connection's own server with the definition's path.

    Raises `CallError` for a connection that was made before the definition left the host open.
    """
    if not definition.host_at_connect:
        return definition.api_base_uri
    if not settings.get("baseUri"):
        raise CallError(
            "The integration now asks each connection for the address of its own server, and this one has none. Add it to the connection."
        )
    own = parse_base_uri(str(settings["baseUri"]))
    return f"{own.origin}{own.path or definition.base.path}"


def _message_in(document: Any, depth: int = 0) -> str:
    if isinstance(document, str):
        return document.strip() if depth else ""
    if isinstance(document, list) and document and depth < 3:
        return _message_in(document[0], depth + 1)
    if isinstance(document, dict) and depth < 3:
        for key in ("detail", "message", "error_description", "error_message", "reason", "title", "error", "errors"):
            found = _message_in(document.get(key), depth + 1)
            if found:
                return found
    return ""
