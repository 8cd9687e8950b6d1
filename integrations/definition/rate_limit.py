"""How an API says that it was called too often, and when it may be called again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import regex
from pydantic import BeforeValidator, Field, field_validator

from integrations import expressions
from integrations.definition.parts import HeaderName, Part, Path, Template, choice
from integrations.definition.statuses import StatusPatterns, names
from integrations.definition.tokens import Signal


class BodyWait(Part):
    """A time in the body of an answer: the text at `path`, of which the first group of `pattern` is the time.

    `kind` says whether it is a span to wait ("after", seconds) or the moment from which calls are welcome ("at").
    """

    path: Path
    pattern: Annotated[str, Field(max_length=500)] = "(.+)"
    kind: Annotated[Literal["after", "at"], BeforeValidator(choice)] = "after"

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            found = regex.compile(value)
        except (regex.error, RecursionError):
            raise ValueError(f"The pattern {value[:80]} is not a regular expression.") from None
        if not found.groups:
            raise ValueError("The pattern needs a group, ( and ), round the time.")
        return value


class RateLimit(Part):
    """Besides Retry-After (RFC 9110), which is always read.

    `retry_after_headers` hold seconds to wait or a date, `reset_headers` the moment from which calls are welcome (seconds
    or milliseconds since 1970, or a date); of several the longest wait counts. `remaining_header` names the header that
    says 0 when nothing is left. `statuses` (429, 503, 5xx) replace those that are repeated otherwise.

    `limited` describes further answers that mean too many calls, whatever their status. What neither a header nor a path
    says an expression may, over `headers`, `status` and `response`: `is_rate_limited` gives a value for such an answer,
    `retry_after` the seconds to wait, or a moment or a date, `remaining` how many calls are left.
    """

    retry_after_headers: list[HeaderName] = Field(default_factory=list, max_length=10)
    reset_headers: list[HeaderName] = Field(default_factory=list, max_length=10)
    remaining_header: HeaderName = ""
    statuses: StatusPatterns = Field(default_factory=list)
    body: BodyWait | None = None
    limited: Signal = Field(default_factory=Signal)
    is_rate_limited: Template = ""
    retry_after: Template = ""
    remaining: Template = ""

    @field_validator("is_rate_limited", mode="before")
    @classmethod
    def _as_usual(cls, value: Any) -> Any:
        """Seed documents write a plain true: limits are told as usual."""
        return "" if value is True or (isinstance(value, str) and value.strip().lower() == "true") else value

    @field_validator("is_rate_limited", "retry_after", "remaining")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        if value and expressions.parse(value).is_plain:
            raise ValueError(
                "An expression stands in {{ and }}, for example {{headers.retry-after}}. The name of a header has a field of its own."
            )
        return value

    @field_validator("limited")
    @classmethod
    def _values_have_a_path(cls, value: Signal) -> Signal:
        if value.values and not value.path:
            raise ValueError("Values are compared with what stands at a path. Enter the path.")
        return value

    def names(self, status: int) -> bool:
        """Whether a status is among `statuses`."""
        return names(self.statuses, status)
