"""What a connection sets for itself, as fields of its form: headers, its test, formats, the way to the server.

Fields are named as the services' errors name them (`options.ping.uri`, `networkSecrets.clientKey`). A group that was not
sent changes nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from django import forms

from connections.options import ConnectionOptions
from integrations.definition import Definition, Ping
from integrations.wizard.answer_forms import FORMATS
from integrations.wizard.inputs import PLAIN, text
from integrations.wizard.json_fields import JsonObjectField
from integrations.wizard.rows import PairRows, PairsField
from integrations.wizard.setting_fields import LinesField, YesNoField

HEADERS, PING, MEDIA, NETWORK, SECRETS = "options.headers", "options.ping.", "options.mediaTypes.", "options.network.", "networkSecrets."
PACE: Final = "options.pace."
_STORED: Final = "Stored. Leave empty to keep it."


@dataclass(frozen=True)
class OptionGroup:
    """Fields that most connections need not touch, folded away. `used` says that something is set, `opened` that something is wrong."""

    title: str
    help: str
    opened: bool
    used: bool
    fields: list[forms.BoundField] = field(default_factory=list)
    warning: str = ""


class UnshownText(forms.Textarea):
    """A text of several lines whose value is never sent back, such as a private key."""

    def format_value(self, value: Any) -> None:  # noqa: ARG002 - the signature of Django
        return None


def option_fields(definition: Definition, options: ConnectionOptions, stored: Collection[str]) -> dict[str, forms.Field]:
    """The fields with what holds now; `stored` names the secrets of the network that there are."""
    ping = options.ping or definition.ping or Ping()
    types, network = options.media_types, options.network
    found: dict[str, forms.Field] = {
        HEADERS: PairsField(
            required=False,
            label="HTTP headers",
            initial=options.headers,
            widget=PairRows(name_label="Header name", add="Add a header"),
            help_text="They go along with every call of this connection, and before the integration's of the same name. "
            "Everybody who sees the connection reads them: no secrets, but {{settings.name}} and {{credentials.name}} may stand here.",
        ),
        f"{PING}method": forms.ChoiceField(
            required=False, label="Method", initial=ping.method, choices=[(name, name) for name in ("GET", "POST", "PUT", "HEAD")]
        ),
        f"{PING}uri": forms.CharField(
            required=False,
            label="Relative URI",
            initial=ping.uri,
            widget=text(placeholder="/me"),
            help_text="Relative to the base URI. A small request that works for this account and changes nothing.",
        ),
        f"{PING}body": JsonObjectField(nothing=None, label="Body", initial=ping.body, help_text="A JSON object, for POST and PUT."),
        f"{PING}successPath": forms.CharField(
            required=False,
            label="Success path",
            initial=ping.success_path,
            widget=text(placeholder="ok"),
            help_text="Only for APIs that answer 200 whatever happens: where the answer says whether it worked. Slack, for example: ok.",
        ),
        f"{PING}successValues": LinesField(
            label="Success values",
            initial=ping.success_values,
            help_text="One a line, compared exactly, in upper and lower case. Any of them means success. None: anything but false, 0 and empty.",
        ),
        f"{PING}allowArrayForSuccessPath": forms.BooleanField(
            required=False, label="A list may stand at the success path; one of its values has to fit", initial=ping.allow_array_for_success_path
        ),
        f"{PING}failPath": forms.CharField(
            required=False,
            label="Fail path",
            initial=ping.fail_path,
            widget=text(placeholder="error.code"),
            help_text="Where the answer says that it failed. It counts before anything else, even with status 200.",
        ),
        f"{PING}failValues": LinesField(
            label="Fail values", initial=ping.fail_values, help_text="One a line, compared exactly. None: anything but false, 0 and empty."
        ),
        f"{PING}errorPath": forms.CharField(
            required=False,
            label="Message path",
            initial=ping.error_path,
            widget=text(placeholder="error.message"),
            help_text="Where the answer says why, for people to read.",
        ),
        f"{MEDIA}request": _kinds("Request bodies", types.request, "What an action sends as JSON is sent as this instead."),
        f"{MEDIA}success": _kinds("Answers", types.success, "Otherwise the Content-Type of each answer says what it is."),
        f"{MEDIA}error": _kinds("Errors", types.error, "Answers with a status from 400 on."),
        f"{MEDIA}charset": forms.CharField(
            required=False,
            label="Character set",
            initial=types.charset,
            widget=text(placeholder="utf-8"),
            help_text="Of answers that name none, for example iso-8859-1.",
        ),
        f"{NETWORK}authorities": _pem(
            "Certificate authorities to trust", network.authorities, "Besides the usual ones: that of your own company, or the certificate of a server that signed its own."
        ),
        f"{NETWORK}clientCertificate": _pem("Client certificate", network.client_certificate, "If the server wants one (mTLS). The chain may follow it."),
        f"{SECRETS}clientKey": forms.CharField(
            required=False,
            label="Private key of the client certificate",
            strip=False,
            widget=UnshownText(attrs={"rows": "3", "class": "mono", **PLAIN, "data-keep": True, **_placeholder("clientKey", stored, "-----BEGIN PRIVATE KEY-----")}),
        ),
        f"{SECRETS}passphrase": _secret("Passphrase of the key", "passphrase", stored, "If the key, or the PFX file, is encrypted."),
        f"{SECRETS}pfx": forms.FileField(
            required=False,
            label="Certificate and key as a PFX file",
            widget=forms.FileInput(attrs={"accept": ".pfx,.p12,application/x-pkcs12"}),
            help_text="Instead of the two texts above.",
            error_messages={"empty": "The file is empty. Choose another one."},
        ),
        f"{NETWORK}minimumTls": forms.ChoiceField(
            required=False,
            label="Smallest TLS version",
            initial=network.minimum_tls,
            choices=[("", "As usual (1.2)"), ("1.2", "TLS 1.2"), ("1.3", "TLS 1.3")],
        ),
        f"{NETWORK}verifyTls": YesNoField(
            label="Verify the server's certificate",
            initial=network.verify_tls,
            help_text="With No anybody on the way can pretend to be the server and read the credentials. Better is to name its authority above.",
        ),
        f"{NETWORK}proxy": forms.CharField(
            required=False,
            label="Outbound proxy",
            initial=network.proxy,
            widget=text(placeholder="http://proxy.example.com:3128", inputmode="url"),
            help_text="Calls go through it by CONNECT. A user name may stand before the host: http://user@proxy.example.com:3128.",
        ),
        f"{SECRETS}proxyPassword": _secret("Password of the proxy", "proxyPassword", stored, ""),
        f"{PACE}autoRecover": YesNoField(
            label="Recover by itself",
            initial=options.pace.auto_recover,
            help_text="With Yes half as many requests are sent at once when the vendor says that there were too many, and then one more every 10 seconds.",
        ),
        f"{PACE}targetConcurrency": forms.CharField(
            required=False,
            label="Requests at once to return to",
            initial=options.pace.target_concurrency,
            widget=text(placeholder="25", inputmode="numeric"),
            help_text="1 to 50, and never more than Requests at once under Limits. Empty: as many as stand there.",
        ),
    }  # fmt: skip
    return found


def _kinds(label: str, value: str, note: str) -> forms.ChoiceField:
    choices = [("", "As the integration says"), *FORMATS.items()]
    return forms.ChoiceField(required=False, label=label, initial=value, choices=choices, help_text=note)


def _pem(label: str, value: str, note: str) -> forms.CharField:
    attrs = {"rows": "3", "class": "mono", **PLAIN, "placeholder": "-----BEGIN CERTIFICATE-----"}
    return forms.CharField(required=False, label=label, initial=value, help_text=note, widget=forms.Textarea(attrs=attrs))


def _placeholder(name: str, stored: Collection[str], otherwise: str = "") -> dict[str, str]:
    shown = _STORED if name in stored else otherwise
    return {"placeholder": shown} if shown else {}


def _secret(label: str, name: str, stored: Collection[str], note: str) -> forms.CharField:
    attrs: dict[str, Any] = {"autocomplete": "new-password", "data-keep": True, **_placeholder(name, stored)}
    return forms.CharField(required=False, label=label, strip=False, help_text=note, widget=forms.PasswordInput(attrs=attrs))


class OptionFields(forms.Form):
    """The part of a connection's form that sets these; `add_options` gives it its fields."""

    def add_options(self, definition: Definition, options: ConnectionOptions, stored: Collection[str]) -> None:
        self._definition, self._options = definition, options
        self._option_names = list(option_fields(definition, options, stored))
        self.fields.update(option_fields(definition, options, stored))

    @property
    def option_groups(self) -> list[OptionGroup]:
        present, none = self._options, ConnectionOptions()
        ping_note = "The request behind the button Test connection and the regular check. " + (
            "This connection has one of its own."
            if present.ping
            else "Shown is that of the integration; what you change holds for this connection only."
        )
        insecure = "" if present.network.verify_tls else "The server's certificate is not verified: credentials may be read on the way."
        return [
            self._group("HTTP headers", "", (HEADERS,), bool(present.headers)),
            self._group("Connection test", ping_note, (PING,), present.ping is not None),
            self._group("Formats", "In which format bodies are sent and read, where it differs from what the integration says.", (MEDIA,), present.media_types != none.media_types),
            self._group("Network", "Certificates, TLS and a proxy, for servers of your own and vendors that want a certificate.", (NETWORK, SECRETS), present.network != none.network, insecure),
            self._group("Pace", "What happens when the vendor says that there are too many requests.", (PACE,), present.pace != none.pace),
        ]  # fmt: skip

    def _group(self, title: str, note: str, starts: tuple[str, ...], used: bool, warning: str = "") -> OptionGroup:
        bound = [self[name] for name in self._option_names if name.startswith(starts)]
        return OptionGroup(title, note, any(one.errors for one in bound), used, bound, warning)

    @property
    def options(self) -> dict[str, Any]:
        """What was sent of the options, as the service takes them."""
        self.full_clean()
        found: dict[str, Any] = {}
        if f"{HEADERS}-name" in self.data:
            found["headers"] = self._value(HEADERS) or {}
        if f"{PING}method" in self.data:
            found["ping"] = self._ping()
        for start, key in ((MEDIA, "mediaTypes"), (NETWORK, "network"), (PACE, "pace")):
            names = [name for name in self._option_names if name.startswith(start) and name in self.data]
            if names:
                present = self._options.dump()[key]
                given = {name.removeprefix(start): self._value(name) for name in names}
                found[key] = {**present, **{name: value for name, value in given.items() if value is not None}}
        return found

    @property
    def network_secrets(self) -> dict[str, str]:
        """The secrets of the network that were entered. An empty field is none: the stored one holds."""
        found = {}
        for name in self._option_names:
            if name.startswith(SECRETS) and name != f"{SECRETS}pfx" and str(self.data.get(name, "")).strip():
                found[name.removeprefix(SECRETS)] = str(self.data[name]).strip()
        if file := self.files.get(f"{SECRETS}pfx"):
            file.seek(0)
            found["pfx"] = base64.b64encode(file.read(200_000)).decode()
        return found

    def _value(self, name: str) -> Any:
        """The cleaned value; what does not fit as it was sent, so that the service says so."""
        return self.cleaned_data[name] if name in self.cleaned_data else self.data.get(name)

    def _ping(self) -> dict[str, Any] | None:
        """The test of this connection, None where it is that of the integration."""
        usual = self._definition.ping or Ping()
        given = {name.removeprefix(PING): self._value(name) for name in self._option_names if name.startswith(PING)}
        kept = (self._options.ping or usual).model_copy(update={"base_uri": ""}).dump()
        mine = {**kept, **given}
        return None if mine == usual.model_copy(update={"base_uri": ""}).dump() else mine
