"""Forms of the authentication methods: when to choose one, and its defaults. A method is one class here.

What connections then ask for, and what a request gets, is said by the schemes of `connections.auth`.
"""

from __future__ import annotations

from typing import Any

from django import forms

from integrations import services
from integrations.definition import ApiKeyAuth, BasicAuth, BearerAuth, DigestAuth, JwtAuth, LoginAuth, NoAuth, OAuth2Auth, Ping
from integrations.models import Integration
from integrations.widgets import Card, ChoiceCards
from integrations.wizard.base_forms import PartForm
from integrations.wizard.rows import PairRows, PairsField

PLAIN = {"autocomplete": "off", "spellcheck": "false"}


def text(**attrs: str) -> forms.TextInput:
    """An input for what machines read: the browser neither completes nor corrects it."""
    return forms.TextInput(attrs={**PLAIN, **attrs})


class AuthForm(PartForm):
    """Defaults of a method; beside them what every integration has: headers of every request, and the connection test."""

    field = "auth"
    beside = ("headers", "ping_method", "ping_uri")
    json_names = {"headers": "headers", "ping_method": "ping.method", "ping_uri": "ping.uri"}

    headers = PairsField(
        required=False,
        label="Extra request headers",
        widget=PairRows(name_label="Header name", add="Add a header"),
        help_text="They go along with every request. Some APIs want one, for example Accept, a version or a tenant.",
    )
    ping_method = forms.ChoiceField(label="Method", choices=[(name, name) for name in ("GET", "HEAD", "POST", "PUT")])
    ping_uri = forms.CharField(
        required=False,
        label="Path",
        widget=text(placeholder="/me"),
        help_text="A small request that works for every account and changes nothing, such as /me or /account. It is relative to the base URI.",
    )

    def shown(self, integration: Integration) -> dict[str, Any]:
        definition = integration.working.definition
        ping = definition.ping or Ping()
        return {**super().shown(integration), "headers": definition.headers, "ping_method": ping.method, "ping_uri": ping.uri}

    def save(self) -> None:
        values = self.cleaned_data
        ping = {"method": values["ping_method"], "uri": values["ping_uri"]} if values["ping_uri"] else None
        present = self.saved.working.definition.auth
        services.change_definition(integration=self.saved, auth=self.value(present), headers=values["headers"], ping=ping)


class ApiKeyForm(AuthForm):
    part = ApiKeyAuth
    card = Card(
        "One key, sent along with every request.",
        (
            "the vendor gives you one fixed key or token",
            "requests carry it in a header such as Authorization or X-API-Key, or in a parameter of the URL",
            "the key does not expire or renew itself",
            "the vendor's documentation speaks of an API key, a token or a bearer token",
        ),
        "key-round",
    )

    api_key_name = forms.CharField(
        required=False,
        label="Name of the header, parameter or cookie",
        widget=text(placeholder="Authorization"),
        help_text="What carries the key, as the vendor spells it: Authorization, X-API-Key, api_key.",
    )
    api_key_location = forms.ChoiceField(
        label="Sent in", choices=[("header", "A header"), ("query", "A parameter of the URL"), ("cookie", "A cookie")]
    )
    api_key_preamble = forms.CharField(
        required=False,
        label="Preamble",
        widget=text(placeholder="Bearer"),
        help_text="The word that is sent before the key, for example Bearer or Token. Leave it empty if there is none.",
    )


class BasicForm(AuthForm):
    part = BasicAuth
    card = Card(
        "A user name and a password.",
        (
            "the API asks for a user name and a password",
            "the vendor's documentation names basic authentication",
            "the system is older, internal, or an appliance",
            "the credentials do not renew themselves, and there is no safer choice",
        ),
        "user-round",
    )


class BearerForm(AuthForm):
    part = BearerAuth
    card = Card(
        "One fixed token in the header Authorization.",
        (
            "the vendor gives you one fixed token",
            "requests carry it as Authorization: Bearer, followed by the token",
            "the token does not renew itself",
        ),
        "ticket",
    )


