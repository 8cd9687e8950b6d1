"""The step Webhooks: how the vendor's webhooks prove where they come from, how it confirms an address, where id and kind stand."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms

from integrations import services
from integrations.definition import PRESETS, VERIFICATION_CLASSES, Webhook
from integrations.models import Integration
from integrations.refusals import Invalid, Refusal
from integrations.wizard.answer_forms import into_rows
from integrations.wizard.base_forms import StepForm
from integrations.wizard.inputs import lines, text
from integrations.wizard.object_rows import RowForm, RowsField
from integrations.wizard.setting_fields import LinesField, WordsField

NOTHING: Final = ""
PRESET: Final = "preset:"
# Fields of the form by the type of verification: name of the setting, name of the field.
SETTINGS: Final[dict[str, dict[str, str]]] = {
    "hmac": {
        name: f"signature_{name}" if name == "prefix" else name
        for name in "header algorithm encoding prefix parts joined_by timestamp tolerance separator key secret_encoding secret_prefix".split()
    },
    "token": {"source": "source", "prefix": "token_prefix"},
    "jwt": {
        "header": "jwt_header", "prefix": "jwt_prefix", "algorithms": "algorithms", "jwks_uri": "jwks_uri", "issuer": "issuer",
        "audience": "audience", "body_claim": "body_claim", "tolerance": "jwt_tolerance",
    },
}  # fmt: skip


class HandshakeRow(RowForm):
    lead = ("value", "reply", "name", "when")
    more = "Condition, verify token …"
    shape = "four"
    value = forms.CharField(required=False, label="Value at", widget=text(placeholder="query:challenge"))
    reply = forms.ChoiceField(required=False, label="Goes back as", choices=[("text", "Plain text"), ("json", "JSON, under the name"), ("header", "The header of the name")])  # fmt: skip
    name = forms.CharField(required=False, label="Name", widget=text(placeholder="challenge"))
    when = forms.CharField(required=False, label="If at this place", widget=text(placeholder="body:type"))
    equals = forms.CharField(required=False, label="stands", widget=text(placeholder="url_verification"))
    token = forms.CharField(
        required=False,
        label="Verify token at",
        widget=text(placeholder="query:hub.verify_token"),
        help_text="Where the text stands that the connection has to know.",
    )
    signed = forms.BooleanField(required=False, label="Has to be signed like a message")


def _choices() -> list[Any]:
    kinds = [(name, kind.label) for name, kind in VERIFICATION_CLASSES.items()]
    vendors = [(f"{PRESET}{preset.name}", preset.title) for preset in PRESETS.values()]
    return [(NOTHING, "The vendor sends none, or they are not used"), ("As a known vendor", vendors), ("In a way of its own", kinds)]


def _line(label: str, placeholder: str, help_text: str = "", **options: Any) -> forms.CharField:
    return forms.CharField(required=False, label=label, widget=text(placeholder=placeholder), help_text=help_text, **options)


def _choice(label: str, *names: str) -> forms.ChoiceField:
    return forms.ChoiceField(required=False, label=label, choices=[(name, name) for name in names])


class WebhooksForm(StepForm):
    """A known vendor stands for all of its settings; every other field counts for a way of one's own."""

    kind = forms.ChoiceField(required=False, label="Messages prove where they come from", choices=_choices)
    header = _line("Header of the signature", "X-Signature")
    algorithm = _choice("Algorithm", "sha256", "sha1", "sha512")
    encoding = _choice("Encoding", "hex", "base64", "base64url")
    signature_prefix = _line("Prefix", "sha256=", "What stands before the signature in the header.", strip=False)
    parts = LinesField(
        label="Signed parts, one a line",
        help_text="body, timestamp, url, method, header:NAME, text:WORDS; in the order in which they are signed.",
    )
    joined_by = _line("Joined by", ".", "What stands between the parts.", strip=False)
    timestamp = _line(
        "Timestamp",
        "header:X-Timestamp",
        "Where the moment stands that is signed along: header:NAME, or signature:KEY in the header of the signature.",
    )
    tolerance = forms.IntegerField(required=False, label="Seconds by which it may differ", help_text="0: any.")
    separator = forms.ChoiceField(
        required=False,
        label="Several signatures are split by",
        choices=[("", "There is one"), (" ", "A blank"), (",", "A comma"), (";", "A semicolon")],
    )
    key = _line("Key of the signature", "v1", "Where the header is a list of pairs, such as t=…,v1=….", strip=False)
    secret_encoding = _choice("The secret is written in", "text", "base64", "hex")
    secret_prefix = _line("Prefix of the secret", "whsec_", "It is taken off.", strip=False)
    source = _line("Token at", "header:X-Webhook-Token", "header:NAME, query:NAME, body:PATH or form:NAME.")
    token_prefix = _line("Prefix of the token", "", strip=False)
    jwt_header = _line("Header of the token", "Authorization")
    jwt_prefix = _line("Prefix of the token", "Bearer ", strip=False)
    algorithms = WordsField(
        label="Algorithms", placeholder="RS256", help_text="HS256 and the like use a secret, RS, PS, ES and EdDSA a public key."
    )
    jwks_uri = _line("List of public keys (JWKS)", "https://example.com/.well-known/jwks.json", "Empty: each connection enters the key.")
    issuer = _line("Issuer", "https://example.com")
    audience = _line("Audience", "")
    body_claim = _line("Claim with the SHA-256 of the body", "request_body_sha256")
    jwt_tolerance = forms.IntegerField(required=False, label="Seconds by which its times may differ")
    event_id = _line("Id of a message at", "header:X-Event-Id", "By it a message that comes twice is known.")
    event_type = _line("Kind of event at", "body:type")
    handshakes = RowsField(
        HandshakeRow, add="Add a question", most=5, label="Questions by which an address is confirmed", help_text="Places are header:NAME, body:PATH, query:NAME, form:NAME."
    )  # fmt: skip
    handle = forms.CharField(
        required=False,
        label="Expression for other questions",
        widget=lines(),
        help_text="JSONata over body, query, headers and method. A text goes back as it is; an object of the type verify gives the whole answer.",
    )
    transform = forms.CharField(
        required=False,
        label="Expression that makes the body",
        widget=lines(),
        help_text="JSONata over the same: what actions see as event.body.",
    )

    FOLDS: ClassVar[tuple[tuple[str, str], ...]] = (("hmac", "HMAC signature"), ("token", "Fixed token"), ("jwt", "JWT"))
    BESIDE: ClassVar[tuple[str, ...]] = ("event_id", "event_type", "handshakes", "handle", "transform")

    def json_name(self, field: str) -> str:
        for names in SETTINGS.values():
            for setting, name in names.items():
                if name == field:
                    return f"webhook.verification.{_camel(setting)}"
        return "webhook.verification.type" if field == "kind" else f"webhook.{_camel(field)}"

    def shown(self, integration: Integration) -> dict[str, Any]:
        webhook = integration.working.definition.webhook
        present = webhook or Webhook()
        values: dict[str, Any] = {}
        for kind, names in SETTINGS.items():
            part = present.verification if present.verification.type == kind else VERIFICATION_CLASSES[kind]()
            values |= {name: getattr(part, setting) for setting, name in names.items()}
        values |= {name: getattr(present, name) for name in self.BESIDE if name != "handshakes"}
        values["handshakes"] = [one.model_dump() for one in present.handshakes]
        known = webhook is not None and webhook.preset in PRESETS and PRESETS[webhook.preset].webhook == webhook
        return values | {"kind": NOTHING if webhook is None else f"{PRESET}{webhook.preset}" if known else present.verification.type}

    def save(self) -> None:
        services.change_definition(integration=self.saved, webhook=self._webhook())

    def _webhook(self) -> dict[str, Any] | None:
        given = self.cleaned_data
        kind = given["kind"]
        if kind == NOTHING:
            return None
        if kind.startswith(PRESET):
            return PRESETS[kind.removeprefix(PRESET)].webhook.dump()
        settings = {_camel(setting): given[name] for setting, name in SETTINGS.get(kind, {}).items() if given[name] is not None}
        # A form that leaves these out takes what is usual.
        usual = ("parts", "algorithms", "algorithm", "encoding", "secretEncoding")
        settings = {name: value for name, value in settings.items() if value or name not in usual}
        webhook = {_camel(name): given[name] for name in self.BESIDE if name != "handshakes"}
        present = self.saved.working.definition.webhook
        # A form that came without the rows, as a program may send one, leaves them as they are.
        rows = (
            given["handshakes"] if "handshakes-TOTAL_FORMS" in self.data else [one.dump() for one in present.handshakes] if present else []
        )
        return {**webhook, "verification": {"type": kind, **settings}, "handshakes": rows}

    def refuse(self, refusal: Refusal) -> None:
        if isinstance(refusal, Invalid):
            refusal = Invalid(into_rows(self, "handshakes", "webhook.handshakes", refusal.errors))
        super().refuse(refusal)

    @property
    def folds(self) -> list[dict[str, Any]]:
        """The settings of each way of one's own, folded unless they count."""
        chosen = self["kind"].value()
        found = []
        for kind, title in self.FOLDS:
            fields = [self[name] for name in SETTINGS[kind].values()]
            found.append({"title": title, "fields": fields, "open": chosen == kind or any(field.errors for field in fields)})
        return found

    @property
    def beside_fields(self) -> list[Any]:
        return [self[name] for name in self.BESIDE]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
