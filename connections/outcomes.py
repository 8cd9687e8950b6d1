"""What an answer means: fine, wait and repeat, or failed and what to do about it (leaf)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

import regex

from connections.exchange import Answer, TransportError
from integrations import paths
from integrations.definition import BodyWait, RateLimit

# RFC 9110 9.2.1 and 9.2.2: repeating these changes nothing more than sending them once.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
FIRST_WAIT = 0.5  # seconds before the first repetition; doubled each time
_MILLISECONDS = 10**11  # a larger number since 1970 counts milliseconds
_PATTERN_SECONDS = 0.2  # for a pattern on one text; one that takes longer runs away
LONGEST_WAIT = 60.0  # seconds; a longer Retry-After ends the call with a sentence that names it


class Outcome(Enum):
    SUCCESS = "success"
    RETRY = "retry"
    RATE_LIMITED = "rate limited"
    UNAUTHORIZED = "unauthorized"
    FAIL = "fail"


@dataclass(frozen=True)
class Reading:
    """An outcome, how many seconds the vendor asks to wait (None: says nothing), and a sentence for people."""

    outcome: Outcome
    wait: float | None = None
    message: str = ""


def read(answer: Answer, limit: RateLimit | None = None, *, now: datetime | None = None) -> Reading:
    """What an answer's status and headers mean to an API that limits calls as `limit` says."""
    if answer.status < 400:
        return Reading(Outcome.SUCCESS)
    limit = limit or RateLimit()
    wait = wait_of(answer, limit, now=now or datetime.now(UTC))
    message = explain(answer)
    spent = bool(limit.remaining_header) and answer.headers.get(limit.remaining_header).strip() == "0"
    if answer.status == 429 or spent or (wait is not None and (answer.status == 503 or limit.names(answer.status))):
        return Reading(Outcome.RATE_LIMITED, wait, message)
    if answer.status == 401:
        return Reading(Outcome.UNAUTHORIZED, None, message)
    if limit.names(answer.status) if limit.statuses else answer.status in RETRIED_STATUSES:
        return Reading(Outcome.RETRY, wait, message)
    return Reading(Outcome.FAIL, None, message)


def may_repeat(method: str, failure: TransportError | Answer) -> bool:
    """Whether a request may be sent again. What is not safe to repeat may be only if the server cannot have acted on it."""
    if isinstance(failure, TransportError):
        return not failure.permanent and (method in SAFE_METHODS or not failure.sent)
    return method in SAFE_METHODS or failure.status in (425, 429)


def wait_of(answer: Answer, limit: RateLimit, *, now: datetime) -> float | None:
    """Seconds to wait, the longest of those that the answer names; None where it names none."""
    found = [retry_after(answer.headers.get(name), now=now) for name in ("Retry-After", *limit.retry_after_headers)]
    # A moment that has passed, and a header that gives a span where a moment is announced, say nothing.
    found += [wait for name in limit.reset_headers if (wait := until(answer.headers.get(name), now=now))]
    if limit.body and (text := _in_body(answer, limit.body)):
        found.append(until(text, now=now) if limit.body.kind == "at" else retry_after(text, now=now))
    return max((wait for wait in found if wait is not None), default=None)


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
    """Seconds of a Retry-After header: a number (fractions occur) or an HTTP date; None for nothing or nonsense."""
    text = value.strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text).astimezone(UTC) - now).total_seconds()
        except ValueError:
            return None
    return max(0.0, seconds) if seconds < 10**9 else None  # nan is not below


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
        case 429:
            text = "The vendor limits how often it may be called (429). Try again later."
        case status if status >= 500:
            text = f"The vendor has a fault of its own ({status}). Try again later; if it stays, tell the vendor."
        case status:
            text = f"The vendor answered {status} {answer.reason}.".replace(" .", ".")
    if answer.content_type == "text/html" and answer.status not in (404, 405):
        text += " The answer is an HTML page, so this may not be the API's address."
    return text
