"""The form of a login: its steps, the call that renews, what it signs."""

from __future__ import annotations

from typing import Any

from django import forms

from integrations.definition import LoginAuth
from integrations.widgets import Card
from integrations.wizard.auth_base import CREDENTIALS, Group
from integrations.wizard.inputs import lines, text
from integrations.wizard.json_fields import JsonObjectField, LinePairsField
from integrations.wizard.object_rows import RowForm, RowsField
from integrations.wizard.setting_fields import LinesField, tick
from integrations.wizard.token_forms import ANSWER, ATTACHING, SIGNALS, STRATEGY, TokenForm


class StepRow(RowForm):
    lead = ("method", "url", "body_format")
    more = "What it sends and what it yields"
    shape = "wide-middle"
    method = forms.ChoiceField(required=False, label="Method", choices=[(name, name) for name in ("POST", "GET", "PUT")])
    url = forms.CharField(required=False, label="URL", widget=text(placeholder="https://api.example.com/login"))
    body_format = forms.ChoiceField(
        required=False,
        label="Body",
        choices=[("json", "JSON"), ("form", "Form"), ("query", "In the URL"), ("text", "Text"), ("xml", "XML")],
    )
    params = JsonObjectField(
        label="Parameters",
        placeholder='{"user": "{{credentials.username}}", "password": "{{credentials.password}}"}',
        help_text="A JSON object. Its texts may hold placeholders; {{steps.1.name}} is what the first step found.",
    )
    text = forms.CharField(
        required=False, label="Text", widget=lines(rows="2"), help_text="The whole body, where it is neither JSON nor a form."
    )
    headers = LinePairsField(mark=":", placeholder="Accept: application/json", label="Headers", help_text="One a line.")
    extract = LinePairsField(
        mark="=",
        placeholder="session = data.session.id",
        label="Values to keep",
        help_text="One a line: a name, and a path in the answer, header:Name or cookie:name.",
    )


class LoginForm(TokenForm):
    part = LoginAuth
    card = Card(
        "A call that signs in and gives a token or a session.",
        (
            "the API has a login or session call of its own",
            "its answer holds a token or sets a cookie, which requests then carry",
            "it is not OAuth 2.0",
        ),
        "log-in",
    )
    groups = (
        Group("Token answer", (*ANSWER, "keep_cookies"), "Where the answer of the last step says what."),
        Group("Refresh", (*STRATEGY, "refresh_step"), "When the login is repeated, or the call that renews instead."),
        ATTACHING,
        Group("Rejection and revocation", SIGNALS, "How the vendor says that the session has ended."),
        Group("Assertion", ("assertion",), "A token that Junction signs for the steps, as {{assertion}}."),
        CREDENTIALS,
    )

    credential_names = LinesField(
        label="Credentials",
        help_text="What each connection is asked for, one a line: username, password, apiKey, companyId … They stand for {{credentials.name}}.",
    )
    steps = RowsField(
        StepRow, add="Add a step", most=10, label="Steps", help_text="The calls, in their order. The last one yields the token."
    )
    keep_cookies = tick("Keep cookies", "The cookies that the steps set go along with every request. Then the token key may be empty.")
    refresh_step = RowsField(
        StepRow,
        add="Add the call",
        most=1,
        label="Call that renews",
        help_text="Only where renewing is another call; {{credentials.refreshToken}} is the refresh token.",
    )

    assertion = JsonObjectField(
        nothing=None,
        label="Assertion",
        placeholder='{"algorithm": "RS256", "key": "{{credentials.privateKey}}", "claims": {}}',
        help_text="A JSON object with algorithm, key, keyEncoding, header, claims and lifetime; empty where nothing is signed.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first = ("credential_names", "steps")
        self.order_fields([*first, *(name for name in self.fields if name not in first)])

    def shown_part(self, part: Any) -> dict[str, Any]:
        shown = super().shown_part(part)
        signed = shown["assertion"].dump() if shown["assertion"] else None
        return {**shown, "assertion": signed, "refresh_step": [shown["refresh_step"]] if shown["refresh_step"] else []}

    def value(self, present: Any) -> dict[str, Any]:
        found = super().value(present)
        step = found["refreshStep"]
        return {**found, "refreshStep": (step[0] if step else None) if isinstance(step, list) else step}
