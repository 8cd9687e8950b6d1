"""The form of a connection: its name, what the scheme asks for, and the address where the definition leaves it open.

Fields are named as the services' errors name them (`credentials.apiKey`, `settings.baseUri`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django import forms

from connections.agents.forms import WAY_FIELDS, WayFields
from connections.auth import CredentialField, scheme_of
from connections.auth.tokens import PASTED
from connections.checking import LIMIT_FIELDS, NAME_LENGTH
from connections.limit_sharing import FIELD as SHARES
from connections.models import Agent, Connection
from connections.option_forms import OptionFields, UnshownText
from connections.options import ConnectionOptions
from connections.rates import DEFAULT_CONCURRENCY, MAX_CONCURRENCY
from connections.tokens import authorization
from integrations.definition import ConnectionField, Definition
from integrations.forms import RefusableForm
from integrations.organizations.environments import Known
from integrations.widgets import AffixedInput

CREDENTIALS = "credentials."
SETTINGS = "settings."
BASE_URI = "settings.baseUri"
ENVIRONMENT = "environment"
BELOW = "below"
_LIMITS = (
    (
        "concurrency",
        "Requests at once",
        f"1 to {MAX_CONCURRENCY}, over all runs of this connection. Empty: {DEFAULT_CONCURRENCY}. With 1, pages come one after the other.",
    ),
    ("requestsPerMinute", "Requests a minute", "At most, over all runs of this connection. Empty: as many as the vendor takes."),
)


class UnshownInput(forms.TextInput):
    """An input whose value is never sent back, as with passwords: some vendors take their key as the user name."""

    def format_value(self, value: Any) -> None:  # noqa: ARG002 - the signature of Django
        return None


class ConnectionForm(WayFields, OptionFields, RefusableForm):
    """`stored` names the credentials that the connection has, `defaults` those that come with the integration. `options` are
    what the connection sets for itself, `network_stored` the secrets of its network, `lenders` those whose limit it may borrow;
    `environments` are those in which a new connection can be. With `offers_below` it asks who below may run with the connection.

    No credential is ever sent back. Where htmx swaps the form, static/js/keep-typed.js carries over what was typed.
    """

    def __init__(
        self,
        *args: Any,
        definition: Definition,
        stored: Collection[str] = (),
        defaults: Collection[str] = (),
        options: ConnectionOptions | None = None,
        network_stored: Collection[str] = (),
        lenders: Collection[Connection] = (),
        environments: Sequence[Known] = (),
        offers_below: bool = False,
        agents: Iterable[Agent] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.offers_below = offers_below
        self.fields["name"] = forms.CharField(
            max_length=NAME_LENGTH,
            help_text="By which you tell it from others, for example Production.",
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )
        if len(environments) > 1:
            self.fields[ENVIRONMENT] = forms.ChoiceField(
                label="Environment",
                choices=[(one.slug, one.name) for one in environments],
                help_text="Runs use the connections of production, unless another environment is chosen. It stays as it is.",
            )
        self.add_way(agents)
        if definition.host_at_connect:
            path = definition.base.path
            self.fields[BASE_URI] = forms.CharField(
                label="Address of your server",
                max_length=2000,
                help_text="For example https://git.example.com." + (f" Without a path of its own, {path} is added." if path else ""),
                widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
            )
        self._hidden = {SETTINGS + one.name for one in definition.connection_fields if one.is_secret}
        for one in (field for field in definition.connection_fields if not field.hidden):
            self.fields[SETTINGS + one.name] = _setting(one, stored=SETTINGS + one.name in stored)
        self._brought = {CREDENTIALS + field.name for field in PASTED} if authorization.needs_browser(definition) else set()
        for field in (field for field in scheme_of(definition.auth).credential_fields() if not field.hidden):
            self.fields[CREDENTIALS + field.name] = _input(field, stored=field.name in stored, default=field.name in defaults)
        if self.agent_holds_credential:
            for name in (name for name in self.fields if name.startswith(CREDENTIALS)):
                self.fields[name].required = False
        for name, label, note in _LIMITS:
            widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})
            self.fields[name] = forms.CharField(label=label, required=False, help_text=note, widget=widget)
        if lenders:
            choices = [("", "It has requests of its own"), *((str(one.pk), f"{one.name} ({one.integration})") for one in lenders)]
            self.fields[SHARES] = forms.ChoiceField(
                label="Share the requests at once of",
                required=False,
                choices=choices,
                help_text="For several connections of which the vendor counts the requests together. The other one's number holds for both.",
            )
        if offers_below:
            self.fields[BELOW] = forms.ChoiceField(
                label="Who below may run with it",
                choices=Connection.Below.choices,
                initial=Connection.Below.NOBODY,
                required=False,
                help_text="Their runs then call the vendor as this account, and may see all that it sees. Settings and secrets stay hidden from them.",
            )
        self.add_options(definition, options or ConnectionOptions(), network_stored)

    @property
    def below_field(self) -> forms.BoundField | None:
        return self[BELOW] if self.offers_below else None

    @property
    def below(self) -> str | None:
        """What was chosen; None where the form did not ask."""
        return self._entered().get(BELOW) or None

    @property
    def environment(self) -> str:
        """What was chosen; "" where there is no choice."""
        return self._entered().get(ENVIRONMENT, "")

    @property
    def limit_fields(self) -> list[forms.BoundField]:
        """How often the vendor may be called; folded away, as most never need it."""
        return [self[name] for name in LIMIT_FIELDS if name in self.fields]

    @property
    def shows_limits(self) -> bool:
        return any(bound.value() or bound.errors for bound in self.limit_fields)

    @property
    def limits(self) -> dict[str, str]:
        """What was entered of LIMITS; empty for the default."""
        entered = self._entered()
        return {name: entered[name] for name in LIMIT_FIELDS if self.add_prefix(name) in self.data}

    def json_name(self, field: str) -> str:
        return field

    @property
    def main_fields(self) -> list[forms.BoundField]:
        apart = {*self._brought, *LIMIT_FIELDS, *self._option_names, *WAY_FIELDS, BELOW}
        return [self[name] for name in self.fields if name not in apart]

    @property
    def brought_fields(self) -> list[forms.BoundField]:
        """Tokens that somebody may have already; most people have none."""
        return [self[name] for name in self.fields if name in self._brought]

    @property
    def brought_open(self) -> bool:
        return any(bound.errors for bound in self.brought_fields)

    @property
    def credentials(self) -> dict[str, str]:
        """What was entered. An empty field is no credential: the stored one or the default holds."""
        return {name.removeprefix(CREDENTIALS): value for name, value in self._entered().items() if name.startswith(CREDENTIALS) and value}

    @property
    def settings(self) -> dict[str, str]:
        """The settings as they were entered; an empty secret is left out. An address may be typed without https://."""
        found = {name.removeprefix(SETTINGS): value for name, value in self._entered().items() if name.startswith(SETTINGS)}
        found = {name: value for name, value in found.items() if value or SETTINGS + name not in self._hidden}
        if address := found.get("baseUri", ""):
            found["baseUri"] = f"https://{address}" if "://" not in address and address[0] != "/" else address
        return found

    def settings_unchanged(self, present: Mapping[str, Any]) -> bool:
        """Whether the form holds the settings that a connection has."""
        return all(str(present.get(name) or "") == value for name, value in self.settings.items())

    def _entered(self) -> dict[str, str]:
        """The values as they were sent: a form with gaps can still be tested, and the services say what is missing."""
        return {name: str(self.data.get(self.add_prefix(name), "")).strip() for name in self.fields}


