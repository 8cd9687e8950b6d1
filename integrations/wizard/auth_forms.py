"""Forms of the authentication methods: when to choose one, and its defaults. A method is one class here or in `token_forms`.

What connections then ask for, and what a request gets, is said by the schemes of `connections.auth`.
"""

from __future__ import annotations

from django import forms

from integrations.definition import ApiKeyAuth, BasicAuth, BearerAuth, DigestAuth, NoAuth
from integrations.widgets import Card
from integrations.wizard.auth_base import CREDENTIALS, PLACES, AuthForm, Group, PlacementRow, credential_fields
from integrations.wizard.inputs import text
from integrations.wizard.login_forms import LoginForm
from integrations.wizard.object_rows import RowsField
from integrations.wizard.setting_fields import option
from integrations.wizard.token_forms import JwtForm, OAuth2Form


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
    api_key_location = option(
        "Sent in",
        {**PLACES, "url": "The base URI, as {{credentials.apiKey}}"},
        "Where the vendor looks for the key. Prefer a header if there is a choice: URLs end up in logs.",
    )
    api_key_preamble = forms.CharField(
        required=False,
        label="Preamble",
        widget=text(placeholder="Bearer"),
        help_text="The word that is sent before the key, for example Bearer or Token. Leave it empty if there is none.",
    )
    placements = RowsField(
        PlacementRow,
        add="Add a value",
        label="Values",
        help_text='{{credentials.apiKey}} is the key. Every other name is asked for too: {{credentials.appKey}}. Composed: Basic {{base64(credentials.user, ":", credentials.apiKey)}}.',
    )
    groups = (
        Group(
            "Several keys, or another form",
            ("placements",),
            "For APIs that want two keys, or one in a form of its own. Rows replace what is said above.",
        ),
        CREDENTIALS,
    )
    credential_fields = credential_fields()


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
    username_label = forms.CharField(
        required=False,
        label="Label of the user name",
        help_text="What the vendor calls it, for example API key or Account ID. Empty: User name.",
    )
    password_label = forms.CharField(required=False, label="Label of the password", help_text="For example API token. Empty: Password.")
    username_template = forms.CharField(
        required=False,
        label="Sent as user name",
        widget=text(placeholder="{{credentials.username}}/token"),
        help_text="Where it is not what was entered. Every other name is asked for too: {{credentials.accountId}}.",
    )
    password_template = forms.CharField(
        required=False, label="Sent as password", widget=text(placeholder="x"), help_text="A fixed word, where the vendor wants one."
    )
    placements = RowsField(
        PlacementRow,
        add="Add a value",
        label="Sent elsewhere",
        help_text='Rows replace the header Authorization, for example the header X-Auth with {{base64(credentials.username, ":", credentials.password)}}.',
    )
    groups = (
        Group(
            "What is sent",
            ("username_template", "password_template", "placements"),
            "Where it differs from the user name and password that were entered.",
        ),
        CREDENTIALS,
    )
    credential_fields = credential_fields()


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
