"""One call, sent as often as that is safe and useful: which failures are repeated, after which pause, and when to give up."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from datetime import UTC, datetime

from connections.answers import outcomes
from connections.answers.advice import cause_of
from connections.answers.outcomes import Outcome, Reading
from connections.exchange import Answer, Outgoing, TransportError
from connections.rates import Gate
from integrations.definition import BlameName

ATTEMPTS = 4  # of one request, the first included


class CallError(Exception):
    """A call ended without a usable answer. The message is a sentence without secrets; `status` is the vendor's, if it answered.

    `blame` says who can mend it, None where nobody knows; `cause` is what `connections.answers.advice` knows it by, "" for no answer of these.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        answer: Answer | None = None,
        blame: BlameName | None = None,
        cause: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.answer = answer
        self.blame = blame
        self.cause = cause


class Limited(CallError):
    """The vendor takes no calls for the next `wait` seconds, which is longer than the caller waits. Nothing is wrong otherwise."""

    def __init__(self, message: str, *, wait: float, status: int | None = None, answer: Answer | None = None) -> None:
        super().__init__(message, status=status, answer=answer, blame="vendor")
        self.wait = wait


def repeated(
    send: Callable[[Outgoing], Answer],
    outgoing: Outgoing,
    *,
    gate: Gate,
    judge: Callable[[Answer], Reading],
    key_header: str,
    pause: Callable[[float], None],
    longest_wait: float,
    said: Callable[[Answer], str],
) -> Answer:
    """The successful answer of `send`, after as many repetitions as are safe. Raises `CallError` and `Limited`.

    `judge` says what an answer means; `key_header` makes a request that carries it safe to repeat; `said` gives the vendor's own words in an answer.
    """
    for attempt in range(1, ATTEMPTS + 1):
        _pass(gate, pause, longest_wait)
        wait = None
        try:
            answer = send(outgoing)
        except TransportError as error:
            if not error.permanent:
                gate.failed()
            if attempt == ATTEMPTS or not outcomes.may_repeat(outgoing, error, key_header=key_header):
                message = error.message + (_doubt(outgoing) if error.sent else "")
                raise CallError(message, blame=error.blame, cause=error.cause) from None
        else:
            reading = judge(answer)
            if reading.is_fine:
                gate.succeeded()
                return _ended(answer, reading, attempt)
            wait = _reported(gate, reading)
            again = reading.outcome in (Outcome.RETRY, Outcome.RATE_LIMITED)
            safe = again and (outcomes.may_repeat(outgoing, answer, key_header=key_header) or _was_not_done(reading))
            if safe and (wait or 0) > longest_wait:
                raise Limited(_sentence(reading, answer, said), wait=wait or 0, status=answer.status, answer=answer)
            if attempt == ATTEMPTS or not safe:
                message = _sentence(reading, answer, said) + (_doubt(outgoing) if again and not safe else "")
                raise CallError(
                    message,
                    status=answer.status,
                    answer=dataclasses.replace(answer, attempts=attempt),
                    blame=reading.blame,
                    cause=_cause(reading, answer, outgoing),
                )
        pause(wait if wait is not None else outcomes.FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
    raise AssertionError("the last attempt returns or raises")


def _cause(reading: Reading, answer: Answer, outgoing: Outgoing) -> str:
    return cause_of(answer, asked=outgoing.url, now=datetime.now(UTC)) or ("rule" if reading.ruled else "")


def _ended(answer: Answer, reading: Reading, attempt: int) -> Answer:
    if reading.ruled:
        answer = dataclasses.replace(answer, ruled="ignore" if reading.outcome is Outcome.IGNORE else "success")
    return dataclasses.replace(answer, attempts=attempt) if attempt > 1 else answer


def _was_not_done(reading: Reading) -> bool:
    """Whether a rule of the integration says that the vendor turned the call away, whatever the status is."""
    return reading.ruled and reading.outcome is Outcome.RATE_LIMITED


def _pass(gate: Gate, pause: Callable[[float], None], longest_wait: float) -> None:
    wait = gate.wait()
    if wait > longest_wait:
        raise Limited(f"The vendor is left alone for another {wait:.0f} seconds, as it asked or because it keeps failing.", wait=wait)
    if wait > 0:
        pause(wait)


def _reported(gate: Gate, reading: Reading) -> float | None:
    """Tell the gate what an answer means; the seconds to wait, None where the vendor names none."""
    if reading.outcome is Outcome.RETRY:
        gate.failed()
    if reading.outcome is Outcome.RATE_LIMITED and reading.wait:
        gate.block(reading.wait)
    return reading.wait


def _sentence(reading: Reading, answer: Answer, said: Callable[[Answer], str]) -> str:
    if reading.outcome is Outcome.RATE_LIMITED and reading.wait:
        return f"The vendor limits how often it may be called ({answer.status}) and asks to wait {reading.wait:.0f} seconds."
    words = "" if reading.is_worded else said(answer)
    return f"{reading.message} It said: {words}" if words else reading.message


def _doubt(outgoing: Outgoing) -> str:
    if outgoing.method in outcomes.SAFE_METHODS:
        return ""
    return f" Outcome unknown: whether the vendor acted on the {outgoing.method} has to be looked up there before you run it again."
