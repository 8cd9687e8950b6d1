"""What an answer means: fine, wait and repeat, or failed and what to do about it (leaf)."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import regex

from connections.answers.rules import Rules, document_of, rule_on, shown
from connections.exchange import Answer, Headers, Outgoing, TransportError
from connections.tokens.answers import signals
from integrations import formulas, paths
from integrations.definition import BlameName, BodyWait, RateLimit

# RFC 9110 9.2.1 and 9.2.2: repeating these changes nothing more than sending them once.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRIED_STATUSES = frozenset({408, 425, 500, 502, 503, 504})
# Too many calls: RFC 6585, and what vendors made up before it or beside it (420 Twitter, 509 Apache and its hosts).
LIMITED_STATUSES = frozenset({420, 429, 509})
FIRST_WAIT = 0.5  # seconds before the first repetition; doubled each time
_MILLISECONDS = 10**11  # a larger number since 1970 counts milliseconds
_PATTERN_SECONDS = 0.2  # for a pattern on one text; one that takes longer runs away
LONGEST_WAIT = 60.0  # seconds that a caller waits who cannot come back later
LIMITED = "The vendor limits how often it may be called ({status}). Try again later."
# X-RateLimit-Remaining, X-Rate-Limit-Reset, RateLimit-Reset, x-ratelimit-reset-requests, X-RateLimit-Minute-Remaining, …
_REMAINING = re.compile(r"(?i)(?:x-)?(?:[a-z]+-)?rate-?limit-(?:[a-z]+-)*remaining(?:-[a-z]+)*")
_RESET = re.compile(r"(?i)(?:x-)?(?:[a-z]+-)?rate-?limit-(?:[a-z]+-)*reset(?:-[a-z]+)*")
_LIMIT_TEXT = re.compile(r"(?i)rate[ _-]?limit|too many (?:requests|calls)|quota ?exceeded|RateLimitExceeded")
_RETRY_TEXT = re.compile(
    r"(?i)(?:retry|try again) (?:after|in) +(\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?|\d+(?:\.\d+)?(?= ?s(?:ec(?:ond)?s?)?\b))"
)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_OF_BODY = re.compile(r"\b(?:body|response)\b")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


class Outcome(Enum):
    """What to do about an answer. The values are the words of rules; UNAUTHORIZED is what a 401 means where nothing else is said."""

    SUCCESS = "success"
    IGNORE = "ignore"
    RETRY = "retry"
    RATE_LIMITED = "rate_limited"
    REFRESH_TOKEN = "refresh_token"
    REAUTHORIZE = "reauthorize"
    UNAUTHORIZED = "unauthorized"
    FAIL = "fail"


@dataclass(frozen=True)
class Reading:
    """An outcome, how many seconds the vendor asks to wait (None: says nothing), and a sentence for people.

    `blame` says who can mend a failure. `ruled` tells that a rule of the integration decided, `decided_by` by what of the
    answer; `is_worded` that the message is the rule's.
    """

    outcome: Outcome
    wait: float | None = None
    message: str = ""
    blame: BlameName | None = None
    ruled: bool = False
    decided_by: str = ""
    is_worded: bool = False

    @property
    def is_fine(self) -> bool:
        """Whether the call is over and needs nobody's attention."""
        return self.outcome in (Outcome.SUCCESS, Outcome.IGNORE)


