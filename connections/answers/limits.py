"""What an integration says in its own words about limits: answers that mean too many calls, and expressions over them (leaf)."""

from __future__ import annotations

from typing import Any, Final

from connections import media
from connections.answers.rules import shown, values_for
from connections.exchange import Answer
from connections.tokens.answers import signals
from integrations import expressions, paths
from integrations.definition import MediaTypes, RateLimit

_AS_IT_SAYS: Final = MediaTypes()


def decided_by(answer: Answer, limit: RateLimit) -> str | None:
    """By what an answer says that there were too many calls, None if it does not. A status alone is ""."""
    signal = limit.limited
    if signal.statuses or signal.path:
        document = _document(answer) if signal.path else None
        if signals(signal, answer, document):
            return shown(signal.path, paths.extract(document, signal.path)) if signal.path else ""
    if limit.is_rate_limited and (value := _value(limit.is_rate_limited, answer)) and value not in ("false", "0"):
        return shown(limit.is_rate_limited, value)
    return None


def retry_after(answer: Answer, limit: RateLimit) -> str:
    """What the expression for the wait gives, as text; "" for nothing."""
    return _as_text(_value(limit.retry_after, answer))


def remaining(answer: Answer, limit: RateLimit) -> str:
    """What the expression for the calls that are left gives, as text; "" for nothing."""
    return _as_text(_value(limit.remaining, answer))


def _value(expression: str, answer: Answer) -> Any:
    if not expression:
        return None
    try:
        found = expressions.value_of(expression, values_for(answer, _document(answer)))
    except ValueError:
        return None
    return None if found is expressions.MISSING else found.strip() if isinstance(found, str) else found


def _as_text(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _document(answer: Answer) -> Any:
    try:
        return media.value_of(answer, _AS_IT_SAYS, plain_text=True)
    except ValueError:
        return None
