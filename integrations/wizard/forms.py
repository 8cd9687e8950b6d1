"""Forms of the steps that say what the API is and where: details, host, type of pagination."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from integrations import addresses, icons, services
from integrations.definition import Definition
from integrations.models import Integration
from integrations.models.integration import LABEL_LENGTH, Mode, SharingPolicy
from integrations.widgets import AffixedInput, Card, ChoiceCards, DropZone
from integrations.wizard.auth_forms import AUTH_FORMS
from integrations.wizard.base_forms import StepForm
from integrations.wizard.pagination_forms import PAGINATION_FORMS


class DetailsForm(StepForm):
    json_names = {"sharing": "sharingPolicy"}

    name = forms.CharField(
        help_text="It heads the list of the integration's actions. Letters, digits, spaces and common marks.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": services.NAME_LENGTH}),
        error_messages={"required": "Enter a name; it heads the list of the integration's actions."},
    )
    icon = forms.FileField(
        required=False,
        widget=DropZone(hint=icons.HINT, attrs={"accept": icons.ACCEPT}),
        help_text="The vendor's logo. It stands for the integration on tiles and in lists.",
        error_messages={"empty": "The file is empty. Choose another one."},
    )
    remove_icon = forms.BooleanField(required=False, label="Remove the present icon")
    description = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 4}), help_text="What the API is good for, in a sentence or two."
    )
    category = forms.CharField(
        required=False, max_length=LABEL_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"}), help_text="For example Help desk."
    )
    tags = forms.CharField(
        required=False,
        max_length=services.MAX_TAGS * (services.TAG_LENGTH + 2),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Words by which it is found, with commas between them.",
    )
    is_beta = forms.BooleanField(
        required=False, label="Beta", help_text="Shown on its tile: perhaps not tested completely, and not recommended for production."
    )
    sharing = forms.ChoiceField(
        required=False,
        label="Sharing",
        choices=SharingPolicy.choices,
        help_text="Once it is published. Your organization itself always can.",
    )

    mode = forms.ChoiceField(
        required=False,
        label="Connections",
        choices=Mode.choices,
        help_text="Whose account calls are made with. Locked while somebody is connected.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not (self.integration and self.integration.icon):
            del self.fields["remove_icon"]
        if self.integration and self.integration.connections.exists():
            self.fields["mode"].disabled = True

    def shown(self, integration: Integration) -> dict[str, Any]:
        columns = ("name", "description", "category", "is_beta", "sharing", "mode")
        return {**{name: getattr(integration, name) for name in columns}, "tags": ", ".join(integration.tags)}

    def clean_icon(self) -> str:
        """The checked icon as text, "" where none was chosen."""
        file = self.cleaned_data["icon"]
        if not file:
            return ""
        try:
            return icons.check(file.read(icons.MAX_UPLOAD + 1))
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def details(self) -> dict[str, Any]:
        """What `services.create` and `services.update` take."""
        given = self.cleaned_data
        found = {name: given[name] for name in ("name", "description", "category", "is_beta")}
        found |= {"tags": given["tags"].split(","), "sharing": given["sharing"] or SharingPolicy.ALLOW}
        kept = self.integration.extra if self.integration else {}
        found["extra"] = {**kept, "mode": given["mode"] or (self.integration.mode if self.integration else Mode.SHARED)}
        if self.cleaned_data["icon"] or self.cleaned_data.get("remove_icon"):
            found["icon"] = self.cleaned_data["icon"]
        return found

    def save(self) -> None:
        services.update(integration=self.saved, **self.details())


# Scheme, host and path of a base URI whose placeholders may hold anything.
_BASE = re.compile(r"(?:(https?)://)?((?:\{\{.*?\}\}|\$\{.*?\}|[^/{$])*)(/.*)?", re.IGNORECASE)


def _parts(definition: Definition) -> tuple[str, str, str]:
    """Protocol, host and base path as the form shows them. One with alternatives stands in the host whole."""
    base = definition.base
    if not definition.has_placeholders:
        return base.scheme, base.netloc if definition.api_base_uri else "", base.path
    found = _BASE.fullmatch(definition.api_base_uri)
    if " || " in definition.api_base_uri or not found:
        return "https", definition.api_base_uri, ""
    return found[1] or "https", found[2], found[3] or ""


class HostForm(StepForm):
    """Where the API is and how it wants to be authenticated against."""

    json_names = {"host": "apiBaseUri", "method": "auth"}

    scheme = forms.ChoiceField(label="Protocol", choices=[("https", "https://")], help_text="")
    host = forms.CharField(
        required=False,
        help_text="The host name only, with a port if it needs one. No https:// and no path. "
        "Where it differs from connection to connection, {{settings.subdomain}}.example.com takes the connection field subdomain, which the next step defines.",
        widget=AffixedInput(prefix="https://", attrs={"placeholder": "api.example.com", "autocomplete": "off", "spellcheck": "false"}),
    )
    base_path = forms.CharField(
        required=False,
        help_text="What every path starts with, for example /v1 or /api/v2. Leave it empty if there is nothing.",
        widget=forms.TextInput(attrs={"placeholder": "/v1", "autocomplete": "off", "spellcheck": "false"}),
    )
    own_host = forms.BooleanField(
        required=False,
        label="Each connection brings its own host",
        help_text="For products that every customer runs on a server of their own. Whoever connects is asked for the address; the host here stays empty.",
    )
    method = forms.ChoiceField(
        label="Authentication method",
        choices=[(kind, form.part.label) for kind, form in AUTH_FORMS.items()],
        widget=ChoiceCards(cards={kind: form.card for kind, form in AUTH_FORMS.items()}),
        error_messages={"required": "Choose how the API is authenticated against; the vendor's documentation says it."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if settings.EGRESS_ALLOW or self.initial.get("scheme") == "http":
            self.fields["scheme"].choices = [("https", "https://"), ("http", "http://")]  # type: ignore[attr-defined]
            self.fields["scheme"].help_text = "http:// only to networks that the operator of this Junction named in EGRESS_ALLOW."
            self.fields["host"].widget.prefix = ""
        else:
            del self.fields["scheme"]
        if self.integration and self.integration.current:
            self.fields["method"].disabled = True
            self.fields[
                "method"
            ].help_text = "Locked since the integration was finalized: connections hold credentials for this method. To use another one, build a new integration."

    def shown(self, integration: Integration) -> dict[str, Any]:
        definition = integration.working.definition
        scheme, host, path = _parts(definition)
        # A new draft says "none" because it has to say something: nobody has chosen yet.
        is_new = not (integration.working.source or host or definition.host_at_connect) and definition.auth.type == "none"
        return {
            "scheme": scheme,
            "host": host,
            "base_path": path,
            "own_host": definition.host_at_connect,
            "method": "" if is_new or integration.working.auth_undecided else definition.auth.type,
        }

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not values.get("own_host") and any(mark in values.get("host", "") for mark in ("{{", "${")):
            return self._with_placeholders(values)
        host: str = ""
        port: int | None = None
        try:
            if not values.get("own_host"):
                host, port = addresses.parse_host(values.get("host", ""))
            elif values.get("host"):
                self.add_error("host", "Leave the host empty, or take the tick out of the box below: each connection brings its own.")
        except ValueError as error:
            self.add_error("host", str(error))
        try:
            values["base_path"] = addresses.parse_base_path(values.get("base_path", ""))
        except ValueError as error:
            self.add_error("base_path", str(error))
        else:
            values["base_uri"] = str(addresses.BaseUri(values.get("scheme") or "https", host, port, values["base_path"]))
        return values

    def _with_placeholders(self, values: dict[str, Any]) -> dict[str, Any]:
        """A host that the connections' values complete. Saved as it was where nobody changed it: it may hold alternatives."""
        host, path = values["host"], values.get("base_path", "").strip()
        present = self.integration.working.definition if self.integration else Definition()
        if (values.get("scheme") or "https", host, path) == _parts(present):
            values["base_uri"] = present.api_base_uri
            return values
        path = f"/{path.strip('/')}" if path.strip("/") else ""
        values["base_uri"] = f"{values.get('scheme') or 'https'}://{host}{path}"
        return values

    def save(self) -> None:
        definition: Definition = self.saved.working.definition
        parts: dict[str, Any] = {"api_base_uri": self.cleaned_data["base_uri"]}
        if self.cleaned_data["method"] != definition.auth.type:
            parts["auth"] = services.auth_of(revision=self.saved.working, kind=self.cleaned_data["method"])
        elif self.saved.working.auth_undecided:
            parts["auth"] = definition.auth
        services.change_definition(integration=self.saved, **parts)