class OAuth2Form(AuthForm):
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
    advanced = (
        "token_request_method",
        "token_request_content_type",
        "token_key",
        "token_expiration_key",
        "access_token_scheme",
        "token_params",
    )

    grant_type = forms.ChoiceField(
        label="Grant type",
        choices=[("client_credentials", "Client credentials"), ("authorization_code", "Authorization code")],
        widget=ChoiceCards(
            cards={
                "client_credentials": Card(
                    "One server asks another for a token.",
                    (
                        "nobody signs in",
                        "the vendor names a token URL only",
                        "the documentation speaks of service accounts or application access",
                    ),
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
            }
        ),
    )
    token_uri = forms.CharField(
        required=False,
        label="Access token URL",
        widget=text(placeholder="https://auth.example.com/oauth/token"),
        help_text="Where tokens are asked for.",
    )
    auth_uri = forms.CharField(
        required=False,
        label="Authorization URL",
        widget=text(placeholder="https://auth.example.com/oauth/authorize"),
        help_text="Where users sign in and agree. Only the grant type authorization code has it.",
    )
    scope = forms.CharField(
        required=False,
        widget=text(placeholder="read write"),
        help_text="The scopes to ask for, usually separated by spaces. Leave it empty for the vendor's default.",
    )
    client_authentication = forms.ChoiceField(
        label="Client authentication",
        choices=[
            ("basic", "Basic: client ID and secret in the header Authorization"),
            ("body", "Body: client ID and secret among the parameters"),
            ("none", "None: only the client ID, for a public client"),
            ("private_key_jwt", "Private key: a signed assertion (private_key_jwt)"),
            ("tls", "Client certificate (mutual TLS)"),
        ],
        help_text="How the token request says which client it comes from. The vendor's documentation says which; never both at once.",
    )
    token_request_method = forms.ChoiceField(
        label="Token request method", choices=[("POST", "POST"), ("GET", "GET")], help_text="POST for most APIs."
    )
    token_request_content_type = forms.ChoiceField(
        label="Token request content type",
        choices=[("application/x-www-form-urlencoded",) * 2, ("application/json",) * 2],
        help_text="application/x-www-form-urlencoded for most APIs.",
    )
    token_key = forms.CharField(
        required=False, label="Token key", widget=text(), help_text="The path to the access token in the answer, usually access_token."
    )
    token_expiration_key = forms.CharField(
        required=False,
        label="Token expiration key",
        widget=text(),
        help_text="The path to the lifetime in seconds in the answer, usually expires_in.",
    )
    access_token_scheme = forms.CharField(
        required=False,
        label="Access token scheme",
        widget=text(),
        help_text="The word before the access token in the header Authorization, usually Bearer.",
    )
    token_params = PairsField(
        required=False,
        label="Extra parameters of the token request",
        widget=PairRows(name_label="Parameter", add="Add a parameter"),
        help_text="Some vendors want one more, for example audience or resource.",
    )


class NoAuthForm(AuthForm):
    part = NoAuth
    card = Card(
        "Nothing is sent.",
        (
            "the vendor's documentation says that no authentication is needed",
            "no header, token or password is named anywhere",
            "everything that is called is public and only read",
        ),
        "lock-open",
    )


class DigestForm(AuthForm):
    part = DigestAuth
    card = Card(
        "A user name and a password that are never sent themselves.",
        (
            "the vendor's documentation names digest authentication",
            "an answer with status 401 carries WWW-Authenticate: Digest",
            "the API belongs to an appliance, a camera or an older server",
        ),
        "fingerprint-pattern",
    )


class LoginForm(AuthForm):
    part = LoginAuth
    card = Card(
        "A call that signs in and gives a token or a session.",
        (
            "the API has a login or session call of its own",
            "its answer holds a token or sets a cookie, which requests then carry",
            "it is not OAuth 2.0",
        ),
        "log-in",
    )


class JwtForm(AuthForm):
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


AUTH_FORMS: dict[str, type[AuthForm]] = {
    "apikey": ApiKeyForm,
    "basic": BasicForm,
    "bearer": BearerForm,
    "oauth2": OAuth2Form,
    "login": LoginForm,
    "digest": DigestForm,
    "jwt": JwtForm,
    "none": NoAuthForm,
}