def read(answer: Answer, rules: Rules | None = None, *, now: datetime | None = None) -> Reading:
    """What an answer means: by the rules of the integration, else by its status, headers and, where it is a refusal, text."""
    now, limit = now or datetime.now(UTC), rules.limit if rules is not None else RateLimit()
    ruling = rule_on(answer, rules) if rules else None
    if ruling is None:
        return _by_status(answer, limit, now)
    if ruling.status is not None:
        found = _by_status(replace(answer, status=ruling.status), limit, now)
        worded = bool(ruling.message)
        return replace(found, message=ruling.message or found.message, ruled=True, decided_by=ruling.decided_by, is_worded=worded)
    outcome = Outcome(ruling.outcome)
    if outcome in (Outcome.SUCCESS, Outcome.IGNORE):
        return Reading(outcome, ruled=True, decided_by=ruling.decided_by)
    waits = outcome in (Outcome.RETRY, Outcome.RATE_LIMITED)
    told = [wait for wait in (longest_wait(answer, now=now), own_wait(answer, limit, now=now)) if wait is not None] if waits else []
    message = ruling.message or _USUAL.get(outcome) or (explain(answer) if answer.status >= 400 else _REPORTED.format(status=answer.status))
    blame = ruling.blame or _BLAMED.get(outcome) or (blame_of(answer.status) if answer.status >= 400 else "vendor")
    return Reading(outcome, max(told, default=None), message, blame, True, ruling.decided_by, bool(ruling.message))


_REPORTED = "The vendor reported an error in its answer, although the status is {status}."
_USUAL = {
    Outcome.REAUTHORIZE: "The vendor no longer accepts the authorization. Authorize the connection again, or enter its credentials anew.",
    Outcome.REFRESH_TOKEN: "The vendor does not accept the token, not even a new one. Check the credentials.",
}
_BLAMED: dict[Outcome, BlameName] = {
    Outcome.REAUTHORIZE: "you",
    Outcome.REFRESH_TOKEN: "you",
    Outcome.RATE_LIMITED: "vendor",
    Outcome.RETRY: "vendor",
}
# Refusals of the request's form: the integration is described wrongly, whoever runs it can do nothing.
_OURS = frozenset({405, 406, 407, 411, 415, 421, 426, 431, 505})


def blame_of(status: int) -> BlameName:
    """Who can mend a refusal with this status: whoever calls, whoever keeps the integration, the vendor."""
    if status in _OURS:
        return "us"
    return "vendor" if status >= 500 or status in LIMITED_STATUSES or status in RETRIED_STATUSES else "you"


def _by_status(answer: Answer, limit: RateLimit, now: datetime) -> Reading:
    decided = _turned_away(answer, limit)
    if decided is not None:
        waits = [wait for wait in (longest_wait(answer, now=now), own_wait(answer, limit, now=now)) if wait is not None]
        # The integration says that the vendor turned the call away, so that it may be sent again whatever it is.
        message = LIMITED.format(status=answer.status)
        return Reading(Outcome.RATE_LIMITED, max(waits, default=None), message, "vendor", ruled=True, decided_by=decided)
    if answer.status < 400:
        return Reading(Outcome.SUCCESS)
    message, blame = explain(answer), blame_of(answer.status)
    own = own_wait(answer, limit, now=now)
    spent = bool(limit.remaining_header) and answer.headers.get(limit.remaining_header).strip() == "0"
    told = own is not None and limit.names(answer.status)
    if answer.status in LIMITED_STATUSES or _is_hidden_limit(answer) or spent or told:
        waits = [wait for wait in (longest_wait(answer, now=now), own) if wait is not None]
        return Reading(Outcome.RATE_LIMITED, max(waits, default=None), LIMITED.format(status=answer.status), "vendor")
    if answer.status == 401:
        return Reading(Outcome.UNAUTHORIZED, None, message, blame)
    if limit.names(answer.status) if limit.statuses else answer.status in RETRIED_STATUSES:
        return Reading(Outcome.RETRY, retry_after(answer.headers.get("Retry-After"), now=now), message, "vendor")
    return Reading(Outcome.FAIL, None, message, blame)


def _turned_away(answer: Answer, limit: RateLimit) -> str | None:
    """By what an answer says, as the integration describes it, that there were too many calls; "" for a status or an expression."""
    if limit.limited.statuses or limit.limited.path:
        document = document_of(answer) if limit.limited.path else None
        if signals(limit.limited, answer, document):
            return shown(limit.limited.path, paths.extract(document, limit.limited.path)) if limit.limited.path else ""
    return "" if limit.limited_expression and _evaluated(limit.limited_expression, answer) else None


