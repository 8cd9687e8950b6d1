"""Forms of organizations, members and invitations."""

from __future__ import annotations

from typing import Any

from django import forms

from integrations.forms import RefusableForm
from integrations.models import Invitation, Organization, Role
from integrations.models.invitation import VALID_FOR
from integrations.organizations import tree
from integrations.wizard.rows import PairRows, PairsField


class OrganizationForm(RefusableForm):
    """Name, slug and custom fields; when creating, the slug may be left to Junction."""

    name = forms.CharField(label="Name", max_length=tree.NAME_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    slug = forms.CharField(
        label="Slug",
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Stands in addresses and in the API. Small letters, digits and hyphens; empty: made of the name.",
    )
    fields_ = PairsField(
        label="Custom fields",
        required=False,
        widget=PairRows(name_label="Field", value_label="Value", add="Add a field"),
        help_text="An integration can use them as ${tenant.field} in its headers. No place for secrets: everybody here reads them.",
    )
    json_names = {"fields_": "fields"}

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {"name": data["name"], "slug": data["slug"], "fields": data["fields_"]}

    @classmethod
    def shown(cls, organization: Organization) -> dict[str, Any]:
        return {"name": organization.name, "slug": organization.slug, "fields_": organization.fields}


class MoveForm(RefusableForm):
    """Where an organization goes; by slug, so that a provider of thousands needs no list of them."""

    parent = forms.CharField(
        label="New parent",
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "parents", "spellcheck": "false"}),
        help_text="Name or slug of the organization that it goes under.",
    )


class RoleForm(RefusableForm):
    role = forms.ChoiceField(label="Role", choices=Role.choices)


class EnvironmentForm(RefusableForm):
    name = forms.CharField(
        label="Name",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Sandbox"}),
        help_text="Connections can be made in it here and in every organization below.",
    )


class MemberFieldsForm(RefusableForm):
    """What calls say of a member."""

    fields_ = PairsField(
        label="Custom fields",
        required=False,
        widget=PairRows(name_label="Field", value_label="Value", add="Add a field"),
        help_text="An integration can use them as ${user.field} in its headers, for whatever this person runs. No place for secrets.",
    )
    json_names = {"fields_": "fields"}


class InvitationForm(RoleForm):
    role = forms.ChoiceField(label="Role", choices=Role.choices, help_text="It counts here and in every organization below.")
    email = forms.EmailField(
        label="Email",
        required=False,
        max_length=Invitation._meta.get_field("email").max_length,  # noqa: SLF001 - Django's documented way to a field
        help_text=f"For whom the link is meant; Junction sends no mail. It works once, for {VALID_FOR.days} days.",
        error_messages={"invalid": "This is no email address. Leave it empty, or write it like ann@example.com."},
    )


class JoinForm(RefusableForm):
    """A new account for somebody who was invited."""

    username = forms.CharField(label="User name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"}))
    display_name = forms.CharField(
        label="Name",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text="Shown instead of your user name.",
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters, and not a common one.",
    )
