"""Forms of shares, ownership and teams."""

from __future__ import annotations

from typing import Any

from django import forms

from integrations.forms import RefusableForm
from integrations.models import Level
from integrations.organizations.tree import NAME_LENGTH

_NAMES: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


class ShareForm(RefusableForm):
    """With whom, and what they may do."""

    json_names = {"principal": "principalId", "level": "accessLevel"}

    principal = forms.CharField(
        label="Person, team or organization",
        max_length=200,
        widget=forms.TextInput(attrs={**_NAMES, "list": "principals", "placeholder": "ann, team:help-desk or organization:acme"}),
        help_text="A user name, team:slug or organization:slug.",
    )
    level = forms.TypedChoiceField(label="Access", choices=Level.choices, coerce=int, initial=Level.RUN)


class OwnerForm(RefusableForm):
    """Where an integration goes; by slug, so that a provider of thousands needs no list of them."""

    json_names = {"owner": "ownerId"}

    owner = forms.CharField(
        label="New owner",
        max_length=100,
        widget=forms.TextInput(attrs={**_NAMES, "list": "owners"}),
        help_text="Slug or name of an organization in which you are a builder.",
    )


class TeamForm(RefusableForm):
    name = forms.CharField(label="Name", max_length=NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    members = forms.CharField(
        label="Members",
        required=False,
        widget=forms.Textarea(attrs={**_NAMES, "rows": 6}),
        help_text="User names, one a line. People with a role in the organization, above it or below it can be in its teams.",
    )

    @property
    def names(self) -> list[str]:
        """The user names that were entered."""
        return [name for line in self.cleaned_data["members"].splitlines() for name in line.replace(",", " ").split()]
