"""The step Answers: in which formats bodies are sent and read, and what answers mean whose status does not say it."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from integrations import services
from integrations.models import Integration
from integrations.refusals import Invalid, Refusal
from integrations.wizard.base_forms import StepForm
from integrations.wizard.inputs import text
from integrations.wizard.object_rows import RowForm, RowsField, refuse_row
from integrations.wizard.setting_fields import LinesField, WordsField, tick

FORMATS: Final = {
    "json": "JSON",
    "xml": "XML",
    "csv": "CSV",
    "ndjson": "NDJSON, one JSON value a line",
    "urlencoded": "Form (urlencoded)",
    "multipart": "Form with files (multipart)",
    "plaintext": "Plain text",
}
OUTCOMES: Final = {
    "fail": "Failure",
    "success": "Success",
    "ignore": "Success without records",
    "retry": "Try again",
    "rate_limited": "Rate limited: wait, then again",
    "refresh_token": "New token, then again",
    "reauthorize": "Needs re-authorization",
}
BLAME: Final = {"": "By the status", "you": "Whoever runs the action", "us": "Whoever keeps the integration", "vendor": "The vendor"}


class ErrorRuleRow(RowForm):
    lead = ("statuses", "path", "values", "outcome")
    more = "Pattern, message, whose matter it is …"
    shape = "four"
    statuses = WordsField(label="Statuses", placeholder="404, 5xx, 400-403")
    path = forms.CharField(required=False, label="Path", widget=text(placeholder="error.code"))
    values = LinesField(label="Values, one a line")
    outcome = forms.ChoiceField(required=False, label="Means", choices=list(OUTCOMES.items()))
    pattern = forms.CharField(
        required=False,
        label="Pattern",
        widget=text(placeholder="quota|limit"),
        help_text="A regular expression that is looked for in the text at the path; without a path in the whole body.",
    )
    message = forms.CharField(
        required=False,
        label="Message",
        widget=text(placeholder="The order is closed: {{response.error.message}}"),
        help_text="What people are told. {{response.…}}, {{status}} and {{headers.…}} read the answer.",
    )
    message_path = forms.CharField(
        required=False,
        label="Message path",
        widget=text(placeholder="error.message"),
        help_text="Instead of a message: where the vendor's own stands.",
    )
    blame = forms.ChoiceField(required=False, label="Who can mend it", choices=list(BLAME.items()))


def rule_rows(help_text: str) -> RowsField:
    """The rows of error rules; an integration and each action have them."""
    return RowsField(ErrorRuleRow, add="Add a rule", label="Rules", help_text=help_text)


def expression_field() -> forms.CharField:
    return forms.CharField(
        required=False,
        label="Error expression",
        widget=text(placeholder="{{response.error}}"),
        help_text="A successful answer for which it gives a value is a failure, and the value is the message. "
        "For APIs that answer 200 and say in the body what went wrong.",
    )


class AnswersForm(StepForm):
    json_names = {
        "media_request": "mediaTypes.request",
        "media_success": "mediaTypes.success",
        "media_error": "mediaTypes.error",
        "media_charset": "mediaTypes.charset",
        "errors_": "errors",
        "error_expression": "errorExpression",
        "skip_follow_authorization_header": "skipFollowAuthorizationHeader",
    }

    media_request = forms.ChoiceField(
        required=False,
        label="Request bodies",
        choices=[("", "As each action says"), *FORMATS.items()],
        help_text="What an action sends as JSON is sent as this instead.",
    )
    media_success = forms.ChoiceField(
        required=False,
        label="Answers",
        choices=[("", "As their Content-Type says"), *FORMATS.items()],
        help_text="For APIs that name a wrong Content-Type, or none.",
    )
    media_error = forms.ChoiceField(
        required=False,
        label="Errors",
        choices=[("", "As their Content-Type says"), *FORMATS.items()],
        help_text="Answers with a status from 400 on.",
    )
    media_charset = forms.CharField(
        required=False,
        label="Character set",
        widget=text(placeholder="utf-8"),
        help_text="Of answers that name none, for example iso-8859-1.",
    )
    skip_follow_authorization_header = tick(
        "Leave the credentials out where a call is redirected",
        "They never follow to another server. Some APIs redirect within their own to signed addresses that refuse any credentials: tick it for those.",
    )
    error_expression = expression_field()
    errors_ = rule_rows(
        "The first rule that fits an answer counts; a rule without statuses looks at every answer. An action's own rules go before these."
    )

    def shown(self, integration: Integration) -> dict[str, Any]:
        definition = integration.working.definition
        types = definition.media_types
        return {
            **{f"media_{name}": getattr(types, name) for name in ("request", "success", "error", "charset")},
            "error_expression": definition.error_expression,
            "skip_follow_authorization_header": definition.skip_follow_authorization_header,
            "errors_": [rule.model_dump() for rule in definition.errors],
        }

    def save(self) -> None:
        given = self.cleaned_data
        types = {name.removeprefix("media_"): value for name, value in given.items() if name.startswith("media_")}
        names = ("error_expression", "skip_follow_authorization_header")
        parts: dict[str, Any] = {"media_types": types, **{name: given[name] for name in names}}
        if "errors_-TOTAL_FORMS" in self.data:
            parts["errors"] = given["errors_"]
        services.change_definition(integration=self.saved, **parts)

    def refuse(self, refusal: Refusal) -> None:
        super().refuse(Invalid(into_rows(self, "errors_", "errors", refusal.errors)) if isinstance(refusal, Invalid) else refusal)


def into_rows(form: forms.Form, field: str, where: str, errors: dict[str, list[str]]) -> dict[str, list[str]]:
    """Put what is wrong with a rule into its row; what is left, with one sentence that points there."""
    rest: dict[str, list[str]] = {}
    for at, sentences in errors.items():
        inner = at.removeprefix(f"{where}.")
        if inner != at and refuse_row(form[field], inner, list(sentences)):
            rest.setdefault(where, ["Correct the rows that are marked below."])
        else:
            rest.setdefault(at, []).extend(sentences)
    return rest
