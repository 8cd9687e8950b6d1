"""What an answer means: fine, wait and repeat, or failed and what to do about it (leaf)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

from connections.exchange import Answer, TransportError

# RFC 9110 9.2.1 and 9.2.2: repeating these changes nothing more than sending them once.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
FIRST_WAIT = 0.5  # seconds before the first repetition; doubled each time
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


def read(answer: Answer, *, now: datetime | None = None) -> Reading:
    """What an answer's status and headers mean."""
    wait = retry_after(answer.headers.get("Retry-After"), now=now or datetime.now(UTC))
    if answer.status < 400:
        return Reading(Outcome.SUCCESS)
    message = explain(answer)
    if answer.status == 429 or (answer.status == 503 and wait is not None):
        return Reading(Outcome.RATE_LIMITED, wait, message)
    if answer.status == 401:
        return Reading(Outcome.UNAUTHORIZED, None, message)
    if answer.status in RETRIED_STATUSES:
        return Reading(Outcome.RETRY, wait, message)
    return Reading(Outcome.FAIL, None, message)


def may_repeat(method: str, failure: TransportError | Answer) -> bool:
    """Whether a request may be sent again. What is not safe to repeat may be only if the server cannot have acted on it."""
    if isinstance(failure, TransportError):
        return not failure.permanent and (method in SAFE_METHODS or not failure.sent)
    return method in SAFE_METHODS or failure.status in (425, 429)


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
