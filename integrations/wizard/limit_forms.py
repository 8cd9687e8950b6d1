"""The step Limits: how the vendor says that it was called too often, and which requests may be sent twice."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from pydantic.alias_generators import to_camel

from integrations import services
from integrations.definition import BodyWait
from integrations.models import Integration
from integrations.wizard.base_forms import StepForm
from integrations.wizard.inputs import lines, text
from integrations.wizard.setting_fields import WordsField, option

_BODY = "body_"
_PLAIN = ("remaining_header", "retry_after_headers", "reset_headers", "statuses")
_EXPRESSIONS = ("limited_expression", "wait_expression", "reset_expression")


class LimitsForm(StepForm):
    """Every field may stay empty: what most vendors do is understood without any."""

    json_names: ClassVar[dict[str, str]] = {"idempotency_header": "idempotencyHeader"}

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
        if field.startswith(_BODY):
            return f"rateLimit.body.{to_camel(field.removeprefix(_BODY))}"
        return self.json_names.get(field) or f"rateLimit.{to_camel(field)}"

    def shown(self, integration: Integration) -> dict[str, Any]:
        definition = integration.working.definition
        limit = definition.rate_limit
        body = limit.body.model_dump() if limit.body else {}
        return {
            **{name: getattr(limit, name) for name in (*_PLAIN, *_EXPRESSIONS)},
            **{f"{_BODY}{name}": body.get(name, "") for name in BodyWait.model_fields},
            "idempotency_header": definition.idempotency_header,
        }

    def clean(self) -> dict[str, Any]:
        values = dict(self.cleaned_data)
        if values.get("body_pattern") and not values.get("body_path"):
            self.add_error("body_path", "Enter the path to the text that the pattern reads.")
        return values

    def save(self) -> None:
        sent = self.cleaned_data
        limit = self.saved.working.definition.rate_limit.dump()
        limit |= {to_camel(name): sent[name] for name in (*_PLAIN, *_EXPRESSIONS)}
        body = {name: sent[f"{_BODY}{name}"] for name in BodyWait.model_fields}
        limit["body"] = {name: value for name, value in body.items() if value} if sent["body_path"] else None
        services.change_definition(integration=self.saved, rate_limit=limit, idempotency_header=sent["idempotency_header"])

    @property
    def text_fields(self) -> list[Any]:
        """Where a text of the answer holds the time, and what only expressions can say: rare, and folded away."""
        return [self[name] for name in self.fields if name.startswith(_BODY) or name in _EXPRESSIONS]

    @property
    def text_open(self) -> bool:
        return any(self.initial.get(name) for name in ("body_path", *_EXPRESSIONS)) or any(field.errors for field in self.text_fields)

    @property
    def sections(self) -> list[dict[str, Any]]:
        return [{"title": title, "help": help_text, "items": [self[name] for name in names]} for title, help_text, names in self.SECTIONS]
