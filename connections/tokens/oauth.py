"""OAuth 2.0 (RFC 6749, 7636, 7523, 7009) as pure functions: the page where people agree, and the requests for tokens (leaf).

What is sent is made in one order: what the grant says, the client's authentication, the integration's parameters, of
which an empty one takes out what would be sent; at last the vendor's own names for parameters.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets as random
from collections.abc import Mapping
from urllib.parse import quote, quote_plus, urlencode, urlsplit, urlunsplit

from connections.auth import Credentials, basic_header
from connections.auth.base import Values
from connections.exchange import Outgoing, with_query
from connections.tokens import assertions
from connections.values import strays
from integrations import expressions
from integrations.definition import FORM_TYPE, JSON_TYPE, QUERY_TYPE, OAuth2Auth

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PLAIN = "/:,+@$!*'()"  # what a query may hold as it is, RFC 3986 3.4, without the marks that split parameters
_VERIFIER_BYTES = 48  # 64 characters; RFC 7636 4.1 wants 43 to 128


def new_verifier() -> str:
    """A code verifier of RFC 7636."""
    return random.token_urlsafe(_VERIFIER_BYTES)


def authorization_url(auth: OAuth2Auth, values: Values, *, redirect_uri: str, state: str, verifier: str) -> str:
    """Where the browser is sent to agree. Raises `MissingValue` and `ValueError`."""
    params = {
        "response_type": "code",
        "client_id": str(values.get("credentials", {}).get("clientId") or auth.client_id),
        "redirect_uri": redirect_uri,
        "scope": _scope(auth),
        "state": state,
    }
    if auth.pkce == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        params |= {"code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), "code_challenge_method": "S256"}
    elif auth.pkce == "plain":
        params |= {"code_challenge": verifier, "code_challenge_method": "plain"}
    pairs = _named(auth, {**params, **_rendered(auth.authorization_params, values)}, auth.authorization_param_names)
    url = _url(auth, auth.auth_uri, values)
    # Some products route by the fragment (`#/oauth/authorize`): there the parameters belong behind it.
    parts = urlsplit(url)
    query = "&".join(urlencode([pair], quote_via=quote, safe=_PLAIN if pair[0] in auth.unencoded_params else "/") for pair in pairs)
    if parts.fragment:
        glue = "&" if "?" in parts.fragment else "?"
        return urlunsplit(parts._replace(fragment=f"{parts.fragment}{glue}{query}"))
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, query]))))


def token_request(auth: OAuth2Auth, credentials: Credentials, values: Values | None = None) -> Outgoing:
    """The request that turns credentials into a token: every grant but the authorization code and the refresh."""
    values = values or {"credentials": credentials, "settings": {}}
    match auth.grant_type:
        case "password":
            params = {
                "grant_type": "password",
                "username": credentials.get("username", ""),
                "password": credentials.get("password", ""),
            }
        case "jwt_bearer":
            client = credentials.get("clientId", "") or auth.client_id
            audience = {"iss": client, "aud": expressions.render_url(auth.token_uri, values)}
            params = {"grant_type": _JWT_BEARER, "assertion": assertions.sign(auth.assertion, dict(values), defaults=audience)}
        case "none":
            params = {}
        case _:
            params = {"grant_type": "client_credentials"}
    if auth.scope and auth.grant_type != "none":
        params["scope"] = _scope(auth)
    return _request(auth, params, credentials, values, refresh=False)


def code_request(auth: OAuth2Auth, credentials: Credentials, values: Values, *, code: str, redirect_uri: str, verifier: str) -> Outgoing:
    """The request that exchanges an authorization code."""
    params = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if auth.pkce != "off":
        params["code_verifier"] = verifier
    return _request(auth, params, credentials, values, refresh=False)


def refresh_request(auth: OAuth2Auth, credentials: Credentials, values: Values, *, refresh_token: str, redirect_uri: str = "") -> Outgoing:
    """The request that exchanges a refresh token."""
    params = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if auth.include_redirect_uri_on_refresh and redirect_uri:
        params["redirect_uri"] = redirect_uri
    return _request(auth, params, credentials, values, refresh=True)


def revocation_request(auth: OAuth2Auth, credentials: Credentials, values: Values, *, token: str, hint: str) -> Outgoing:
    """RFC 7009: tell the vendor that a token is no longer used."""
    params = {"token": token, "token_type_hint": hint}
    headers = [("Accept", JSON_TYPE), ("Content-Type", FORM_TYPE)]
    headers += _authenticated(auth, params, credentials, values, refresh=False)
    return Outgoing("POST", _url(auth, auth.revocation_uri, values), headers, urlencode(params).encode())


def _request(auth: OAuth2Auth, params: dict[str, str], credentials: Credentials, values: Values, *, refresh: bool) -> Outgoing:
    url = _url(auth, (auth.refresh_uri if refresh else "") or auth.token_uri, values)
    headers = [("Accept", JSON_TYPE)]
    if auth.grant_type != "none" and (not refresh or auth.include_client_config_on_refresh or _sent_apart(auth)):
        headers += _authenticated(auth, params, credentials, values, refresh=refresh)
    params = {**params, **_rendered(auth.refresh_params if refresh else auth.token_params, values)}
    own = auth.refresh_headers if refresh else auth.token_headers
    replaced = {name.lower() for name in own}
    pairs = _named(auth, params)
    content, body, url = _encoded(auth, pairs, url)
    headers += [("Content-Type", content)] if content else []
    headers = [(name, value) for name, value in headers if name.lower() not in replaced]
    headers += [(name, value) for name, value in _rendered(own, values).items() if value]
    return Outgoing(auth.token_request_method, url, headers, body)


def _url(auth: OAuth2Auth, text: str, values: Values) -> str:
    """A URL of the vendor, filled in. Raises `MissingValue`, and `ValueError` for one outside of the domains that the integration names."""
    url = expressions.render_url(text, values)
    if not auth.allows(url):
        raise ValueError(strays(url, auth.valid_domain_names))
    return url


def _encoded(auth: OAuth2Auth, pairs: list[tuple[str, str]], url: str) -> tuple[str, bytes | None, str]:
    """Content type, body and URL of a token request."""
    if auth.token_request_method == "GET" or auth.token_request_content_type == QUERY_TYPE:
        return "", (None if auth.token_request_method == "GET" else b""), with_query(url, pairs)
    if auth.token_request_content_type == JSON_TYPE:
        return JSON_TYPE, json.dumps(dict(pairs)).encode(), url
    return FORM_TYPE, urlencode(pairs).encode(), url


def _sent_apart(auth: OAuth2Auth) -> bool:
    """Whether the client authenticates on refresh outside the parameters, where nothing is too much for anybody."""
    return auth.client_authentication_for(refresh=True) in ("basic", "tls")


def _authenticated(
    auth: OAuth2Auth, params: dict[str, str], credentials: Credentials, values: Values, *, refresh: bool
) -> list[tuple[str, str]]:
    """Adds to `params`, or gives headers: never both, because some servers refuse that."""
    client_id = (credentials.get("clientId", "") or auth.client_id).strip()
    client_secret = credentials.get("clientSecret", "").strip()
    match auth.client_authentication_for(refresh=refresh):
        case "basic" if client_secret or auth.grant_type == "client_credentials":
            # RFC 6749 2.3.1: both are form-encoded before they are joined.
            return [basic_header(quote_plus(client_id), quote_plus(client_secret))]
        case "body" if client_secret:
            params |= {"client_id": client_id, "client_secret": client_secret}
        case "private_key_jwt":
            audience = {"iss": client_id, "sub": client_id, "aud": expressions.render_url(auth.token_uri, values)}
            signed = assertions.sign(auth.assertion, dict(values), defaults=audience)
            params |= {"client_id": client_id, "client_assertion_type": assertions.CLIENT_ASSERTION_TYPE, "client_assertion": signed}
        case _ if client_id:
            params["client_id"] = client_id
    return []


def _scope(auth: OAuth2Auth) -> str:
    return auth.scope_separator.join(auth.scope.split()) if auth.scope_separator != " " else auth.scope


def _rendered(params: dict[str, str], values: Values) -> dict[str, str]:
    return {name: expressions.render(text, values) if text else "" for name, text in params.items()}


def _named(auth: OAuth2Auth, params: dict[str, str], own: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """The parameters that have a value, under the vendor's names; `own` are those of one kind of request."""
    names = {**auth.param_names, **(own or {})}
    return [(names.get(name, name), value) for name, value in params.items() if value != ""]
