"""What the forms of all methods of authentication have: what goes along with every request, connection fields, the test; groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from integrations import services
from integrations.definition import Part, Ping
from integrations.models import Integration
from integrations.refusals import Invalid, Refusal
from integrations.wizard.base_forms import PartForm
from integrations.wizard.inputs import text
from integrations.wizard.json_fields import JsonObjectField
from integrations.wizard.object_rows import RowForm, RowsField, refuse_row
from integrations.wizard.rows import PairRows, PairsField
from integrations.wizard.setting_fields import LinesField

PLACES = {"header": "A header", "query": "A parameter of the URL", "cookie": "A cookie", "body": "A field of the body"}


@dataclass(frozen=True)
class Group:
    """Fields that most APIs need not touch, folded away under a title. `only_for` are the grants that have them; none: all."""

    title: str
    fields: tuple[str, ...]
    help: str = ""
    only_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """A group as the page draws it."""

    title: str
    help: str
    grants: str
    opened: bool
    used: bool
    items: list[dict[str, Any]] = field(default_factory=list)


class PlacementRow(RowForm):
    lead = ("location", "name", "value")
    location = forms.ChoiceField(required=False, label="Sent in", choices=list(PLACES.items()))
    name = forms.CharField(required=False, label="Name", widget=text(placeholder="X-API-Key"))
    value = forms.CharField(required=False, label="Value", widget=text(placeholder="{{credentials.apiKey}}"))


class ConnectionFieldRow(RowForm):
    lead = ("name", "label", "type")
    more = "Help, default, pattern …"
    name = forms.CharField(required=False, label="Name", widget=text(placeholder="subdomain"))
    label = forms.CharField(required=False, label="Label", widget=text(placeholder="Subdomain"))
    type = forms.ChoiceField(
        required=False,
        label="Type",
        choices=[("text", "Text"), ("password", "Secret"), ("select", "Choice"), ("number", "Number")],
    )
    required = forms.BooleanField(required=False, initial=True, label="Required", widget=forms.CheckboxInput(attrs={"data-ticked": True}))
    help = forms.CharField(required=False, label="Help", help_text="Where whoever connects finds the value.")
    default = forms.CharField(
        required=False, label="Default", widget=text(), help_text="Taken where nothing is entered. A secret has none."
    )
    placeholder = forms.CharField(required=False, label="Example", widget=text(), help_text="Shown in the empty input.")
    prefix = forms.CharField(  # type: ignore[assignment]  # a field of this name, no prefix of the form
        required=False,
        label="Prefix",
        widget=text(placeholder="https://"),
        help_text="Shown before the input; taken off where it was pasted along.",
    )
    suffix = forms.CharField(
        required=False, label="Suffix", widget=text(placeholder=".example.com"), help_text="Shown behind the input; taken off likewise."
    )
    pattern = forms.CharField(
        required=False,
        label="Pattern",
        widget=text(placeholder="^[a-z0-9-]+$"),
        help_text="A regular expression that the value has to match.",
    )
    options = LinesField(label="Options", help_text="Of a choice, one a line.")
    format = forms.ChoiceField(
        required=False,
        label="Format",
        choices=[("", "Any"), ("hostname", "Host name"), ("uri", "URL"), ("uuid", "UUID"), ("email", "E-mail address")],
    )
    transform = forms.ChoiceField(
        required=False,
        label="Stored as",
        choices=[("", "Entered"), ("lowercase", "Small letters"), ("uppercase", "Capitals"), ("sha256", "Its SHA-256, in hexadecimal")],
        help_text="What the vendor wants to get in place of the value itself.",
    )
    multiline = forms.BooleanField(required=False, label="Several lines, such as a private key")
    hidden = forms.BooleanField(required=False, label="Not asked for: the default holds, or what a program sets")


def credential_fields() -> RowsField:
    return RowsField(
        ConnectionFieldRow,
        add="Add a credential",
        label="Credentials",
        help_text="Label, help and pattern of what a connection is asked for; the name is that of {{credentials.name}}.",
    )


CREDENTIALS = Group(
    "How credentials are asked for", ("credential_fields",), "Where the usual labels do not say what the vendor calls them."
)
_CONNECTION = Group(
    "Connection fields",
    ("connection_fields",),
    "What each connection is asked for besides its credentials: a region, a subdomain, a tenant. "
    "Its value stands for {{settings.name}} in the base URI and in every other URL, header, parameter and body.",
)
_REQUEST = Group("Headers and parameters of every request", ("headers", "query"))
_TEST = Group(
    "More about the connection test",
    ("ping_alternatives", "ping_headers", "ping_body", "ping_base_uri"),
    "For APIs whose test is no plain GET below the base URI.",
)
_VERDICT = Group(
    "How the answer to the test is judged",
    (
        "ping_success_path",
        "ping_success_values",
        "ping_allow_array_for_success_path",
        "ping_fail_path",
        "ping_fail_values",
        "ping_error_path",
    ),
    "Only for APIs that answer 200 whatever happens and say in the body whether it worked, as Slack does with ok.",
)


class AuthForm(PartForm):
    """Defaults of a method; beside them what every integration has.

    `groups` are the folded parts. A name with `__` is a setting inside another (`assertion__algorithm`). What the sent
    form does not hold stays as it is.
    """

    field = "auth"
    groups: ClassVar[tuple[Group, ...]] = ()
    only_for: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    beside = (
        "headers", "query", "connection_fields",
        "ping_method", "ping_uri", "ping_alternatives", "ping_headers", "ping_body", "ping_base_uri", *_VERDICT.fields,
    )  # fmt: skip
    json_names = {
        "headers": "headers",
        "query": "query",
        "connection_fields": "connectionFields",
        "ping_method": "ping.method",
        "ping_uri": "ping.uri",
        "ping_alternatives": "ping.alternatives",
        "ping_headers": "ping.headers",
        "ping_body": "ping.body",
        "ping_base_uri": "ping.baseUri",
        **{name: f"ping.{to_camel(name.removeprefix('ping_'))}" for name in _VERDICT.fields},
    }

    connection_fields = RowsField(
        ConnectionFieldRow,
        add="Add a field",
        label="Connection fields",
        help_text="Each row is one input of the form by which people connect.",
    )
    headers = PairsField(
        required=False,
        label="Extra request headers",
        widget=PairRows(name_label="Header name", add="Add a header"),
        help_text="They go along with every request. Some APIs want one, for example Accept or a version. ${user.email}, ${user.username}, "
        '${user.displayName}, ${tenant.id} and custom fields such as ${tenant.region} say who calls; || "" after a name makes it optional: '
        '${user.region || ""}. {{mapping.id}} is the customer that the organization of a run is mapped to.',
    )
    query = PairsField(
        required=False,
        label="Default query parameters",
        widget=PairRows(name_label="Parameter", add="Add a parameter"),
        help_text="They stand in the URL of every request that has none of that name.",
    )
    ping_method = forms.ChoiceField(
        label="Method",
        choices=[(name, name) for name in ("GET", "HEAD", "POST", "PUT")],
        help_text="GET for most.",
    )
    ping_uri = forms.CharField(
        required=False,
        label="Path",
        widget=text(placeholder="/me"),
        help_text="A small request that works for every account and changes nothing, such as /me or /account. It is relative to the base URI.",
    )
    ping_alternatives = LinesField(
        label="Alternative paths", help_text="One a line. They are tried in turn; the first that the vendor accepts counts."
    )
    ping_headers = PairsField(
        required=False,
        label="Headers of the test",
        widget=PairRows(name_label="Header name", add="Add a header"),
        help_text="For the test alone, besides those of every request.",
    )
    ping_body = JsonObjectField(nothing=None, label="Body of the test", help_text="A JSON object, for POST and PUT.")
    ping_base_uri = forms.CharField(
        required=False,
        label="Base URI of the test",
        widget=text(placeholder="https://accounts.example.com"),
        help_text="Only where the test lives on another server than the API.",
    )
    ping_success_path = forms.CharField(
        required=False,
        label="Success path",
        widget=text(placeholder="ok"),
        help_text="Where the answer says whether it worked.",
    )
    ping_success_values = LinesField(
        label="Success values",
        help_text="One a line, compared exactly, in upper and lower case. Any of them means success. None: anything but false, 0 and empty.",
    )
    ping_allow_array_for_success_path = forms.BooleanField(
        required=False,
        label="A list may stand at the success path",
        help_text="Then one of its values has to fit. Without the tick a list there means failure.",
    )
    ping_fail_path = forms.CharField(
        required=False,
        label="Fail path",
        widget=text(placeholder="error.code"),
        help_text="Where the answer says that it failed. It counts before anything else, even with status 200.",
    )
    ping_fail_values = LinesField(label="Fail values", help_text="One a line, compared exactly. None: anything but false, 0 and empty.")
    ping_error_path = forms.CharField(
        required=False,
        label="Message path",
        widget=text(placeholder="error.message"),
        help_text="Where the answer says why, for people to read.",
    )

    def json_name(self, field: str) -> str:
        return self.json_names.get(field) or f"{self.field}.{'.'.join(map(to_camel, field.split('__')))}"

    def shown(self, integration: Integration) -> dict[str, Any]:
        definition = integration.working.definition
        ping = definition.ping or Ping()
        return {
            **super().shown(integration),
            "headers": definition.headers,
            "query": definition.query,
            "connection_fields": definition.connection_fields,
            **{f"ping_{name}": getattr(ping, name) for name in Ping.model_fields},
        }

    def shown_part(self, part: Part | None) -> dict[str, Any]:
        present = part if isinstance(part, self.part) else self.part()
        return {name: _look_up(present, name) for name in self.base_fields if name not in self.beside}

    def value(self, present: Part | None) -> dict[str, Any]:
        base = present.dump() if isinstance(present, self.part) else self.part().dump()
        defaults = self.part().dump()
        for name in self._sent():
            if name in self.beside:
                continue
            value = self.cleaned_data[name]
            *outer, last = map(to_camel, name.split("__"))
            place, default = base, defaults
            for key in outer:
                place, default = place[key], default[key]
            place[last] = default[last] if value is None else value
        return base

    def save(self) -> None:
        definition = self.saved.working.definition
        parts = {name: self.cleaned_data[name] for name in self._sent() if name in ("headers", "query", "connection_fields")}
        services.change_definition(integration=self.saved, auth=self.value(definition.auth), ping=self._ping(definition.ping), **parts)

    def refuse(self, refusal: Refusal) -> None:
        if not isinstance(refusal, Invalid):
            super().refuse(refusal)
            return
        rest: dict[str, list[str]] = {}
        for where, sentences in refusal.errors.items():
            name = self._field_at(where)
            inner = where.removeprefix(self.json_name(name)).lstrip(".") if name else ""
            if name and isinstance(self.fields[name], RowsField) and refuse_row(self[name], inner, list(sentences)):
                rest.setdefault(self.json_name(name), ["Correct the rows that are marked below."])
            else:
                rest.setdefault(where, []).extend(sentences)
        super().refuse(Invalid(rest))

    @property
    def plain_fields(self) -> list[dict[str, Any]]:
        folded = {name for group in self.groups for name in group.fields}
        return [self._item(name) for name in self.fields if name not in self.beside and name not in folded]

    @property
    def sections(self) -> list[Shown]:
        """The folded groups of the method, then those that every method has."""
        return [self._shown(group) for group in (*self.groups, _CONNECTION, _REQUEST)]

    @property
    def test_sections(self) -> list[Shown]:
        return [self._shown(_TEST), self._shown(_VERDICT)]

    def _shown(self, group: Group) -> Shown:
        plain = Ping()
        defaults = {**self.shown_part(None), **{f"ping_{name}": getattr(plain, name) for name in Ping.model_fields}}
        used = any(self.initial.get(name) not in ("", None, [], {}, defaults.get(name)) for name in group.fields)
        opened = any(self[name].errors for name in group.fields)
        return Shown(group.title, group.help, " ".join(group.only_for), opened, used, [self._item(name) for name in group.fields])

    def _item(self, name: str) -> dict[str, Any]:
        return {"bound": self[name], "grants": " ".join(self.only_for.get(name, ()))}

    def _sent(self) -> list[str]:
        """The fields that the form was sent with. A tick box is, even where it is not ticked."""
        return [
            name
            for name, one in self.fields.items()
            if name in self.cleaned_data and not one.widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))
        ]

    def _ping(self, present: Ping | None) -> dict[str, Any] | None:
        base = present.dump() if present else {}
        sent = {name.removeprefix("ping_") for name in self._sent() if name.startswith("ping_")}
        given = {to_camel(name): self.cleaned_data[f"ping_{name}"] for name in sent}
        found = {**base, **given}
        # Without anything but a method nothing is tested but the base URI.
        return found if any(value for name, value in found.items() if name != "method" and value is not False) else None


def _look_up(part: BaseModel, name: str) -> Any:
    found: Any = part
    for key in name.split("__"):
        found = getattr(found, key)
    return found
