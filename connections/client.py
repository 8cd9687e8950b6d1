"""A connection's client: puts credentials on requests, renews a rejected token once, waits and repeats where that is safe."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from connections import outcomes, rates, tokens
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
T = TypeVar("T")


class CallError(Exception):
    """A call ended without a usable answer. The message is a sentence without secrets; `status` is the vendor's, if it answered."""

    def __init__(self, message: str, *, status: int | None = None, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.answer = answer


class Limited(CallError):
    """The vendor takes no calls for the next `wait` seconds, which is longer than the caller waits. Nothing is wrong otherwise."""

    def __init__(self, message: str, *, wait: float, status: int | None = None, answer: Answer | None = None) -> None:
        super().__init__(message, status=status, answer=answer)
        self.wait = wait


class Client:
    """Calls the API that `definition` describes, as whom `credentials` say. Use it as a context manager; one per thread."""

    def __init__(
        self, *, definition: Definition, credentials: Credentials, base: str, store: tokens.TokenStore, gate: rates.Gate | None = None
    ) -> None:
        self.definition = definition
        self.base = base
        self._credentials = credentials
        self._scheme = scheme_of(definition.auth)
        self._store = store
        self._gate = gate
        self._through: Callable[[Callable[[], Any]], Any] = _at_once
        self._transport = Transport()
        self._secrets = self._scheme.secrets(credentials)

    def twin(self, through: Callable[[Callable[[], Any]], Any]) -> Client:
        """A client of the same connection for another thread. What touches stored tokens is done by `through`, in the thread of this one."""
        twin = Client(definition=self.definition, credentials=self._credentials, base=self.base, store=self._store, gate=self._gate)
        twin._through = through
        return twin

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
        token = self._through(self._token)
        answer = self._exchange(outgoing, token)
        if answer.status == 401 and self._scheme.needs_token:
            self._through(lambda: self._store.drop(token))
            answer = self._exchange(outgoing, self._through(self._token))
        return answer

    def call(
        self, outgoing: Outgoing, *, pause: Callable[[float], None] = time.sleep, longest_wait: float = outcomes.LONGEST_WAIT
    ) -> Answer:
        """A successful answer, after as many repetitions as are safe. Raises `CallError`, and `Limited` where the vendor wants more
        than `longest_wait` seconds of rest.

        `pause` is called with the seconds to wait before a repetition, or before a request that a limit holds back; it may raise.
        """
        for attempt in range(1, ATTEMPTS + 1):
            self._pass_gate(pause, longest_wait)
            wait, failure = None, None
            try:
                answer = self.send(outgoing)
            except TransportError as error:
                if self._gate and not error.permanent:
                    self._gate.failed()
                if attempt == ATTEMPTS or not outcomes.may_repeat(outgoing, error, key_header=self.definition.idempotency_header):
                    raise CallError(self._outcome_unknown(outgoing, error)) from None
            else:
                failure = outcomes.read(answer)
                if failure.outcome is Outcome.SUCCESS:
                    if self._gate:
                        self._gate.succeeded()
                    return dataclasses.replace(answer, attempts=attempt) if attempt > 1 else answer
                wait = self._after(failure)
                again = failure.outcome in (Outcome.RETRY, Outcome.RATE_LIMITED) and outcomes.may_repeat(
                    outgoing, answer, key_header=self.definition.idempotency_header
                )
                if again and (wait or 0) > longest_wait:
                    raise Limited(self._failed(failure, answer), wait=wait or 0, status=answer.status, answer=answer)
                if attempt == ATTEMPTS or not again:
                    message = self._failed(failure, answer)
                    if failure.outcome is Outcome.RETRY and not again:
                        message += self._doubt(outgoing)
                    raise CallError(message, status=answer.status, answer=dataclasses.replace(answer, attempts=attempt))
            pause(wait if wait is not None else outcomes.FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
        raise AssertionError("the last attempt returns or raises")

    def _pass_gate(self, pause: Callable[[float], None], longest_wait: float) -> None:
        wait = self._gate.wait() if self._gate else 0.0
        if wait > longest_wait:
            raise Limited(f"The vendor is left alone for another {wait:.0f} seconds, as it asked or because it keeps failing.", wait=wait)
        if wait > 0:
            pause(wait)

    def _after(self, reading: outcomes.Reading) -> float | None:
        """Tell the gate what an answer means; the seconds to wait, None where the vendor names none."""
        if self._gate and reading.outcome is Outcome.RETRY:
            self._gate.failed()
        if self._gate and reading.outcome is Outcome.RATE_LIMITED and reading.wait:
            self._gate.block(reading.wait)
        return reading.wait

    def _exchange(self, outgoing: Outgoing, token: str) -> Answer:
        return self._transport.send(outgoing, additions=self._scheme.apply(self._credentials, token=token), credentials_origin=self.base)

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

    def _outcome_unknown(self, outgoing: Outgoing, error: TransportError) -> str:
        return error.message + (self._doubt(outgoing) if error.sent else "")

    @staticmethod
    def _doubt(outgoing: Outgoing) -> str:
        if outgoing.method in outcomes.SAFE_METHODS:
            return ""
        return f" Whether the vendor acted on the {outgoing.method} is unknown; look there before you run it again."


def _at_once(act: Callable[[], T]) -> T:
    return act()


def client_for(connection: Connection, definition: Definition) -> Client:
    """The client of a stored connection. Raises `CallError` if its secrets cannot be opened."""
    try:
        credentials = effective_credentials(connection, definition)
    except SecretError as error:
        raise CallError(str(error)) from None
    base = base_of(definition, connection.settings)
    return Client(
        definition=definition,
        credentials=credentials,
        base=base,
        store=tokens.StoredTokens(connection.pk),
        gate=rates.gate_of(base, credentials, per_minute=connection.settings.get("requestsPerMinute")),
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
