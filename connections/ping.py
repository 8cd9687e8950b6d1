"""Testing a connection: one request, and what its answer says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from connections import bodies, media
from connections.answers import rules
from connections.answers.advice import advice_for, cause_of, is_page, skew_of
from connections.answers.outcomes import Outcome
from connections.client import Client
from connections.exchange import Answer, Outgoing, shown
from connections.journal import Entry
from connections.retries import CallError
from connections.transport import TransportError
from integrations import paths
from integrations.definition import BlameName, Ping
from integrations.storable import mended

_SHOWN = 300  # characters of what the vendor said


@dataclass(frozen=True)
class TestResult:
    """`status` is the vendor's HTTP status, None where no answer came; `elapsed_ms` the time of the request.

    `sent` is the request as it went out and what came back, without secrets. `decided_by` names the part of the answer
    that decided, `cause` the failure as `connections.answers.advice` knows it, `blame` who can mend it.
    """

    ok: bool
    status: int | None
    message: str
    elapsed_ms: int = 0
    sent: Entry | None = None
    decided_by: str = ""
    cause: str = ""
    blame: BlameName | None = None
    reauthorize: bool = False

    def __post_init__(self) -> None:
        for name in ("message", "decided_by"):
            object.__setattr__(self, name, mended(getattr(self, name)))  # they may quote the vendor

    @property
    def advice(self) -> str:
        """What to do about it, in a sentence."""
        return "" if self.ok else advice_for(self.cause)


def ping(client: Client) -> TestResult:
    """Send the ping request. Of several URIs the first counts that the vendor accepts. Never raises for what it or the network does."""
    request = client.definition.ping or Ping()
    result = TestResult(False, None, "")
    for uri in (request.uri, *request.alternatives):
        result = _once(client, request, uri)
        if result.ok:
            break
    return result


def _once(client: Client, request: Ping, uri: str) -> TestResult:
    try:
        base = client.placeholders.in_url(request.base_uri) if request.base_uri else client.base
        url = _join(base, client.placeholders.in_url(uri) if uri else "")
        own = client.placeholders.in_headers(request.headers)
        headers = [pair for pair in client.headers if pair[0].lower() not in {name.lower() for name in own}] + list(own.items())
        body = None
        if request.body is not None:
            kind = bodies.TYPES[client.definition.media_types.request or "json"]
            encoded = bodies.encode(client.placeholders.in_document(request.body), kind, {})
            body = encoded.content
            headers += [] if any(name.lower() == "content-type" for name, _ in headers) else [("Content-Type", encoded.content_type)]
        answer = client.send(Outgoing(request.method, url, headers, body), base=base)
    except (TransportError, CallError) as error:
        status, blame = getattr(error, "status", None), error.blame
        return TestResult(False, status, client.redact(error.message), sent=client.journal.last(), cause=error.cause, blame=blame)
    except ValueError as error:
        return TestResult(False, None, f"The request of the test cannot be made. {error}", cause="invalid", blame="us")
    result = _Judge(client, request, answer, url).result()
    return replace(
        result,
        message=client.redact(result.message),
        decided_by=client.redact(result.decided_by),
        elapsed_ms=answer.elapsed_ms,
        sent=client.journal.last(),
    )


class _Judge:
    """What the answer to a test says. A sign of failure counts first, then rules and status, then the sign of success."""

    def __init__(self, client: Client, request: Ping, answer: Answer, url: str) -> None:
        self.client, self.request, self.answer, self.url = client, request, answer, url
        self.status = answer.status

    def result(self) -> TestResult:
        return self._failed() or self._refused() or self._page() or self._unread() or self._succeeded()

    def _failed(self) -> TestResult | None:
        """The sign of failure, which wins even on a 2xx."""
        request = self.request
        if not request.fail_path:
            return None
        found = paths.extract(self._document(), request.fail_path)
        for value in found if isinstance(found, list) and found else [found]:
            if rules.holds(value, request.fail_values):
                message = f"The vendor's answer says that it failed ({self.status})."
                return self._no(message, "fail_path", rules.shown(request.fail_path, value), "you")
        return None

    def _refused(self) -> TestResult | None:
        reading = self.client.judge(self.answer)
        if reading.is_fine:
            return None
        now = datetime.now(UTC)
        cause = cause_of(self.answer, asked=self.url, now=now)
        if reading.ruled and self.status < 400:
            cause = "rule"
        if reading.outcome is Outcome.REAUTHORIZE:
            result = self._no(reading.message, "reauthorize", reading.decided_by, "you", quotes=not reading.is_worded)
            return replace(result, reauthorize=True)
        if self.client.definition.ping is None and self.status in (404, 405):
            message = "The server answers, but the integration names no ping URI, so the credentials could not be checked."
            return self._no(message, str(self.status), "", "us", quotes=False)
        message = reading.message
        if cause == "clock":
            ahead = skew_of(self.answer, now)
            message += f" Its clock is {abs(ahead) / 60:.0f} minutes {'ahead of' if ahead > 0 else 'behind'} ours."
        if cause == "redirect_elsewhere":
            message += f" The call was redirected to {shown(self.answer.url)}, which is another server and did not get the credentials."
        return self._no(message, cause, reading.decided_by or f"status {self.status}", reading.blame, quotes=not reading.is_worded)

    def _page(self) -> TestResult | None:
        if not is_page(self.answer) or self.answer.ruled or media.wanted(self.client.definition.media_types, self.status) == "plaintext":
            return None
        where = self.answer.url
        message = f"{shown(where)} answered with a web page instead of data, perhaps a sign-in page. Check the host and the base path."
        cause = cause_of(self.answer, asked=self.url, now=datetime.now(UTC))
        return self._no(message, cause or "html", "a web page (text/html)", "us", quotes=False)

    def _unread(self) -> TestResult | None:
        """A body in another format than the integration says, or in none where the test has to look into it."""
        types = self.client.definition.media_types
        if self.request.success_path and not self.answer.body.strip():
            message = f"The server answered with an empty body ({self.status}), where the test looks for {self.request.success_path}."
            return self._no(message, "empty", "an empty body", "us", quotes=False)
        if not (media.wanted(types, self.status) or self.request.success_path):
            return None
        try:
            media.value_of(self.answer, types)
        except ValueError as error:
            kind = self.answer.content_type or "none"
            if "json" in kind and media.wanted(types, self.status) in ("", "json"):
                return self._no(str(error), "invalid_json", f"Content-Type: {kind}", "vendor", quotes=False)
            return self._no(str(error), "media_type", f"Content-Type: {kind}", "us", quotes=False)
        return None

    def _succeeded(self) -> TestResult:
        request, fine = self.request, f"The vendor accepted the credentials ({self.status})."
        if not request.success_path:
            return TestResult(True, self.status, fine, decided_by=f"status {self.status}")
        found = paths.extract(self._document(), request.success_path)
        where = rules.shown(request.success_path, found)
        if isinstance(found, list):
            if not request.allow_array_for_success_path:
                return self._no(
                    f"At {request.success_path} stands a list, where one value is expected. Name one of its values, or allow lists there.",
                    "success_path",
                    where,
                    "us",
                    quotes=False,
                )
            good = not request.success_values or any(rules.holds(one, request.success_values) for one in found)
        else:
            good = rules.holds(found, request.success_values)
        if good:
            return TestResult(True, self.status, fine, decided_by=where)
        wanted = " or ".join(request.success_values)
        expected = f"The test expects {wanted} there." if wanted else "The test expects a value there."
        return self._no(f"The answer ({self.status}) has another value at {request.success_path}. {expected}", "success_path", where, "you")

    def _no(self, message: str, cause: str, decided_by: str, blame: BlameName | None, *, quotes: bool = True) -> TestResult:
        if quotes and (said := self._said()):
            message = f"{message} It said: {said}"
        return TestResult(False, self.status, message, cause=cause, decided_by=decided_by, blame=blame)

    def _said(self) -> str:
        """The vendor's message at the path that the test names; elsewhere it is looked for only where the status says nothing."""
        document = self._document()
        if self.request.error_path:
            found = paths.extract(document, self.request.error_path)
            return rules.said_in([found])[:_SHOWN] if isinstance(found, str | list | dict) else ""
        return rules.said_in(document)[:_SHOWN] if self.status < 400 else ""

    def _document(self) -> object:
        try:
            return media.value_of(self.answer, self.client.definition.media_types, plain_text=True)
        except ValueError:
            return None


def _join(base: str, uri: str) -> str:
    return f"{base.rstrip('/')}/{uri.lstrip('/')}" if uri else base
