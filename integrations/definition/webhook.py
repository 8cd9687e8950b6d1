"""What a vendor's webhooks are like: how they are signed, how an address is confirmed, where their id and their kind stand."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from integrations import formulas, paths
from integrations.definition.parts import CONTROL, HeaderName, Part, Url, choice, header_name, is_order

PLACES = ("header", "body", "query", "form")
_LONGEST = 300


def source(value: str) -> str:
    """`header:X-Event`, `body:data.id` (a path into JSON), `query:challenge`, `form:field`; "" for nowhere."""
    if not value:
        return value
    place, colon, name = value.partition(":")
    if place not in PLACES or not colon or not name.strip():
        raise ValueError(f"{value} names no place. Write for example header:X-Event-Id, body:data.id, query:challenge or form:id.")
    if place == "header":
        header_name(name)
    if place == "body":
        paths.check(name)
    return value


Source = Annotated[str, Field(max_length=_LONGEST), AfterValidator(source)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]


def _line(value: str) -> str:
    if CONTROL.search(value):
        raise ValueError("Enter one line without control characters.")
    return value


# Blanks at the ends count here, so that these are not stripped.
Literally = Annotated[str, Field(max_length=50), AfterValidator(_line)]


def _part(value: str) -> str:
    if value in ("body", "timestamp", "url", "method") or value.startswith("text:"):
        return _line(value)
    if value.startswith("header:") and value != "header:":
        header_name(value.removeprefix("header:"))
        return value
    raise ValueError(f"{value} is no part that is signed. There are body, timestamp, url, method, header:NAME and text:WORDS.")


SignedPart = Annotated[str, Field(max_length=_LONGEST), AfterValidator(_part)]


class NoVerification(Part):
    """Whoever knows the address is believed."""

    label: ClassVar[str] = "Only the secret address"
    type: Literal["none"] = "none"


class HmacVerification(Part):
    """A signature of the body, and of what else `parts` name, joined by `joinedBy`.

    The header holds it in `encoding`, after `prefix`; several are split by `separator`. With a `key` the header is a list
    of pairs such as `t=1700000000,v1=…`, of which those with that key count. `timestamp` says where the moment stands that
    is signed along: a `header:…`, or `signature:…` for one of the pairs; it may differ from now by `tolerance` seconds, 0 for
    any. The secret is used as text, or decoded from `secretEncoding` after `secretPrefix` is taken off.
    """

    label: ClassVar[str] = "HMAC signature"
    type: Literal["hmac"] = "hmac"
    algorithm: Annotated[Literal["sha1", "sha256", "sha512"], BeforeValidator(choice)] = "sha256"
    encoding: Annotated[Literal["hex", "base64", "base64url"], BeforeValidator(choice)] = "hex"
    header: HeaderName = ""
    prefix: Literally = ""
    separator: Annotated[Literal["", " ", ",", ";"], Field()] = ""
    key: Literally = ""
    parts: list[SignedPart] = Field(default_factory=lambda: ["body"], min_length=1, max_length=10)
    joined_by: Literally = ""
    timestamp: Annotated[str, Field(max_length=_LONGEST)] = ""
    tolerance: Seconds = 300
    secret_encoding: Annotated[Literal["text", "base64", "hex"], BeforeValidator(choice)] = "text"
    secret_prefix: Literally = ""

    model_config = Part.model_config | {"str_strip_whitespace": False}

    @field_validator("timestamp")
    @classmethod
    def _known_place(cls, value: str) -> str:
        if value.startswith("signature:") and value != "signature:":
            return value
        return source(value)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "body" not in self.parts:
            raise ValueError("A signature that leaves out the body proves nothing about it. Add body to the signed parts.")
        if "timestamp" in self.parts and not self.timestamp:
            raise ValueError("The timestamp is signed along. Say where it stands, for example header:X-Timestamp.")
        if self.timestamp and "timestamp" not in self.parts:
            raise ValueError("A timestamp that is not signed can be set to any time. Add timestamp to the signed parts, or leave it out.")
        if self.timestamp.startswith("signature:") and not self.key:
            raise ValueError(
                "The timestamp stands in the signature's header, so that header is a list of pairs. Enter the key of the signature, for example v1."
            )
        return self


class TokenVerification(Part):
    """A fixed value that the vendor sends along. It proves nothing about the body, and whoever reads one message knows it."""

    label: ClassVar[str] = "Fixed token"
    type: Literal["token"] = "token"
    source: Source = "header:X-Webhook-Token"
    prefix: Literally = ""

    model_config = Part.model_config | {"str_strip_whitespace": False}

    @field_validator("source")
    @classmethod
    def _somewhere(cls, value: str) -> str:
        if not value:
            raise ValueError("Say where the token stands, for example header:X-Gitlab-Token.")
        return value


class BasicVerification(Part):
    """User name and password (RFC 7617)."""

    label: ClassVar[str] = "Basic"
    type: Literal["basic"] = "basic"


JwtAlgorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
SHARED = frozenset({"HS256", "HS384", "HS512"})


class JwtVerification(Part):
    """A signed token (RFC 7519). Its key is the connection's secret, a public key that the connection enters, or one of `jwksUri`.

    `bodyClaim` names the claim that holds the SHA-256 of the body in hex, "" where the vendor has none. `tolerance` is
    for `exp`, `nbf` and `iat`, seconds; a token without `exp` may be as old as that.
    """

    label: ClassVar[str] = "JWT"
    type: Literal["jwt"] = "jwt"
    header: HeaderName = "Authorization"
    prefix: Literally = "Bearer "
    algorithms: list[JwtAlgorithm] = Field(default=["HS256"], min_length=1, max_length=13)
    jwks_uri: Url = ""
    issuer: Annotated[str, Field(max_length=500)] = ""
    audience: Annotated[str, Field(max_length=500)] = ""
    body_claim: Annotated[str, Field(max_length=100)] = ""
    tolerance: Seconds = 300

    model_config = Part.model_config | {"str_strip_whitespace": False}

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        shared = SHARED.intersection(self.algorithms)
        if shared and shared != set(self.algorithms):
            # A public key would be taken for a shared secret, which everybody knows.
            raise ValueError("HS algorithms and public keys cannot be mixed. Choose the ones that the vendor uses.")
        if shared and self.jwks_uri:
            raise ValueError("HS algorithms use a shared secret; a list of public keys belongs to RS, PS, ES and EdDSA.")
        return self


Verification = Annotated[
    NoVerification | HmacVerification | TokenVerification | BasicVerification | JwtVerification, Field(discriminator="type")
]
VERIFICATION_CLASSES = {
    kind.model_fields["type"].default: kind
    for kind in (NoVerification, HmacVerification, TokenVerification, BasicVerification, JwtVerification)
}


class Handshake(Part):
    """A question by which the vendor makes sure that the address is ours; it is answered with the value at `value`.

    It is one when that value is there and, with `when`, the text at that place is `equals`. The answer is the value as plain
    text, a JSON object with the value at `name`, or the header `name`. With `token` the text at that place has to be the
    connection's verify token. What is `signed` has to pass the verification first.
    """

    value: Source
    when: Source = ""
    equals: Annotated[str, Field(max_length=200)] = ""
    reply: Annotated[Literal["text", "json", "header"], BeforeValidator(choice)] = "text"
    name: Annotated[str, Field(max_length=100)] = ""
    token: Source = ""
    signed: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.value:
            raise ValueError("Say where the value stands that is sent back, for example query:challenge.")
        if self.when and not self.equals:
            raise ValueError("Enter the text by which such a question is known, for example url_verification.")
        if self.reply == "json" and not self.name:
            raise ValueError("Enter the name under which the value goes back, for example challenge.")
        if self.reply == "header":
            if not self.name:
                raise ValueError("Enter the header in which the value goes back, for example X-Hook-Secret.")
            if not header_name(self.name).lower().startswith("x-"):
                raise ValueError("The value goes back in a header of the vendor's own, which begins with X-.")
            if is_order(self.name):
                raise ValueError(f"{self.name} is an order to the web server in front of Junction. Use the vendor's own header.")
        return self


def _formula(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        formulas.check(value.strip())
    return value


Formula = Annotated[str, Field(max_length=formulas.LONGEST), BeforeValidator(_formula)]


class Webhook(Part):
    """How webhooks of the vendor are checked and read.

    `event_id` is where the id stands by which a message that comes twice is known, `event_type` where its kind stands.
    `handle` is a JSONata expression over `body`, `query`, `headers` and `method`, looked at before anything else: a text is
    sent back, `{"type": "verify", "verification_response": {"status_code", "body", "headers"}}` is the answer, `{"type":
    "meta"}` is listed and starts nothing, and nothing goes on. `transform` is one over the same that makes what actions see
    as the event's body.
    """

    preset: Annotated[str, Field(max_length=50)] = ""
    verification: Verification = Field(default_factory=NoVerification)
    handshakes: list[Handshake] = Field(default_factory=list, max_length=5)
    event_id: Source = ""
    event_type: Source = ""
    handle: Formula = ""
    transform: Formula = ""


def webhook_gaps(webhook: Webhook | None) -> list[str]:
    """What an address for webhooks lacks before it can believe a message, as sentences."""
    if webhook is None:
        return []
    verification = webhook.verification
    if isinstance(verification, HmacVerification) and not verification.header:
        return ["The integration does not say in which header the signature of a webhook stands."]
    if isinstance(verification, JwtVerification) and not verification.header:
        return ["The integration does not say in which header the token of a webhook stands."]
    return []
