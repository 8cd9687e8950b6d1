"""The step Limits: how the vendor says that it was called too often, and which requests may be sent twice."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from pydantic.alias_generators import to_camel

from integrations import services
from integrations.definition import BodyWait, Part, RateLimit, Signal
from integrations.forms import RefusableForm
from integrations.models import Integration
from integrations.wizard.base_forms import StepForm
from integrations.wizard.inputs import lines, text
from integrations.wizard.setting_fields import LinesField, NumbersField, WordsField, option

# Parts of a rate limit, whose fields begin with these words.
_PARTS: Final[dict[str, type[Part]]] = {"body": BodyWait, "limited": Signal}
_PLAIN: Final = ("remaining_header", "retry_after_headers", "reset_headers", "statuses")
_FOLDED: Final = (
    (
        "Too many calls, said in another way",
        "For vendors that turn a call away without status 429: a status of their own, or a value in the body, even with status 200.",
        ("limited_statuses", "limited_path", "limited_values"),
    ),
    ("A time in the text of the answer", "For vendors that say it nowhere else.", ("body_path", "body_pattern", "body_kind")),
    (
        "Expressions over the answer",
        "For what neither the name of a header nor a path says.",
        ("limited_expression", "wait_expression", "reset_expression"),
    ),
)


class RateLimitForm(RefusableForm):
    """The fields of a rate limit. Every one may stay empty: what most vendors do is understood without any."""

    remaining_header = forms.CharField(
        required=False,
        label="Rate limit header",
        widget=text(placeholder="X-RateLimit-Remaining"),
        help_text="The header that says how many calls are left. A refused call with 0 in it was one too many.",
    )
    retry_after_headers = WordsField(
        label="Retry after headers",
        placeholder="X-Retry-After",
        help_text="Headers that say how long to wait, in seconds or until a date. Of several the longest wait counts.",
    )
    reset_headers = WordsField(
        label="Reset headers",
        placeholder="X-RateLimit-Reset",
        help_text="Headers that say from when on calls are welcome again: seconds or milliseconds since 1970, or a date.",
    )
    statuses = WordsField(
        label="Statuses that are sent again",
        placeholder="503, 5xx",
        help_text="They replace the usual ones: 408, 425, 500, 502, 503 and 504. 429 always means too many calls.",
    )
    body_path = forms.CharField(
        required=False,
        label="Path to a text with the time",
        widget=text(placeholder="error.message"),
        help_text="Where that text stands in the body of the answer.",
    )
    body_pattern = forms.CharField(
        required=False,
        label="Pattern of the time",
        widget=text(placeholder=r"try again in (\d+) seconds"),
        help_text="A regular expression whose first group is the time. Empty: the whole text.",
    )
    body_kind = option("The time is", {"after": "How long to wait, in seconds", "at": "The moment from which calls are welcome"}, "")
    limited_expression = forms.CharField(
        required=False,
        label="Too many calls, as an expression",
        widget=lines(placeholder='status = 200 and body.error.code = "RATE"', rows="2"),
        help_text="JSONata over status, headers (names in lower case) and body, for vendors that say it with any other status.",
    )
    wait_expression = forms.CharField(
        required=False,
        label="Seconds to wait, as an expression",
        widget=lines(placeholder="$number(headers.`x-retry-in-ms`) / 1000", rows="2"),
        help_text="Gives the seconds until the next call. Of several times the longest counts.",
    )
    reset_expression = forms.CharField(
        required=False,
        label="Moment of the next call, as an expression",
        widget=lines(placeholder="$number(headers.`x-plan-reset`)", rows="2"),
        help_text="Gives the moment from which calls are welcome: seconds or milliseconds since 1970, or a date.",
    )
    limited_statuses = NumbersField(
        label="Fail status codes",
        help_text="Statuses that mean too many calls, besides 429. With a path, only where the path fits as well.",
    )
    limited_path = forms.CharField(
        required=False,
        label="Fail path",
        widget=text(placeholder="error.code"),
        help_text="Where the body of an answer says that there were too many calls.",
    )
    limited_values = LinesField(
        label="Fail values",
        help_text="What stands at that path then, one a line, compared exactly. Empty: anything but false, 0 and empty.",
    )

    def json_name(self, field: str) -> str:
        part, _, rest = field.partition("_")
        inner = part in _PARTS and rest in _PARTS[part].model_fields
        return f"rateLimit.{part}.{to_camel(rest)}" if inner else f"rateLimit.{to_camel(field)}"

    @staticmethod
    def shown_limit(limit: RateLimit) -> dict[str, Any]:
        """The values of the inputs."""
        plain = {name: getattr(limit, name) for name in RateLimit.model_fields if name not in _PARTS}
        parts = {name: getattr(limit, name).model_dump() if getattr(limit, name) else {} for name in _PARTS}
        return plain | {f"{part}_{name}": parts[part].get(name, "") for part, model in _PARTS.items() for name in model.model_fields}

    def clean(self) -> dict[str, Any]:
        values = dict(self.cleaned_data)
        if values.get("body_pattern") and not values.get("body_path"):
            self.add_error("body_path", "Enter the path to the text that the pattern reads.")
        if values.get("limited_values") and not values.get("limited_path"):
            self.add_error("limited_path", "Enter the path at which one of the values stands.")
        return values

    def limit(self) -> dict[str, Any]:
        """What was entered, as JSON."""
        sent = self.cleaned_data
        found = {to_camel(name): sent[name] for name in RateLimit.model_fields if name not in _PARTS}
        found |= {part: {name: sent[f"{part}_{name}"] for name in model.model_fields} for part, model in _PARTS.items()}
        body = {name: value for name, value in found["body"].items() if value}
        return found | {"body": body if sent["body_path"] else None}

    @property
    def plain_fields(self) -> list[Any]:
        """What a rate limit needs first."""
        return [self[name] for name in _PLAIN]

    @property
    def folded(self) -> list[dict[str, Any]]:
        """What few vendors need, folded away; open where something of it is set or wrong."""
        return [
            {
                "title": title,
                "help": help_text,
                "items": [self[name] for name in names],
                "open": any(self.initial.get(name) and name != "body_kind" for name in names) or any(self[name].errors for name in names),
            }
            for title, help_text, names in _FOLDED
        ]


class LimitsForm(RateLimitForm, StepForm):
    """The limits of an integration, and which of its requests may be sent twice."""

    idempotency_header = forms.CharField(
        required=False,
        label="Idempotency header",
        widget=text(placeholder="Idempotency-Key"),
        help_text="The header by which the vendor knows a repeated request again, as its documentation names it.",
    )

    SECTIONS: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        (
            "Too many calls",
            "Junction waits as long as the vendor asks and then goes on by itself. Status 429, the header Retry-After and the usual rate limit "
            "headers are understood already; fill in only what this vendor does differently.",
            _PLAIN,
        ),
        (
            "Requests that must not happen twice",
            "When the answer to a POST, PUT, PATCH or DELETE is lost, nobody knows whether the vendor acted on it. With this header each gets a key "
            "of its own and is sent again; without it the run ends with “Outcome unknown”.",
            ("idempotency_header",),
        ),
    )

    def json_name(self, field: str) -> str:
        return "idempotencyHeader" if field == "idempotency_header" else super().json_name(field)

    def shown(self, integration: Integration) -> dict[str, Any]:
        definition = integration.working.definition
        return {**self.shown_limit(definition.rate_limit), "idempotency_header": definition.idempotency_header}

    def save(self) -> None:
        services.change_definition(
            integration=self.saved, rate_limit=self.limit(), idempotency_header=self.cleaned_data["idempotency_header"]
        )

    @property
    def sections(self) -> list[dict[str, Any]]:
        return [{"title": title, "help": help_text, "items": [self[name] for name in names]} for title, help_text, names in self.SECTIONS]
