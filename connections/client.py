"""A connection's client: puts credentials on requests, renews a rejected token once, waits and repeats where that is safe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings as django_settings

from connections import rates, request_log
from connections.agents.route import MARK, Route
from connections.answers import outcomes
from connections.answers.outcomes import Outcome, Reading
from connections.answers.rules import Rules, rules_of, said_in
from connections.auth import Credentials, scheme_of
from connections.callers import Caller, reads_caller
from connections.destinations import lacks
from connections.exchange import Additions, Answer, Outgoing, with_query, without_query
from connections.journal import DEBUG_BYTES, KEPT_BYTES, Entry, Journal, entry_of
from connections.models import Connection
from connections.network import Network
from connections.placeholders import Placeholders
from connections.retries import CallError, repeated
from connections.secrets import SecretError
from connections.tokens import stores
from connections.tokens.answers import Token, TokenError, signals
from connections.tokens.grants import Held, Issuer
from connections.transport import Digest, Exchange, Streamed, Transport, TransportError
from connections.values import of_request
from integrations import expressions
from integrations.definition import Definition, DigestAuth, TokenPart
from integrations.operation import Operation

T = TypeVar("T")
# Not looked up by `reverse`: that loads every view of the application, a second's work and 20 MB that a worker does not need.
CALLBACK_PATH: Final = "oauth2/callback"


class Client:
    """Calls the API that `definition` describes, as whom `credentials` and `settings` say. Use it as a context manager; one per thread."""

    def __init__(
        self,
        *,
        definition: Definition,
        credentials: Credentials,
        settings: Mapping[str, Any],
        store: stores.TokenStore,
        network: Network | None = None,
        route: Route | None = None,
        caller: Caller | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.definition = definition
        self.placeholders = Placeholders(
            definition,
            credentials,
            settings,
            # Looked up here: the threads that fetch pages have no connection to the database.
            of_caller=caller.values() if caller and reads_caller(definition) else {},
            fetch_token=self._token,
        )
        self.issuer = Issuer(definition, credentials, settings, redirect_uri(), route, network or Network())
        self._credentials = credentials
        self._settings = settings
        self._scheme = scheme_of(definition.auth)
        self._store = store
        self._gate = rates.Gate()
        self._through: Callable[[Callable[[], Any]], Any] = _at_once
        try:
            shared = transport is not None and self.issuer.network == Network() and route is None
            self._transport = transport if transport and shared else Transport(network=self.issuer.network, route=route)
        except TransportError as error:
            raise CallError(error.message, blame=error.blame, cause=error.cause) from None
        except ValueError as error:
            raise CallError(str(error), blame="us", cause="proxy") from None
        self._shares_transport = shared
        if not shared:  # one that others use at the same time cannot say whose exchange it was
            self._transport.observe = self._observed
        self._rules = rules_of(definition)
        self._learned: list[str] | None = None  # while a token is fetched: what must not be shown of that
        self.journal = Journal()
        self._connection: Connection | None = None
        self._log: Callable[[list[Entry]], None] | None = None
        self._digest = (
            Digest(credentials.get("username", ""), credentials.get("password", "")) if isinstance(definition.auth, DigestAuth) else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._shares_transport:
            self._transport.close()
        self.write_log()

    def write_log(self) -> None:
        """Write down what was sent since the last time, where it is kept. Only in the thread that may use the database."""
        if self._log is not None and len(self.journal):
            self._log(self.journal.take())

    def of_connection(self, connection: Connection) -> None:
        """Have what is sent written into the request log of a stored connection."""
        self._connection = connection
        self.journal.keeps_bytes = DEBUG_BYTES if request_log.is_debugged(connection) else KEPT_BYTES
        self.belongs_to(request_log.Label())

    def belongs_to(self, label: request_log.Label) -> None:
        """Have the request log say what the calls are for. For a client of a stored connection."""
        if self._connection is not None:
            self._log = partial(request_log.keep, self._connection.pk, label=label)
            # A test shows what it sent, whether or not it is logged.
            self.journal.is_read = bool(django_settings.REQUEST_LOG_DAYS) or label.source != "run"

    @property
    def base(self) -> str:
        """The base URI of this connection. Where it comes with a token, one is fetched. Raises `CallError`."""
        return self.placeholders.base

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers that go along with every request, their placeholders filled in. Raises `CallError`."""
        return self.placeholders.headers

    @property
    def values(self) -> dict[str, Any]:
        """What placeholders of an operation read, an access token included. Raises `CallError`."""
        self._token()
        return self.placeholders.values()

    def use(self, store: stores.TokenStore) -> None:
        """Take the tokens from a store."""
        self._store = store
        with suppress(SecretError):  # said when a token is needed
            self.placeholders.hold(store.held())

    def keep_to(self, gate: rates.Gate) -> None:
        """Have every call of this client pass a gate that others share."""
        self._gate = gate

    def twin(self, through: Callable[[Callable[[], Any]], Any]) -> Client:
        """A client of the same connection for another thread. What touches stored tokens is done by `through`, in the thread of this one."""
        twin = Client(
            definition=self.definition,
            credentials=self._credentials,
            settings=self._settings,
            store=self._store,
            network=self.issuer.own_network,
            route=self.issuer.route,
        )
        twin.placeholders.of_caller = self.placeholders.of_caller
        twin.placeholders.hold(self.placeholders.held)
        twin._gate, twin._through, twin.journal = self._gate, through, self.journal
        return twin

    def entry_of(self, exchange: Exchange, *, answer_size: int) -> Entry:
        """An exchange of `open` as the request log keeps it; of its answer's `answer_size` bytes the body is the beginning."""
        return entry_of(exchange, self.placeholders.secrets, keeps=self.journal.keeps_bytes, answer_size=answer_size)

    def redact(self, text: str) -> str:
        """The text without this connection's secrets."""
        return self.placeholders.redact(text)

    def renew_token(self) -> None:
        """Fetch a new token now, because somebody asks for it. Raises `CallError`."""
        if not self._scheme.needs_token:
            raise CallError("This method of authentication has no token to renew.")
        self._token(reason="manual")

    def renewed(self, *, rejected: str = "") -> Held:
        """The token to use and what came with it; one that is equal to `rejected` is renewed. Raises `CallError`."""
        self._token(rejected=rejected)
        return self.placeholders.held

    def bare(self, url: str) -> str:
        """A URL as it may be kept: without the parameters that hold this connection's secrets; `send` adds them again."""
        secret = {
            name
            for name, text in self.definition.query.items()
            if any(path.startswith(("credentials.", "token", "oauth.")) for path in expressions.parse(text).paths)
        }
        return without_query(url, self._scheme.query_names | secret)

    def rules_for(self, operation: Operation) -> Rules:
        """What is said of the answers to an action: its own rules, then the integration's."""
        return rules_of(self.definition, operation)

    def judge(self, answer: Answer, rules: Rules | None = None) -> Reading:
        """What an answer means, by `rules` (by default the integration's) and what is usual. A connection that has to be
        authorized again is told so."""
        reading = outcomes.read(answer, self._rules if rules is None else rules)
        if reading.ruled:
            reading = replace(reading, message=self.redact(reading.message), decided_by=self.redact(reading.decided_by))
        if reading.outcome is Outcome.REAUTHORIZE:
            self._through(lambda: self._store.refuse(reading.message))
        return reading

    def send(self, outgoing: Outgoing, *, base: str = "", rules: Rules | None = None) -> Answer:
        """The answer, whatever its status. A token that is rejected is renewed once. Raises `CallError` and `TransportError`.

        Credentials go to the origin of `base`, by default the connection's. `rules` are those of the action, by default
        the integration's.
        """
        base = base or self.base
        token = self._token()
        answer = self._exchange(outgoing, base)
        rejected = self._scheme.needs_token and not outgoing.bare and self._rejects(answer, self._rules if rules is None else rules)
        if rejected and self._token(rejected=token) != token:
            return self._exchange(outgoing, base)
        if self._digest and answer.status == 401 and any(map(self._digest.challenged, answer.headers.get_all("WWW-Authenticate"))):
            return self._exchange(outgoing, base)
        return answer

    def open(self, outgoing: Outgoing, *, base: str = "") -> Streamed:
        """The head of an answer and its body as it comes, redirects included; otherwise as `send`."""
        base = base or self.base
        token = self._token()
        answer = self._opened(outgoing, base)
        if self._scheme.needs_token and self._rejects_head(answer):
            try:
                renewed = self._token(rejected=token)
            except CallError:
                answer.close()
                raise
            if renewed != token:
                answer.close()
                return self._opened(outgoing, base)
        if self._digest and answer.status == 401 and any(map(self._digest.challenged, answer.headers.get_all("WWW-Authenticate"))):
            answer.close()
            return self._opened(outgoing, base)
        return answer

    def _opened(self, outgoing: Outgoing, base: str) -> Streamed:
        return self._transport.open(self._completed(outgoing), additions=self._additions(outgoing), credentials_origin=base)

    def call(
        self,
        outgoing: Outgoing,
        *,
        pause: Callable[[float], None] = time.sleep,
        longest_wait: float = outcomes.LONGEST_WAIT,
        rules: Rules | None = None,
    ) -> Answer:
        """A successful answer, after as many repetitions as are safe. Raises `CallError`, and `Limited` where the vendor wants more
        than `longest_wait` seconds of rest.

        `pause` is called with the seconds to wait before a repetition, or before a request that a limit holds back; it may
        raise. `rules` as for `send`.
        """
        return repeated(
            lambda request: self.send(request, rules=rules),
            outgoing,
            gate=self._gate,
            judge=lambda answer: self.judge(answer, rules),
            key_header=self.definition.idempotency_header,
            pause=pause,
            longest_wait=longest_wait,
            said=self._what_it_said,
        )

    def _exchange(self, outgoing: Outgoing, base: str) -> Answer:
        origin = outgoing.credentials_origin or base
        return self._transport.send(
            self._completed(outgoing),
            additions=self._additions(outgoing),
            credentials_origin=origin,
            drops_credentials=self.definition.skip_follow_authorization_header,
        )

    def _completed(self, outgoing: Outgoing) -> Outgoing:
        """With the integration's parameters, where the request has none of that name."""
        query = self.placeholders.query
        if not query:
            return outgoing
        present = {name for name, _ in parse_qsl(urlsplit(outgoing.url).query, keep_blank_values=True)}
        added = [(name, value) for name, value in query.items() if value and name not in present]
        return replace(outgoing, url=with_query(outgoing.url, added)) if added else outgoing

    def _additions(self, outgoing: Outgoing) -> Additions:
        if outgoing.bare:
            return Additions()
        if self._digest:  # another answer to every challenge
            return self._new_additions(outgoing)
        return self.placeholders.once("additions", lambda: self._new_additions(outgoing))

    def _new_additions(self, outgoing: Outgoing) -> Additions:
        route = self.issuer.route
        if route and route.credential:
            return Additions(headers=[(MARK, route.credential)])
        held, values = self.placeholders.held, self.placeholders.values(request=of_request(outgoing))
        try:
            added = self._scheme.apply(self._credentials, token=held.value, values=values)
        except expressions.MissingValue as error:
            raise CallError(lacks(error)) from None
        except ValueError as error:
            raise CallError(self.redact(str(error))) from None
        added.cookies.extend(held.cookies.items())
        if self._digest and (header := self._digest.header(outgoing.method, outgoing.url)):
            added.headers.append(("Authorization", header))
        return added

    def _rejects(self, answer: Answer, rules: Rules) -> bool:
        """Whether an answer says that the token is no longer accepted."""
        if any(rule.outcome == "refresh_token" for rule in rules.rules):
            reading = outcomes.read(answer, rules)
            if reading.ruled:
                return reading.outcome is Outcome.REFRESH_TOKEN
        auth = self.definition.auth
        signal = auth.rejected if isinstance(auth, TokenPart) else None
        if signal is None:
            return answer.status == 401
        document = None
        if signal.path:
            try:
                document = answer.json()
            except ValueError:
                return False
        return signals(signal, answer, document)

    def _rejects_head(self, answer: Streamed) -> bool:
        """The same by status alone: what only the body tells, the caller gets to read."""
        auth = self.definition.auth
        statuses = auth.rejected.statuses if isinstance(auth, TokenPart) else [401]
        return answer.status in statuses

    def _token(self, *, rejected: str = "", reason: str = "") -> str:
        """The token to use, fetched or renewed if need be; "" for a method without tokens. Raises `CallError`."""
        if not self._scheme.needs_token:
            return ""
        held = self.placeholders.held
        if not rejected and not reason and held.fresh(datetime.now(UTC)):
            return held.value  # a walk over many pages need not look into the database for each
        why = reason or ("rejected" if rejected else "needed")
        try:
            held = self._through(lambda: self._store.renew(self._obtain, rejected=rejected, reason=why))
        except TransportError as error:
            raise CallError(f"No access token could be fetched. {error.message}", blame=error.blame, cause=error.cause) from None
        except TokenError as error:
            raise CallError(self.redact(error.message), blame="you" if error.permanent else "vendor", cause="token") from None
        except SecretError as error:
            raise CallError(str(error)) from None
        self.placeholders.hold(held)
        return held.value

    def _obtain(self, held: Held) -> Token:
        if self._shares_transport:  # which cannot say whose exchange it was
            with Transport() as own:
                learned = list(self.placeholders.secrets)
                own.observe = partial(self._observed, learned=learned)
                return self.issuer.obtain(held, own, secrets=learned)
        self._learned = list(self.placeholders.secrets)
        try:
            return self.issuer.obtain(held, self._transport, secrets=self._learned)
        finally:
            self._learned = None

    def _observed(self, exchange: Exchange, *, learned: list[str] | None = None) -> None:
        """Take an exchange down. One for a token shares the list of what must not be shown with whoever fetches it, which grows."""
        learned = self._learned if learned is None else learned
        self.journal.add(exchange, self.placeholders.secrets if learned is None else learned, for_token=learned is not None)

    def _what_it_said(self, answer: Answer) -> str:
        """The vendor's own message, if its answer holds one in a usual place."""
        try:
            document = answer.json()
        except ValueError:
            return ""
        found = said_in(document)
        return self.redact(found)[:300] if found else ""


def _at_once(act: Callable[[], T]) -> T:
    return act()


def redirect_uri() -> str:
    """Junction's own address for the answers of vendors' authorization pages; the one to register there."""
    return f"{django_settings.PUBLIC_URL}/{CALLBACK_PATH}"
