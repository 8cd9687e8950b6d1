"""What answers mean where their status does not say it: rules with an outcome, a sentence, and whose matter it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from integrations.definition.parts import Part, Path, Pattern, Template, choice
from integrations.definition.statuses import StatusPatterns

Value = Annotated[str, Field(max_length=500)]
OutcomeName = Literal["success", "fail", "ignore", "retry", "rate_limited", "refresh_token", "reauthorize"]
BlameName = Literal["you", "us", "vendor"]


def _word(value: Any) -> Any:
    return choice(value).replace(" ", "_").replace("-", "_") if isinstance(value, str) else value


class ErrorRule(Part):
    """Answers with one of `statuses` (none: any) whose value at `path` is one of `values`, or holds `pattern`, have this `outcome`.

    A path without values and pattern means: something is there, and it is not false, 0 or empty. A pattern without a path
    looks at the whole body. `message` is what people are told, with placeholders such as {{response.error.message}};
    without one it is the text at `message_path`, else what the vendor said. `blame` says who can mend it: whoever runs
    the action (you), whoever keeps the integration (us), the vendor; "" leaves that to the status.
    """

    statuses: StatusPatterns = Field(default_factory=list)
    path: Path = ""
    values: list[Value] = Field(default_factory=list, max_length=100)
    pattern: Pattern = ""
    outcome: Annotated[OutcomeName, BeforeValidator(_word)] = "fail"
    message: Template = ""
    message_path: Path = ""
    blame: Annotated[Literal["", "you", "us", "vendor"], BeforeValidator(choice)] = ""

    @model_validator(mode="after")
    def _says_when(self) -> ErrorRule:
        if not (self.statuses or self.path or self.pattern):
            raise ValueError("Say for which answers the rule is: by statuses, a path, or a pattern.")
        if self.values and not self.path:
            raise ValueError("Values are compared with what stands at a path. Enter the path.")
        return self


ErrorRules = Annotated[list[ErrorRule], Field(max_length=50)]
