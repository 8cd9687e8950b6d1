"""How an API says that it was called too often, and when it may be called again."""

from __future__ import annotations

from typing import Annotated, Literal

import regex
from pydantic import BeforeValidator, Field, field_validator

from integrations.definition.parts import Formula, HeaderName, Part, Path, Pattern, choice
from integrations.definition.statuses import StatusPatterns, names
from integrations.definition.tokens import Signal


class BodyWait(Part):
    """A time in the body of an answer: the text at `path`, of which the first group of `pattern` is the time.

    `kind` says whether it is a span to wait ("after", seconds) or the moment from which calls are welcome ("at").
    """

    path: Path
    pattern: Pattern = "(.+)"
    kind: Annotated[Literal["after", "at"], BeforeValidator(choice)] = "after"

    @field_validator("pattern")
    @classmethod
    def _has_a_group(cls, value: str) -> str:
        if not regex.compile(value).groups:
            raise ValueError("The pattern needs a group, ( and ), round the time.")
        return value


class RateLimit(Part):
    """Besides Retry-After (RFC 9110), which is always read.

    `retry_after_headers` hold seconds to wait or a date, `reset_headers` the moment from which calls are welcome (seconds
    or milliseconds since 1970, or a date); of several the longest wait counts. `remaining_header` names the header that
    says 0 when nothing is left. `statuses` (429, 503, 5xx) replace those that are repeated otherwise.

    `limited` describes further answers that mean too many calls, whatever their status: statuses, a path and values.
    JSONata over `status`, `headers` (names in lower case) and `body` says the rest: `limited_expression` whether an answer, of whatever
    status, means that there were too many calls; `wait_expression` how many seconds to wait, `reset_expression` from when on calls
    are welcome.
    """

    retry_after_headers: list[HeaderName] = Field(default_factory=list, max_length=10)
    reset_headers: list[HeaderName] = Field(default_factory=list, max_length=10)
    remaining_header: HeaderName = ""
    statuses: StatusPatterns = Field(default_factory=list)
    body: BodyWait | None = None
    limited: Signal = Field(default_factory=Signal)
    limited_expression: Formula = ""
    wait_expression: Formula = ""
    reset_expression: Formula = ""

    @field_validator("limited")
    @classmethod
    def _values_have_a_path(cls, value: Signal) -> Signal:
        if value.values and not value.path:
            raise ValueError("Values are compared with what stands at a path. Enter the path.")
        return value

    def names(self, status: int) -> bool:
        """Whether a status is among `statuses`."""
        return names(self.statuses, status)