def _input(field: CredentialField, *, stored: bool, default: bool) -> forms.CharField:
    attrs: dict[str, Any] = {"autocomplete": field.autocomplete, "spellcheck": "false", "autocapitalize": "off", "data-keep": True}
    notes = [field.help]
    if stored:
        attrs["placeholder"] = "Stored. Leave empty to keep it."
    elif field.placeholder:
        attrs["placeholder"] = field.placeholder
    if default and not stored:
        notes.append("Leave empty to use the one that comes with the integration.")
    if field.multiline:
        widget: forms.Widget = UnshownText(attrs={**attrs, "rows": 4})
    else:
        widget = forms.PasswordInput(attrs=attrs) if field.secret else UnshownInput(attrs=attrs)
    return forms.CharField(
        label=field.label,
        required=field.required and not stored and not default,
        help_text=" ".join(filter(None, notes)),
        widget=widget,
        strip=False,
    )


def _setting(field: ConnectionField, *, stored: bool) -> forms.Field:
    """The input of a connection field. What it holds is checked by the service, which the API shares."""
    attrs: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
    if field.placeholder:
        attrs["placeholder"] = field.placeholder
    common: dict[str, Any] = {
        "label": field.title,
        "help_text": field.help,
        "required": field.required and not field.default and not stored,
        "initial": field.default or None,
    }
    if field.type == "select":
        choices = [(option, option) for option in field.options]
        return forms.ChoiceField(choices=choices if common["required"] and field.default else [("", "Choose …"), *choices], **common)
    if field.is_secret:
        attrs |= {"data-keep": True, **({"placeholder": "Stored. Leave empty to keep it."} if stored else {})}
        return forms.CharField(widget=forms.PasswordInput(attrs={**attrs, "autocomplete": "new-password"}), strip=False, **common)
    if field.prefix or field.suffix:
        return forms.CharField(widget=AffixedInput(prefix=field.prefix, suffix=field.suffix, attrs=attrs), **common)
    return forms.CharField(
        widget=forms.TextInput(attrs={**attrs, **({"inputmode": "decimal"} if field.type == "number" else {})}), **common
    )
