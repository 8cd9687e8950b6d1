"""From credentials to a token: whichever calls a method of authentication makes for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from connections.agents.route import Route
from connections.auth import Credentials, scheme_of
from connections.auth.base import Values
from connections.exchange import Answer, Outgoing
from connections.network import Network
from connections.tokens import answers, assertions, login, oauth
from connections.tokens.answers import Token, TokenError
from connections.transport import Transport
from connections.values import stamp, values_of
from integrations import expressions
from integrations.definition import Definition, JwtAuth, LoginAuth, LoginStep, OAuth2Auth, Part, TokenPart
from integrations.masking import is_secret

NOBODY_AGREED: Final = "Nobody has agreed on the vendor's page yet. Authorize the connection."
_SHORTEST_SESSION: Final = 8  # characters of an id of a session
_SESSION: Final = re.compile(r"(?i)session|sid$|ticket|jwt|csrf|xsrf")
_ENDED: Final = (
    "The access token has ended, and the vendor gave no refresh token with it, so that nothing but agreeing again gives another one. "
    "Authorize the connection again."
)


@dataclass(frozen=True)
class Held:
    """What a connection holds of its tokens now. `value` "" means that there is none to use."""

    value: str = field(default="", repr=False)
    scheme: str = ""
    refresh: str = field(default="", repr=False)
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    expires_at: datetime | None = None
    due_at: datetime | None = None

    def fresh(self, now: datetime) -> bool:
        """Whether it can be used and needs no renewal yet."""
        return bool(self.value) and not (self.due_at and self.due_at <= now) and self.alive(now)

    def alive(self, now: datetime) -> bool:
        """Whether it can be used at all."""
        return bool(self.value) and not (self.expires_at and self.expires_at <= now)


@dataclass(frozen=True)
class Issuer:
    """Whoever gives a connection its tokens. `redirect_uri` is Junction's own address for answers of the browser, `route` the
    agent through which it is asked, `own_network` what the connection sets for the network."""

    definition: Definition
    credentials: Credentials = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    redirect_uri: str = ""
    route: Route | None = None
    own_network: Network = field(default_factory=Network, repr=False)

    @property
    def auth(self) -> Part:
        return self.definition.auth

    @property
    def renews_by_refresh(self) -> bool:
        """Whether the grant lives in the refresh token, so that losing it means that a person has to agree again."""
        return isinstance(self.auth, OAuth2Auth) and self.auth.grant_type in ("authorization_code", "refresh_token")

    @property
    def network(self) -> Network:
        """The way to the vendor. A certificate among the credentials goes before the connection's own."""
        parts = [self.credentials.get("clientCertificate", ""), self.credentials.get("clientKey", "")]
        return (
            replace(self.own_network, certificate="\n".join(part.strip() for part in parts) + "\n", passphrase="")
            if all(parts)
            else self.own_network
        )

    def values(self, held: Held | None = None, **more: Any) -> dict[str, Any]:
        """What placeholders read while a token is fetched."""
        found = values_of(self.definition, self.credentials, self.settings, kept=held.kept if held else {}, request=stamp(), **more)
        if held:
            tokens = {"refreshToken": held.refresh, "accessToken": held.value}
            found["credentials"] |= {name: value for name, value in tokens.items() if value}
        return found

    def obtain(self, held: Held, transport: Transport, *, secrets: list[str]) -> Token:
        """A new token. Raises `TransportError` and `TokenError`, whose sentences hold no secret. What arises on the way and must not
        be shown is added to `secrets`: assertions, values of login steps."""
        try:
            token = self._obtain(held, transport, secrets)
        except expressions.MissingValue as error:
            raise TokenError(f"{error} The integration needs it to fetch a token. Add it to the connection.", permanent=True) from None
        except TokenError:
            raise
        except ValueError as error:
            raise TokenError(f"No token could be asked for. {error}", permanent=True) from None
        # The old refresh token stays when the answer brings none.
        return replace(token, refresh=token.refresh or held.refresh, kept={**held.kept, **token.kept})

    def _obtain(self, held: Held, transport: Transport, secrets: list[str]) -> Token:
        match self.auth:
            case OAuth2Auth() as auth:
                return self._oauth(auth, held, transport, secrets)
            case LoginAuth() as auth:
                return self._login(auth, held, transport, secrets)
            case JwtAuth() as auth:
                signed = assertions.sign(auth.assertion, self.values(held), defaults={})
                return Token(signed, auth.assertion.lifetime, auth.access_token_scheme)
        raise TokenError("This method of authentication has no tokens.", permanent=True)

    def _oauth(self, auth: OAuth2Auth, held: Held, transport: Transport, secrets: list[str]) -> Token:
        refresh = held.refresh or (self.credentials.get("refreshToken", "") if auth.grant_type == "refresh_token" else "")
        values = self.values(replace(held, refresh=refresh))
        if self.renews_by_refresh and not refresh:
            raise TokenError(_ENDED if held.value else NOBODY_AGREED, permanent=True, revoked=True)
        if refresh and auth.grant_type not in ("client_credentials", "jwt_bearer"):
            outgoing = oauth.refresh_request(auth, self.credentials, values, refresh_token=refresh, redirect_uri=self.redirect_uri)
            try:
                return self._read(auth, self._send(transport, outgoing, secrets), [*secrets, refresh])
            except TokenError as error:
                # A password can be sent again where the refresh token has ended.
                if self.renews_by_refresh or not error.permanent:
                    raise
        return self._read(auth, self._send(transport, oauth.token_request(auth, self.credentials, values), secrets), secrets)

    def exchange_code(self, code: str, verifier: str, callback: Mapping[str, str], transport: Transport, *, secrets: list[str]) -> Token:
        """The token for an authorization code. `callback` are the values that the redirect brought along, to be kept."""
        auth = self.auth
        if not isinstance(auth, OAuth2Auth):
            raise TokenError("This method of authentication has no authorization code.", permanent=True)
        values = self.values(Held(kept=callback))
        try:
            outgoing = oauth.code_request(auth, self.credentials, values, code=code, redirect_uri=self.redirect_uri, verifier=verifier)
        except (expressions.MissingValue, ValueError) as error:
            raise TokenError(f"No token could be asked for. {error}", permanent=True) from None
        secrets += [code, verifier]
        token = self._read(auth, self._send(transport, outgoing, secrets), secrets)
        return replace(token, kept={**callback, **token.kept})

    def _login(self, auth: LoginAuth, held: Held, transport: Transport, secrets: list[str]) -> Token:
        if held.refresh and auth.refresh_step:
            try:
                return self._walk(auth, [auth.refresh_step], held, transport, secrets)
            except TokenError:
                if not auth.steps:
                    raise
        return self._walk(auth, auth.steps, held, transport, secrets)

    def _walk(self, auth: LoginAuth, steps: list[LoginStep], held: Held, transport: Transport, secrets: list[str]) -> Token:
        found: dict[str, Any] = {}
        kept: dict[str, str] = {}
        cookies: dict[str, str] = {}
        document: Any = None
        for number, step in enumerate(steps, 1):
            values = self.values(held, steps=found)
            values["settings"] = {**values["settings"], **kept}
            if auth.assertion:
                values["assertion"] = assertions.sign(auth.assertion, values, defaults={})
            answer = self._send(transport, login.request(step, values, cookies=cookies), secrets)
            last = number == len(steps)
            cookies |= login.cookies_of(answer)
            secrets += cookies.values()
            if answer.status >= 400:
                answers.read_token(auth, answer, secrets=secrets)  # raises with what the vendor said
            document = answers.document_of(answer, needed=not last or not auth.keep_cookies)
            extracted = login.extracted(step, answer, document)
            secrets += filter(_may_be_secret, extracted.values())
            found[str(number)] = {**(document if isinstance(document, dict) else {}), **extracted}
            kept |= extracted
        token = self._of_login(auth, document, kept, cookies, answer, secrets)
        return replace(token, kept={**kept, **token.kept}, cookies=cookies if auth.keep_cookies else {})

    @staticmethod
    def _of_login(
        auth: LoginAuth, document: Any, kept: dict[str, str], cookies: dict[str, str], answer: Answer, secrets: list[str]
    ) -> Token:
        kind, mark, name = auth.token_key.partition(":")
        if auth.token_key in kept:
            whole = {**(document if isinstance(document, dict) else {}), auth.token_key: kept[auth.token_key]}
            return answers.token_of(auth, whole, secrets=secrets)
        if mark and kind.lower() in ("header", "cookie"):
            value = answer.headers.get(name.strip()) if kind.lower() == "header" else cookies.get(name.strip(), "")
            if value:
                whole = {**(document if isinstance(document, dict) else {}), auth.token_key: value}
                return answers.token_of(auth, whole, secrets=secrets)
        if auth.keep_cookies and cookies and not auth.token_key:
            return Token("session", auth.default_token_lifetime, "")
        return answers.read_token(auth, answer, secrets=secrets)

    @staticmethod
    def _read(auth: TokenPart, answer: Answer, secrets: list[str]) -> Token:
        return answers.read_token(auth, answer, secrets=secrets)

    @staticmethod
    def _send(transport: Transport, outgoing: Outgoing, secrets: list[str]) -> Answer:
        secrets += assertions.signed_in(outgoing)
        return transport.send(outgoing, same_origin_only=True)


def _may_be_secret(value: str) -> bool:
    """Whether a value of a login may be worth something to others; an address and a number are not, and are looked for in logs."""
    return len(value) >= _SHORTEST_SESSION and not value.isdecimal() and "://" not in value


def secrets_in(values: Values, held: Held | None, definition: Definition, credentials: Credentials) -> list[str]:
    """Everything that no message may show: credentials, secret fields, tokens."""
    hidden = [str(value) for name, value in values.get("settings", {}).items() if f"settings.{name}" in credentials]
    own = scheme_of(definition.auth).secrets(credentials)
    kept = [value for name, value in held.kept.items() if is_secret(name) or _SESSION.search(name)] if held else []
    held_ones = [held.value, held.refresh, *held.cookies.values(), *kept] if held else []
    return list(dict.fromkeys(filter(None, [*own, *hidden, *held_ones])))


def now() -> datetime:
    return datetime.now(UTC)