def _is_hidden_limit(answer: Answer) -> bool:
    """Whether a 403 or 503 means "too many calls": some vendors (GitHub, Google) say so only in headers or in the text."""
    if answer.status == 503:
        return bool(answer.headers.get("Retry-After").strip())
    if answer.status != 403:
        return False
    if answer.headers.get("Retry-After").strip() or any(value.strip() == "0" for value in _values(answer.headers, _REMAINING)):
        return True
    return bool(_LIMIT_TEXT.search(answer.text[:2000]))


def may_repeat(outgoing: Outgoing, failure: TransportError | Answer, *, key_header: str = "") -> bool:
    """Whether a request may be sent again. What is not safe to repeat may be only if the server cannot have acted on it, or
    if it carries a key in the header `key_header` by which the server knows it again."""
    safe = outgoing.method in SAFE_METHODS or bool(key_header and Headers(outgoing.headers).get(key_header))
    if isinstance(failure, TransportError):
        return not failure.permanent and (safe or not failure.sent)
    return safe or failure.status == 425 or failure.status in LIMITED_STATUSES or _is_hidden_limit(failure)


def longest_wait(answer: Answer, *, now: datetime) -> float | None:
    """Seconds until the vendor takes calls again, by everything that it says: the longest wait wins. None if it says nothing."""
    waits = [retry_after(value, now=now) for value in answer.headers.get_all("Retry-After")]
    waits += [_number(value, 0.001) for value in answer.headers.get_all("Retry-After-Ms")]
    resets = dict(_named(answer.headers, _RESET))
    exhausted = {_scope(name) for name, value in _named(answer.headers, _REMAINING) if value.strip() == "0"}
    # Of several windows (a minute's, a day's) only the exhausted ones count, where the vendor says which ones are.
    waits += [reset(value, now=now) for name, value in resets.items() if not exhausted or _scope(name) in exhausted]
    waits += [_number(found, 1) for value in answer.headers.get_all("RateLimit") for found in re.findall(r"\b(?:reset|t)=(\d+)", value)]
    told = _RETRY_TEXT.search(answer.text[:2000])
    waits.append(retry_after(told[1], now=now) if told else None)
    known = [wait for wait in waits if wait is not None]
    return max(known) if known else None


def own_wait(answer: Answer, limit: RateLimit, *, now: datetime) -> float | None:
    """Seconds to wait by the headers and the text that the integration names, the longest of them; None where they say nothing."""
    found = [retry_after(answer.headers.get(name), now=now) for name in limit.retry_after_headers]
    # A moment that has passed, and a header that gives a span where a moment is announced, say nothing.
    found += [wait for name in limit.reset_headers if (wait := until(answer.headers.get(name), now=now))]
    if limit.body and (text := _in_body(answer, limit.body)):
        found.append(until(text, now=now) if limit.body.kind == "at" else retry_after(text, now=now))
    for expression, read_time in ((limit.wait_expression, retry_after), (limit.reset_expression, until)):
        value = _evaluated(expression, answer) if expression else None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            found.append(read_time(str(value), now=now))
    return max((wait for wait in found if wait is not None), default=None)


def _evaluated(expression: str, answer: Answer) -> Any:
    """What an expression over an answer gives; None also where it cannot be evaluated."""
    values: dict[str, Any] = {"status": answer.status, "headers": {name.lower(): value for name, value in answer.headers}}
    if _OF_BODY.search(expression):
        with suppress(ValueError):
            values["body"] = answer.json()
        values["response"] = dict(values)
    try:
        return formulas.evaluate(expression, values)
    except formulas.FormulaError:
        return None


