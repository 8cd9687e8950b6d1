"""Forms of the methods whose token is fetched or signed: OAuth 2.0, login steps, signed tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.urls import reverse

from integrations.definition import JwtAuth, OAuth2Auth
from integrations.definition.auth import CLIENT_AUTHENTICATIONS
from integrations.definition.tokens import LARGEST_BUFFER, LONGEST_INTERVAL, SHORTEST_INTERVAL, SMALLEST_BUFFER
from integrations.widgets import Card, ChoiceCards
from integrations.wizard.auth_base import CREDENTIALS, PLACES, AuthForm, Group, PlacementRow, credential_fields
from integrations.wizard.inputs import text
from integrations.wizard.json_fields import JsonObjectField
from integrations.wizard.object_rows import RowsField
from integrations.wizard.rows import PairRows, PairsField
from integrations.wizard.setting_fields import LinesField, NumbersField, option, tick

BROWSER = ("authorization_code",)
BY_REFRESH = ("authorization_code", "refresh_token", "password", "none")
ASKS_AS_CLIENT = ("client_credentials", "authorization_code", "refresh_token", "password", "jwt_bearer")

GRANTS = {
    "client_credentials": Card(
        "One server asks another for a token.",
        ("nobody signs in", "the vendor names a token URL only", "the documentation speaks of service accounts or application access"),
        "server",
    ),
    "authorization_code": Card(
        "A person signs in and agrees.",
        (
            "users sign in or approve access on a page of the vendor",
            "an authorization URL is named",
            "calls are made on behalf of a user or tenant",
        ),
        "user-round-check",
    ),
    "refresh_token": Card(
        "A refresh token that somebody has already.",
        ("the vendor's console hands out a refresh token", "nobody can be sent to a page of the vendor from here"),
        "rotate-cw",
    ),
    "password": Card(
        "A user name and a password buy the token.",
        ("the documentation names the password grant", "the connection has a user name and a password of its own"),
        "user-round",
    ),
    "jwt_bearer": Card(
        "A signed assertion buys the token.",
        ("the vendor gives you a private key", "the documentation names JWT bearer, RFC 7523 or a service account key"),
        "file-key",
    ),
    "none": Card(
        "No grant type: only your own parameters.",
        ("the token URL is not really OAuth 2.0", "the request carries nothing but what you write down below"),
        "settings-2",
    ),
}
GRANT_LABELS = {
    "client_credentials": "Client credentials",
    "authorization_code": "Authorization code",
    "refresh_token": "Refresh token",
    "password": "Password",
    "jwt_bearer": "JWT bearer",
    "none": "No grant type",
}
CLIENT_LABELS = {
    "basic": "Basic: client ID and secret in the header Authorization",
    "body": "Body: client ID and secret among the parameters",
    "none": "None: only the client ID, for a public client",
    "private_key_jwt": "Private key: a signed assertion (private_key_jwt)",
    "tls": "Client certificate (mutual TLS)",
}
FORMATS = {
    "auto": "Recognize it",
    "seconds": "Seconds",
    "milliseconds": "Milliseconds",
    "epoch": "A moment, in seconds since 1970",
    "epoch_milliseconds": "A moment, in milliseconds since 1970",
    "date": "A date",
    "duration": "A duration such as 2h",
}
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512")


def pairs(label: str, help_text: str, *, name: str = "Parameter", value: str = "Value", add: str = "Add a parameter") -> PairsField:
    return PairsField(required=False, label=label, help_text=help_text, widget=PairRows(name_label=name, value_label=value, add=add))


def path(label: str, help_text: str, placeholder: str = "") -> forms.CharField:
    return forms.CharField(required=False, label=label, help_text=help_text, widget=text(placeholder=placeholder))


def number(label: str, help_text: str, least: int, most: int) -> forms.IntegerField:
    return forms.IntegerField(required=False, label=label, help_text=help_text, widget=forms.NumberInput(attrs={"min": least, "max": most}))


def placements() -> RowsField:
    return RowsField(
        PlacementRow,
        add="Add a value",
        label="Several values, or another form",
        help_text="Rows replace what is said above. {{token}} is the access token, {{credentials.name}} and {{settings.name}} are the connection's values.",
    )


class AssertionForm(AuthForm):
    """What a token is that Junction signs itself."""

    assertion__algorithm = option(
        "Algorithm", {name: name for name in ALGORITHMS}, "RS256 for most; HS256 where the key is a shared secret."
    )
    assertion__key = path(
        "Key", "Usually the connection's private key. A shared secret is {{credentials.clientSecret}}.", "{{credentials.privateKey}}"
    )
    assertion__key_encoding = option(
        "Key encoding", {"text": "As it is", "hex": "Hexadecimal", "base64": "Base64"}, "How a shared secret is written."
    )
    assertion__header = JsonObjectField(label="Header", help_text='Beside alg and typ, for example {"kid": "{{credentials.keyId}}"}.')
    assertion__claims = JsonObjectField(
        label="Claims",
        help_text="They may hold placeholders. iat, exp and jti are added; OAuth 2.0 adds iss, sub and aud where you name none.",
    )
    assertion__lifetime = number("Lifetime (seconds)", "From 10 to 86,400. The shorter the better; 300 suits most.", 10, 86_400)


ASSERTION = tuple(name for name in AssertionForm.base_fields if name.startswith("assertion__"))


class TokenForm(AuthForm):
    """What every method has whose token is fetched: reading the answer, renewing, attaching."""

    credential_fields = credential_fields()
    alternate_token_path = path(
        "Alternate token path", "The object that holds the token where the answer's root has none, for example authed_user."
    )
    token_key = path("Token key", "The path to the access token in the answer, usually access_token. Nested: data.token.")
    token_type_key = path(
        "Token type key", "The path to the word that goes before the token, where the answer says it. Leave it empty for the scheme below."
    )
    refresh_token_key = path("Refresh token key", "The path to the refresh token in the answer, usually refresh_token.")
    token_expiration_key = path("Token expiration key", "The path to the token's lifetime or end in the answer, usually expires_in.")
    token_expiration_format = option(
        "Token expiration format", FORMATS, "What that value is. Recognizing tells seconds, moments, dates and durations apart."
    )
    default_token_lifetime = number(
        "Default token lifetime (seconds)",
        "Where the answer does not say how long the token lives. At least 10; 3,300 suits the usual hour.",
        10,
        315_360_000,
    )
    token_settings = pairs(
        "Values of the answer to keep",
        "By the name to keep them under, the path in the answer. {{settings.instance_url}} is then the address that came with the token.",
        name="Name",
        value="Path",
        add="Add a value",
    )
    token_refresh_strategy = option(
        "Token refresh strategy",
        {"automatic": "Automatic: as long as the vendor says", "custom_interval": "Custom interval: after a fixed time"},
        "Automatic follows the lifetime in the answer. A custom interval renews after so many seconds, whatever the vendor says.",
    )
    refresh_buffer = number(
        "Refresh buffer (seconds)",
        f"Automatic only: how long before its end a token is renewed, from {SMALLEST_BUFFER} to {LARGEST_BUFFER:,}. Never more than half of its life.",
        SMALLEST_BUFFER,
        LARGEST_BUFFER,
    )
    custom_refresh_interval = number(
        "Custom refresh interval (seconds)",
        f"Custom interval only: from {SHORTEST_INTERVAL} (5 minutes) to {LONGEST_INTERVAL:,} (24 hours).",
        SHORTEST_INTERVAL,
        LONGEST_INTERVAL,
    )
    access_token_scheme = path(
        "Access token scheme", "The word before the access token in the header, usually Bearer. Empty: the token alone."
    )
    token_location = option(
        "Token location", {**PLACES, "none": "Nowhere: rows or cookies say who calls"}, "Where requests carry the access token."
    )
    token_name = path("Token name", "The name of that header, parameter, cookie or field, usually Authorization.")
    placements = placements()
    rejected__statuses = NumbersField(
        label="Rejected: statuses",
        help_text="Answers that mean: the token has ended. It is renewed once and the call repeated once. Usually 401.",
    )
    rejected__path = path("Rejected: path", "Where the body of an answer says it instead, for example error.code.")
    rejected__values = LinesField(label="Rejected: values", help_text="What stands at that path then, one a line. Empty: anything.")
    revoked__statuses = NumbersField(
        label="Revoked: statuses",
        help_text="Answers of the token URL that mean: the grant is gone, somebody has to agree again. invalid_grant always does.",
    )
    revoked__path = path("Revoked: path", "Where the body says it, for example error_code.")
    revoked__values = LinesField(label="Revoked: values", help_text="What stands at that path then, one a line. Empty: anything.")


ANSWER = ("token_key", "alternate_token_path", "token_type_key", "refresh_token_key", "token_expiration_key", "token_expiration_format", "default_token_lifetime", "token_settings")  # fmt: skip
STRATEGY = ("token_refresh_strategy", "refresh_buffer", "custom_refresh_interval")
ATTACHING = Group(
    "Attaching the token", ("access_token_scheme", "token_location", "token_name", "placements"), "How requests carry the access token."
)
SIGNALS = ("rejected__statuses", "rejected__path", "rejected__values", "revoked__statuses", "revoked__path", "revoked__values")


class OAuth2Form(TokenForm, AssertionForm):
    part = OAuth2Auth
    card = Card(
        "Tokens that expire and are renewed.",
        (
            "the API wants a user to sign in or consent, or gives tokens from one server to another",
            "tokens expire and are renewed without a person",
            "the vendor's documentation speaks of authorization codes, client credentials, access tokens or refresh tokens",
        ),
        "shield-check",
    )
    groups = (
        Group(
            "Authorization request",
            ("pkce", "authorization_params", "authorization_param_names", "unencoded_params", "code_param", "callback_settings"),
            "How people are sent to the vendor's page, and what comes back.",
            BROWSER,
        ),
        Group(
            "Token request",
            ("token_request_method", "token_request_content_type", "token_params", "token_headers", "scope_separator", "param_names", "client_certificate",
             "valid_domain_names"),
            "How a token is asked for, where it differs from the usual form-encoded POST.",
        ),
        Group("Token answer", ANSWER, "Where the answer says what."),
        Group(
            "Refresh",
            (*STRATEGY, "refresh_uri", "refresh_client_authentication", "include_client_config_on_refresh", "include_redirect_uri_on_refresh",
             "refresh_params", "refresh_headers"),
            "When tokens are renewed, and how.",
        ),
        ATTACHING,
        Group("Assertion", ASSERTION, "The token that Junction signs, for JWT bearer and for client authentication by private key."),
        Group("Rejection and revocation", (*SIGNALS, "revocation_uri"), "How the vendor says that a token or a grant has ended, and where it wants to be told."),
        CREDENTIALS,
    )  # fmt: skip
    only_for = {
        "auth_uri": BROWSER,
        "client_id": ASKS_AS_CLIENT,
        "client_authentication": ASKS_AS_CLIENT,
        "scope": ASKS_AS_CLIENT,
        "scope_separator": ASKS_AS_CLIENT,
        "include_redirect_uri_on_refresh": BROWSER,
        **dict.fromkeys(
            ("refresh_uri", "refresh_client_authentication", "include_client_config_on_refresh", "refresh_params", "refresh_headers"),
            BY_REFRESH,
        ),
    }

    grant_type = forms.ChoiceField(label="Grant type", choices=list(GRANT_LABELS.items()), widget=ChoiceCards(cards=GRANTS))
    auth_uri = path("Authorization URL", "The vendor's page where people sign in and agree.", "https://auth.example.com/oauth/authorize")
    token_uri = path("Access token URL", "Where tokens are asked for.", "https://auth.example.com/oauth/token")
    scope = path("Scope", "The scopes to ask for, usually separated by spaces. Leave it empty for the vendor's default.", "read write")
    client_id = path(
        "Default client ID",
        "For connections that enter none: the app that you registered at the vendor. It is no secret; the client secret belongs to connections.",
    )
    client_authentication = option(
        "Client authentication",
        {name: CLIENT_LABELS[name] for name in CLIENT_AUTHENTICATIONS},
        "How the token request says which client it comes from: where the token exchange requires Basic headers, choose Basic. Never both at once.",
    )
    pkce = option(
        "PKCE",
        {"S256": "S256", "plain": "Plain", "off": "Off"},
        "Protects the code on its way. Switch it off only where the vendor refuses it.",
    )
    authorization_params = pairs(
        "Extra parameters of the authorization request",
        "Some vendors give a refresh token only for one more, such as access_type = offline. An empty value takes out what would be sent.",
    )
    authorization_param_names = pairs(
        "Renamed parameters of the authorization request",
        "Only on the vendor's page: the standard's name, and the vendor's own for it.",
        name="Standard name",
        value="Vendor's name",
    )
    unencoded_params = LinesField(
        label="Parameters that are not percent-encoded", help_text="For pages that do not decode them, one a line, such as scope."
    )
    client_certificate = tick(
        "Client certificate beside the secret", "Connections are asked for a certificate too, which the token URL sees."
    )
    code_param = path("Code parameter", "Under which name the vendor's redirect brings the code, usually code.")
    callback_settings = pairs(
        "Values of the redirect to keep",
        "By the name to keep them under, the parameter of the redirect, such as realm_id = realmId. Then {{settings.realm_id}} has its value.",
        name="Name",
        value="Redirect parameter",
        add="Add a value",
    )
    token_request_method = option("Token request method", {"POST": "POST", "GET": "GET"}, "POST for most APIs.")
    token_request_content_type = option(
        "Token request content type",
        {
            "application/x-www-form-urlencoded": "application/x-www-form-urlencoded",
            "application/json": "application/json",
            "query": "In the URL, with an empty body",
        },
        "application/x-www-form-urlencoded for most APIs.",
    )
    token_params = pairs(
        "Extra parameters of the token request",
        "Some vendors want one more, for example audience or resource. An empty value takes out what would be sent.",
    )
    token_headers = pairs("Extra headers of the token request", "For example Accept or a version.", name="Header name", add="Add a header")
    scope_separator = option(
        "Scope separator",
        {" ": "Space", ",": "Comma", ", ": "Comma and space", "+": "Plus", ";": "Semicolon"},
        "What stands between scopes when they are sent.",
    )
    param_names = pairs(
        "Renamed parameters",
        "The standard's name, and the vendor's own for it, such as client_id = client_key.",
        name="Standard name",
        value="Vendor's name",
        add="Add a name",
    )
    valid_domain_names = LinesField(
        label="Valid domain names",
        help_text="One a line, such as example.com: the URLs above, and every server that a connection may choose, lie in one of these domains. "
        "Then connections can share your client although each names a server of its own. Empty: any domain.",
    )
    refresh_uri = path("Refresh URL", "Only where tokens are renewed at another address than the access token URL.")
    refresh_client_authentication = option(
        "Client authentication on refresh",
        {"same": "As for the token", **{name: CLIENT_LABELS[name] for name in CLIENT_AUTHENTICATIONS}},
        "Only where renewing wants another way.",
    )
    include_client_config_on_refresh = tick(
        "Include client config on refresh",
        "Client ID and secret go along when a token is renewed. Take the tick out if the API refuses them there.",
    )
    include_redirect_uri_on_refresh = tick("Include redirect URI on refresh", "Some APIs want it once more when a token is renewed.")
    refresh_params = pairs("Extra parameters on refresh", "For example scope, where the vendor wants it again.")
    refresh_headers = pairs(
        "Extra headers on refresh", "For example Authorization with the old token.", name="Header name", add="Add a header"
    )
    revocation_uri = path(
        "Revocation URL", "Is told when a connection is disconnected or deleted (RFC 7009).", "https://auth.example.com/oauth/revoke"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first = ("grant_type", "auth_uri", "token_uri", "scope", "client_id", "client_authentication")
        self.order_fields([*first, *(name for name in self.fields if name not in first)])

    @property
    def redirect_uri(self) -> str:
        """What an admin registers at the vendor; it is the same for every integration."""
        return f"{settings.PUBLIC_URL}{reverse('oauth2-callback')}"


class JwtForm(AssertionForm):
    part = JwtAuth
    card = Card(
        "A token that is signed here with a key.",
        (
            "the vendor gives you a private key or a signing secret",
            "requests carry a JSON Web Token that you make yourself",
            "no token URL is named",
        ),
        "file-key",
    )
    groups = (Group("Attaching the token", ("access_token_scheme", "placements"), "How requests carry the signed token."), CREDENTIALS)
    credential_fields = credential_fields()

    access_token_scheme = path("Access token scheme", "The word before the token in the header Authorization, usually Bearer.")
    placements = placements()
