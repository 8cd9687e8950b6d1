"""Schemes that exchange their credentials for a token first: OAuth 2.0, login steps, signed tokens."""

from __future__ import annotations

from typing import Any

from connections.auth.base import CredentialField, Credentials, Scheme, Values, check_token, field_named, place, prefixed, put
from connections.exchange import Additions
from integrations import expressions
from integrations.definition import JwtAuth, LoginAuth, OAuth2Auth, TokenPart

_KEY_HELP = "In PEM form, from -----BEGIN to -----END."
PRIVATE_KEY = CredentialField("privateKey", "Private key", help=_KEY_HELP, multiline=True)
CERTIFICATE = CredentialField("clientCertificate", "Client certificate", secret=False, help=_KEY_HELP, multiline=True)
CERTIFICATE_KEY = CredentialField("clientKey", "Key of the client certificate", help=_KEY_HELP, multiline=True)

# Tokens that somebody already has; they are kept with the tokens, not with the credentials.
PASTED = (
    CredentialField("accessToken", "Access token", required=False, help="Then nobody has to sign in at the vendor until it ends."),
    CredentialField("refreshToken", "Refresh token", required=False, help="Access tokens are renewed with it."),
)


class OAuth2Scheme(Scheme[OAuth2Auth]):
    auth_type = "oauth2"
    label = OAuth2Auth.label

    @property
    def needs_token(self) -> bool:
        return True

    def own_fields(self) -> tuple[CredentialField, ...]:
        return (*self._client_fields(), *self._grant_fields())

    @property
    def obtained(self) -> frozenset[str]:
        return frozenset({"refreshToken", "accessToken"})

    def settings_in_use(self) -> dict[str, Any]:
        found = super().settings_in_use()
        if not self._signs:
            del found["assertion"]
        return found

    @property
    def _signs(self) -> bool:
        auth = self.auth
        ways = (auth.client_authentication_for(refresh=False), auth.client_authentication_for(refresh=True))
        return "private_key_jwt" in ways or auth.grant_type == "jwt_bearer"

    def _client_fields(self) -> tuple[CredentialField, ...]:
        auth = self.auth
        pasted = auth.needs_browser  # then the tokens may be there without a client, because somebody pasted them
        ways = {auth.client_authentication_for(refresh=False), auth.client_authentication_for(refresh=True)}
        bare = pasted or auth.grant_type in ("jwt_bearer", "none") or ways == {"none"}
        # Where requests carry them, they are needed beside a token that was pasted, too.
        placed = expressions.paths_of([one.value for one in self.placements])
        found = []
        if auth.grant_type != "none":
            required = (not pasted and auth.grant_type != "jwt_bearer") or "credentials.clientId" in placed
            found.append(CredentialField("clientId", "Client ID", secret=False, required=required))
        if ways & {"basic", "body"} and auth.grant_type != "none":
            # A public client has no secret; whether this one has is said by the client authentication.
            required = not bare or "credentials.clientSecret" in placed
            found.append(CredentialField("clientSecret", "Client secret", required=required, autocomplete="new-password"))
        if self._signs and "credentials.privateKey" in expressions.paths_of(auth.assertion.dump()):
            found.append(PRIVATE_KEY)
        if "tls" in ways or auth.client_certificate:
            found += [CERTIFICATE, CERTIFICATE_KEY]
        return tuple(found)

    def _grant_fields(self) -> tuple[CredentialField, ...]:
        match self.auth.grant_type:
            case "password":
                return (
                    CredentialField("username", "User name", secret=False),
                    CredentialField("password", "Password", autocomplete="new-password"),
                )
            case "refresh_token":
                return (CredentialField("refreshToken", "Refresh token", help="The vendor gave it when somebody agreed."),)
            case "authorization_code":
                return PASTED
        return ()

    def check(self, credentials: Credentials) -> dict[str, list[str]]:
        return (
            super().check(credentials)
            or check_token("accessToken", "The access token", credentials)
            or check_token("refreshToken", "The refresh token", credentials)
        )

    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:
        return attach(self.auth, self.placements, credentials, token, values)

    @property
    def query_names(self) -> frozenset[str]:
        return super().query_names | _token_parameter(self.auth, self.placements)


class LoginScheme(Scheme[LoginAuth]):
    auth_type = "login"
    label = LoginAuth.label

    @property
    def needs_token(self) -> bool:
        return True

    def own_fields(self) -> tuple[CredentialField, ...]:
        return tuple(field_named(name) for name in self.auth.credential_names)

    @property
    def obtained(self) -> frozenset[str]:
        return frozenset({"refreshToken"})

    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:
        return attach(self.auth, self.placements, credentials, token, values)

    @property
    def query_names(self) -> frozenset[str]:
        return super().query_names | _token_parameter(self.auth, self.placements)


class JwtScheme(Scheme[JwtAuth]):
    auth_type = "jwt"
    label = JwtAuth.label

    @property
    def needs_token(self) -> bool:
        return True

    def own_fields(self) -> tuple[CredentialField, ...]:
        return ()

    def apply(self, credentials: Credentials, *, token: str = "", values: Values | None = None) -> Additions:
        if self.placements:
            return place(self.placements, {**(values or {"credentials": credentials}), "token": token})
        return Additions(headers=[("Authorization", prefixed(self.auth.access_token_scheme, token))])


def attach(auth: TokenPart, placements: list, credentials: Credentials, token: str, values: Values | None) -> Additions:
    """The token at its place. Raises `ValueError` where there is none."""
    if placements or auth.token_location == "none":
        return place(placements, {**(values or {"credentials": credentials}), "token": token})
    if not token:
        raise ValueError("No access token is there yet. Fetch one before the request is made.")
    added = Additions()
    scheme = str((values or {}).get("tokenScheme", auth.access_token_scheme))
    put(added, auth.token_location, auth.token_name, prefixed(scheme, token) if auth.token_location == "header" else token)
    return added


def _token_parameter(auth: TokenPart, placements: list) -> frozenset[str]:
    return frozenset({auth.token_name} if auth.token_location == "query" and not placements else ())