def until(value: str, *, now: datetime) -> float | None:
    """Seconds from now to a moment: seconds or milliseconds since 1970, or a date; None for nothing, the past and nonsense."""
    text = value.strip()
    try:
        number = float(text)
    except ValueError:
        for read_date in (datetime.fromisoformat, parsedate_to_datetime):
            try:
                moment = read_date(text)
            except (ValueError, TypeError):
                continue
            number = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            break
        else:
            return None
    seconds = (number / 1000 if number > _MILLISECONDS else number) - now.timestamp()
    return seconds if 0 < seconds < 10**9 else None


def _in_body(answer: Answer, where: BodyWait) -> str:
    try:
        text = paths.extract(answer.json(), where.path)
        found = regex.search(where.pattern, text, timeout=_PATTERN_SECONDS) if isinstance(text, str) else None
    except (ValueError, TimeoutError):
        return ""
    return str(found[1] or "").strip() if found else ""


def retry_after(value: str, *, now: datetime) -> float | None:
    """Seconds of a Retry-After header: a number (fractions occur), an HTTP date or an ISO 8601 time; None for nothing or nonsense."""
    text = value.strip()
    if not text:
        return None
    seconds = _number(text, 1)
    return _until(text, now) if seconds is None else seconds


def reset(value: str, *, now: datetime) -> float | None:
    """Seconds of a reset header: seconds from now, a Unix time in seconds or milliseconds, a date, or a duration such as `1m6.5s`."""
    text = value.strip()
    try:
        number = float(text)
    except ValueError:
        if match := _DURATION.fullmatch(text):
            units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
            return sum(float(amount) * units[unit] for amount, unit in _DURATION_PART.findall(match[0]))
        return _until(text, now)
    if not 0 <= number < 1e14:
        return None
    if number >= 1e11:
        number /= 1000
    return max(0.0, number - now.timestamp()) if number >= 1e8 else number  # 1e8 seconds: three years from now, or 1973


def _number(text: str, unit: float) -> float | None:
    try:
        seconds = float(text) * unit
    except ValueError:
        return None
    return max(0.0, seconds) if seconds < 10**9 else None  # nan is not below


def _until(text: str, now: datetime) -> float | None:
    for read_date in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read_date(text)
        except ValueError:
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - now).total_seconds())
    return None


def _named(headers: Headers, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers if pattern.fullmatch(name)]


def _values(headers: Headers, pattern: re.Pattern[str]) -> list[str]:
    return [value for _, value in _named(headers, pattern)]


def _scope(name: str) -> str:
    """What a header of a limit is about, without whether it is the rest or the reset: `x-ratelimit-requests`."""
    return re.sub(r"-?(remaining|reset(-(after|time))?)", "", name.lower().replace("rate-limit", "ratelimit"))


def explain(answer: Answer) -> str:
    """A failed answer as a sentence that says what to do."""
    match answer.status:
        case 400 | 422:
            text = f"The vendor refused the request as invalid ({answer.status}). Check the inputs."
        case 401:
            text = "The vendor refused the credentials (401). Check them, and whether the integration sends them in the right place."
        case 403:
            text = (
                "The vendor knows the credentials but does not allow this (403). Give their account the permission, or use another account."
            )
        case 404:
            text = "The vendor has nothing at this address (404). Check the base URI, the path and the inputs."
        case 405:
            text = "The vendor does not take this method here (405). Check the action's method and path."
        case 407:
            text = "A proxy in between asks for credentials (407). Check the network between Junction and the vendor."
        case status if status in LIMITED_STATUSES:
            text = LIMITED.format(status=status)
        case status if status >= 500:
            text = f"The vendor has a fault of its own ({status}). Try again later; if it stays, tell the vendor."
        case status:
            text = f"The vendor answered {status} {answer.reason}.".replace(" .", ".")
    if answer.content_type == "text/html" and answer.status not in (404, 405):
        text += " The answer is an HTML page, so this may not be the API's address."
    return text