class PaginationTypeForm(StepForm):
    json_names = {"type": "pagination.type"}

    type = forms.ChoiceField(
        label="Pagination type",
        choices=[(kind, form.part.label) for kind, form in PAGINATION_FORMS.items()],
        widget=ChoiceCards(cards={kind: form.card for kind, form in PAGINATION_FORMS.items()}),
        help_text="What most of the API's lists do. A single action may have a pagination of its own.",
    )

    def shown(self, integration: Integration) -> dict[str, Any]:
        return {"type": integration.working.definition.pagination.type}

    def save(self) -> None:
        present = self.saved.working.definition.pagination
        kind = self.cleaned_data["type"]
        if kind == present.type:
            return
        # What was entered and the types have in common stays: results key, page size, page limit. Their defaults may differ.
        fresh, usual = PAGINATION_FORMS[kind].part().dump(), type(present)().dump()
        kept = {name: value for name, value in present.dump().items() if name in fresh and value != usual[name]}
        services.change_definition(integration=self.saved, pagination={**fresh, **kept, "type": kind})


class StatusCards(ChoiceCards):
    """Draft is shown with its meaning, but what has been finalized never goes back to it."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        if value == Integration.Status.DRAFT:
            option["attrs"]["disabled"] = True
        return option


class StatusForm(forms.Form):
    status = forms.ChoiceField(
        label="Who can install it",
        required=False,
        choices=Integration.Status.choices,
        widget=StatusCards(
            cards={
                "draft": Card(
                    "Not finalized: it can be edited, but not installed. No longer possible, because it has been finalized.",
                    (),
                    "file-pen-line",
                ),
                "published": Card("Your organization and every organization below it can install it.", (), "eye"),
                "hidden": Card("Nobody can install it. It can still be edited.", (), "eye-off"),
                "deprecated": Card("On its way out: who uses it sees that and goes on, nobody new can install it.", (), "archive"),
            }
        ),
    )
