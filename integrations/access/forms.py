"""Forms of the page API access."""

from __future__ import annotations

from typing import Any

from django import forms

from integrations.access.applications import KINDS, MAX_REDIRECTS
from integrations.access.scopes import EVERYTHING, SCOPES
from integrations.access.tokens import NAME_LENGTH
from integrations.forms import RefusableForm

LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("", "Until it is revoked")]


class ScopesForm(RefusableForm):
    name = forms.CharField(max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=[(name, f"{sentence} ({name})") for name, sentence in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=[EVERYTHING],
        error_messages={"required": "Choose at least one."},
    )


class TokenForm(ScopesForm):
    """A new personal token."""

    days = forms.TypedChoiceField(
        label="Works for", choices=LIFETIMES, initial="90", required=False, coerce=int, empty_value=None,
        help_text="A token that is forgotten somewhere does harm only as long as it works.",
    )  # fmt: skip
    json_names = {"days": "expiresAt"}
    field_order = ["name", "days", "scopes"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = "Which script or machine will use it, for example nightly export."


class ApplicationForm(ScopesForm):
    """An application of one's own."""

    kind = forms.ChoiceField(
        label="What it is",
        choices=[(kind, words) for kind, (_, _, words) in KINDS.items()],
        widget=forms.RadioSelect,
        initial="script",
    )
    redirect_uris = forms.CharField(
        label="Addresses to come back to",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "https://app.example.com/callback"}),
        help_text=f"One a line, up to {MAX_REDIRECTS}: where people land after they have agreed. A script has none.",
    )
    field_order = ["name", "kind", "redirect_uris", "scopes"]

    def __init__(self, *args: Any, changing: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = "People see it when they are asked to agree."
        if changing:
            del self.fields["kind"]

    def clean_redirect_uris(self) -> list[str]:
        return str(self.cleaned_data["redirect_uris"]).split()
