"""What an integration and its actions say about answers: which rule fits one, and what it makes of it (leaf)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

import regex

from connections import media
from connections.exchange import Answer
from integrations import expressions, paths
from integrations.definition import BlameName, Definition, ErrorRule, MediaTypes, OutcomeName, RateLimit, names_status
from integrations.operation import Operation

_PATTERN_SECONDS: Final = 0.2  # for a pattern on one answer; one that takes longer runs away
_SHOWN: Final = 300  # characters of a message, or of the value that decided
_LOOKED_AT: Final = 100_000  # characters of a body that a pattern searches


@dataclass(frozen=True)
class Rules:
    """The rules for one call, the action's before the integration's, and the formats by which answers are read.

    `limit` is what is said of limits: the action's own, else the integration's.
    """

    rules: tuple[ErrorRule, ...] = ()
    expression: str = ""
    types: MediaTypes = field(default_factory=MediaTypes)
    limit: RateLimit = field(default_factory=RateLimit)

    def __bool__(self) -> bool:
        return bool(self.rules or self.expression)


@dataclass(frozen=True)
class Ruling:
    """What a rule makes of an answer. `decided_by` names the path and the value that decided, "" for a status alone.

    `status` is what an error expression says that the answer's status really is.
    """

    outcome: OutcomeName
    message: str = ""
    blame: BlameName | None = None
    decided_by: str = ""
    status: int | None = None


def rules_of(definition: Definition, operation: Operation | None = None) -> Rules:
    own = operation.errors if operation else []
    expression = (operation.error_expression if operation else "") or definition.error_expression
    limit = operation.rate_limit if operation and operation.rate_limit else definition.rate_limit
    return Rules((*own, *definition.errors), expression, definition.media_types, limit)


def rule_on(answer: Answer, rules: Rules) -> Ruling | None:
    """The ruling of the first rule that fits, then of the error expression; None where nothing is said of such an answer."""
    if not rules:
        return None
    document = document_of(answer, rules.types)
    for rule in rules.rules:
        decided = _fits(rule, answer, document)
        if decided is not None:
            return Ruling(rule.outcome, _message(rule, answer, document), rule.blame or None, decided)
    if rules.expression and answer.status < 400:
        return _by_expression(rules.expression, answer, document)
    return None


def holds(value: Any, wanted: list[str]) -> bool:
    """Whether a value is one of `wanted`, exactly and in upper and lower case; with none wanted, whether there is one at all
    that is not false, 0 or empty."""
    if value is paths.MISSING:
        return False
    return written(value) in wanted if wanted else bool(value)


def written(value: Any) -> str:
    """A JSON value as people write it into a list of values: true, 42, null, text without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shown(path: str, value: Any) -> str:
    """A path and what stands there, for people."""
    text = "nothing" if value is paths.MISSING else json.dumps(value, ensure_ascii=False)
    return f"{path} = {text if len(text) <= _SHOWN else text[:_SHOWN] + ' …'}"


def said_in(document: Any, depth: int = 0) -> str:
    """The vendor's own message, if a body holds one in a usual place."""
    if isinstance(document, str):
        return document.strip() if depth else ""
    if isinstance(document, list) and document and depth < 3:
        return said_in(document[0], depth + 1)
    if isinstance(document, dict) and depth < 3:
        for key in ("detail", "message", "error_description", "error_message", "reason", "title", "error", "errors"):
            found = said_in(document.get(key), depth + 1)
            if found:
                return found
    return ""


def document_of(answer: Answer, types: MediaTypes | None = None) -> Any:
    """An answer as values, None where it cannot be read as any."""
    try:
        return media.value_of(answer, types or MediaTypes(), plain_text=True)
    except ValueError:
        return None


def _fits(rule: ErrorRule, answer: Answer, document: Any) -> str | None:
    """What of the answer made the rule fit, None if it does not."""
    if rule.statuses and not names_status(rule.statuses, answer.status):
        return None
    if not rule.path:
        if rule.pattern:
            found = _search(rule.pattern, answer.text[:_LOOKED_AT])
            return None if found is None else f"the text {json.dumps(found[:_SHOWN], ensure_ascii=False)}"
        return ""
    value = paths.extract(document, rule.path)
    for one in value if isinstance(value, list) and value else [value]:
        if rule.pattern and not (isinstance(one, str) and _search(rule.pattern, one[:_LOOKED_AT]) is not None):
            continue
        if rule.values and not holds(one, rule.values):
            continue
        if not rule.pattern and not rule.values and not holds(one, []):
            continue
        return shown(rule.path, one)
    return None


def _search(pattern: str, text: str) -> str | None:
    try:
        found = regex.search(pattern, text, timeout=_PATTERN_SECONDS)
    except TimeoutError:
        return None
    return None if found is None else found[0]


def _message(rule: ErrorRule, answer: Answer, document: Any) -> str:
    if rule.message:
        try:
            return expressions.render(rule.message, _values(answer, document)).strip()
        except (expressions.MissingValue, ValueError):
            pass  # a vendor's body without that value: what it says otherwise has to do
    found = paths.extract(document, rule.message_path) if rule.message_path else paths.MISSING
    return said_in([found])[:_SHOWN] if isinstance(found, str | dict | list) else ""


def _values(answer: Answer, document: Any) -> dict[str, Any]:
    head: dict[str, Any] = {"status": answer.status, "headers": {name.lower(): value for name, value in answer.headers}}
    response = {"body": document, "data": document, **head, **document} if isinstance(document, dict) else document
    return {"response": response, **head}


def _by_expression(expression: str, answer: Answer, document: Any) -> Ruling | None:
    """A failure where the expression has a value. An object may say a `status` and a `message` of its own."""
    try:
        value = expressions.value_of(expression, _values(answer, document))
    except ValueError:
        return None
    if isinstance(value, str):
        value = value.strip()
    if value is expressions.MISSING or not value or value == "false":
        return None
    status = value.get("status") if isinstance(value, dict) else None
    known = status if isinstance(status, int) and not isinstance(status, bool) and 400 <= status <= 599 else None
    return Ruling("fail", said_in([value])[:_SHOWN], None, shown(expression, value), known)
