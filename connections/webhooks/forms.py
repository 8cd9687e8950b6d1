"""The forms of the page Webhooks of a connection."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet

from connections.models import WebhookEndpoint, WebhookEvent
from connections.webhooks.endpoints import LONGEST_SECRET, Change, stored
from integrations.definition import PRESETS, Webhook
from integrations.definition.webhook import SHARED, BasicVerification, JwtVerification, NoVerification
from integrations.forms import RefusableForm


def preset_choices(declared: Webhook | None, integration: str) -> list[tuple[str, str]]:
    """What the integration says of its webhooks first, and then the vendors that are known."""
    first = f"As {integration} describes it" if declared else "Not at all: only the address is secret"
    return [("", first), *((preset.name, preset.title) for preset in PRESETS.values())]


def _secret_input(rules: Webhook | None = None) -> forms.Widget:
    """A key in lines needs room; any other secret is a line that nobody reads over a shoulder."""
    if rules and isinstance(rules.verification, JwtVerification) and not SHARED.intersection(rules.verification.algorithms):
        return forms.Textarea(attrs={"rows": 6, "class": "mono", "autocomplete": "off", "spellcheck": "false"})
    return forms.PasswordInput(attrs={"autocomplete": "new-password"})


class EndpointForm(RefusableForm):
    """What an address is set to. Secrets are never shown; an empty field leaves them as they are."""

    def __init__(self, data: Any = None, *, endpoint: WebhookEndpoint | None, declared: Webhook | None, integration: str) -> None:
        super().__init__(data)
        self.endpoint = endpoint
        held: dict[str, Any] = stored(endpoint) if endpoint else {}
        chosen = str(self.data.get("preset", "")) if self.is_bound else (endpoint.preset if endpoint else "")
        rules = PRESETS[chosen].webhook if chosen in PRESETS else declared or Webhook()
        self.fields["preset"] = forms.ChoiceField(
            label="How messages prove where they come from",
            required=False,
            choices=preset_choices(declared, integration),
            initial=endpoint.preset if endpoint else "",
            help_text="Choose the vendor if the integration does not say it.",
        )
        if not isinstance(rules.verification, NoVerification) or not endpoint:
            self.fields["secret"] = forms.CharField(
                label=secret_label(rules),
                required=False,
                max_length=LONGEST_SECRET,
                widget=_secret_input(rules),
                help_text=_secret_help(rules, held),
            )
        if isinstance(rules.verification, BasicVerification):
            self.fields["username"] = forms.CharField(
                label="User name",
                required=False,
                max_length=200,
                initial=held.get("username", ""),
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )
        if any(one.token for one in rules.handshakes):
            self.fields["verify_token"] = forms.CharField(
                label="Verify token",
                required=False,
                max_length=500,
                widget=_secret_input(),
                help_text="A text that you choose and enter at the vendor as well; with it the vendor makes sure of the address."
                + (" One is set; enter another to replace it." if held.get("hasVerifyToken") else ""),
            )
        if endpoint:
            self.fields["forward_url"] = forms.CharField(
                label="Forward to",
                required=False,
                max_length=2000,
                initial=endpoint.forward_to.url if endpoint.forward_to else "",
                widget=forms.TextInput(attrs={"placeholder": "https://example.com/webhooks", "autocomplete": "off", "inputmode": "url"}),
                help_text="Every genuine message is sent on to this address as it came, signed by Standard Webhooks, again until it is taken. Empty: nowhere.",
            )
            self.fields["forward_types"] = forms.CharField(
                label="Only these kinds of events",
                required=False,
                max_length=5000,
                initial="\n".join(endpoint.forward_types),
                widget=forms.Textarea(attrs={"rows": 2, "class": "mono", "spellcheck": "false", "placeholder": "invoice.paid\ninvoice.*"}),
                help_text="One a line; invoice.* stands for all that begin so. Empty: all of them.",
            )
            self.fields["is_enabled"] = forms.BooleanField(
                label="Take messages",
                required=False,
                initial=endpoint.is_enabled,
                help_text="Off: the address answers as if it did not exist.",
            )

    def json_name(self, field: str) -> str:
        return {"verify_token": "verifyToken", "forward_url": "forwardUrl", "forward_types": "forwardTypes", "is_enabled": "enabled"}.get(
            field, field
        )

    @property
    def change(self) -> Change:
        """What was entered; a secret that was left empty stays."""
        values = self.cleaned_data
        types = values.get("forward_types")
        return Change(
            preset=values.get("preset"),
            secret=values.get("secret") or None,
            username=values.get("username"),
            verify_token=values.get("verify_token") or None,
            is_enabled=values.get("is_enabled"),
            forward_url=values.get("forward_url"),
            forward_types=types.splitlines() if types is not None else None,
        )


def secret_label(rules: Webhook) -> str:
    if isinstance(rules.verification, BasicVerification):
        return "Password"
    if isinstance(rules.verification, JwtVerification) and not SHARED.intersection(rules.verification.algorithms):
        return "Public key"
    return "Token" if rules.verification.type == "token" else "Secret"


def _secret_help(rules: Webhook, held: dict[str, Any]) -> str:
    where = PRESETS[rules.preset].hint if rules.preset in PRESETS else "As the vendor shows it, or one that you choose and enter there."
    if held.get("hasSecret"):
        return f"One is set; another one replaces it, and the old one still counts for a day. {where}"
    if held.get("hasSecretOfIntegration"):
        return f"The integration brings one along; your own counts instead of it. {where}"
    return where


class EventFilter(forms.Form):
    """What of the events one wants to see; empty fields do not restrict."""

    type = forms.CharField(
        label="Kind", required=False, max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "push"})
    )
    verdict = forms.ChoiceField(label="Check", required=False, choices=[("", "All"), *WebhookEvent.Verdict.choices])
    state = forms.ChoiceField(label="Work", required=False, choices=[("", "All"), *WebhookEvent.State.choices])
    since = forms.DateTimeField(label="Since (UTC)", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    until = forms.DateTimeField(label="Until (UTC)", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))

    def narrow(self, rows: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        """The rows that fit; none where the filter itself does not."""
        if not self.is_valid():
            return rows.none()
        values = self.cleaned_data
        columns = {"type": "event_type__icontains", "verdict": "verdict", "state": "state", "since": "at__gte", "until": "at__lt"}
        return rows.filter(**{column: values[name] for name, column in columns.items() if values.get(name)})
