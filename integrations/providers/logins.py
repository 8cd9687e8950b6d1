"""Tokens that are fetched by calls of the vendor's own making, and tokens that are signed here."""

from __future__ import annotations

import re
from typing import Any

from integrations.providers.entry import Entry
from integrations.providers.oauth import kept_of_token, life, url
from integrations.providers.texts import Scope, setting_name

_FORMATS = ("json", "form", "xml")


def login(entry: Entry, scope: Scope) -> dict[str, Any]:
    """The settings of a login in one or more steps, as JSON of a definition."""
    scope.random = "request.id"
    auth: dict[str, Any] = {"type": "login"}
    assertion = _assertion(entry, scope)
    if assertion:
        auth["assertion"] = assertion
    form = entry.text("body_format", "json")
    steps = [_step(entry, scope, form)]
    if form not in _FORMATS:
        entry.lose("body_format", f"A login is sent as JSON, as a form or as XML, not as {form[:40]}.")
    steps += [_step(one, scope, one.text("body_format", form)) for one in entry.sections("additional_steps")]
    auth["steps"] = steps
    _refresh(entry, scope, auth)
    _answer(entry, scope, auth, steps)
    life(entry, auth)
    if "set-cookie" in [name.lower() for name in entry.items("token_response_headers")]:
        auth["keepCookies"] = True
    scope.random = "uuid()"
    return auth


def _step(entry: Entry, scope: Scope, form: str) -> dict[str, Any]:
    method = entry.text("token_request_method", "POST").upper()
    address = url(entry, scope, "token_url", entry.text("token_url"))
    params = _translated_section(entry, "token_params", scope)
    if method == "GET" and params:
        entry.lose("token_params", "The entry asks with GET, which has no body, and gives parameters of one.")
        params = {}
    return {
        "method": method,
        "url": address,
        "bodyFormat": form if form in _FORMATS else "json",
        "params": params,
        "headers": _headers(entry, scope, "token_headers"),
    }


def _headers(entry: Entry, scope: Scope, key: str) -> dict[str, str]:
    section = entry.section(key)
    found = {}
    for name in list(section.values):
        text = section.text(name)
        found[name] = scope.said(section, name, text, alternatives=False).text
    return found


def _refresh(entry: Entry, scope: Scope, auth: dict[str, Any]) -> None:
    if not {"refresh_url", "refresh_token_params", "refresh_token_headers"} & set(entry.values):
        return
    step = dict(auth["steps"][0])
    if address := entry.text("refresh_url"):
        step["url"] = url(entry, scope, "refresh_url", address)
    step["params"] = _translated_section(entry, "refresh_token_params", scope)
    if "refresh_token_headers" in entry:
        step["headers"] = _headers(entry, scope, "refresh_token_headers")
    auth["refreshStep"] = step


def _answer(entry: Entry, scope: Scope, auth: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    response = entry.section("token_response")
    auth["tokenKey"] = response.text("token")
    auth["tokenExpirationKey"] = response.text("token_expiration") or "expires_in"
    strategy = response.text("token_expiration_strategy")
    if strategy not in ("", "expireIn", "expireAt"):
        response.lose("token_expiration_strategy", f"{strategy[:40]} is not known here.")
    # "auto": a span where the number is one, a moment where it is a date or larger than any span.
    auth["tokenExpirationFormat"] = "auto"
    auth["refreshTokenKey"] = response.text("refresh_token")
    kept = kept_of_token(entry, scope)
    for name, path in list(kept.items()):
        for number, step in enumerate(steps[:-1], 1):
            # A value that a later step reads from an earlier answer comes from there.
            if any(f"steps.{number}.{path}" in str(text) for text in (steps, auth.get("refreshStep"))):
                step["extract"] = {**step.get("extract", {}), name: path}
    auth["tokenSettings"] = kept


def _assertion(entry: Entry, scope: Scope) -> dict[str, Any] | None:
    if "signature" in entry or "token" in entry:
        return signed_token(entry, scope)
    if "assertion" not in entry:
        return None
    given = entry.section("assertion")
    kind = given.text("type", "saml")
    if kind != "jwt":
        entry.take("assertion")
        entry.lose("assertion", "The assertion is SAML, which Junction does not sign; it signs JSON Web Tokens.")
        return None
    given.flag("singleUse")  # each request gets one of its own
    return _signed(given, scope, key=given.text("key"), lifetime=given.take("lifetimeInSeconds", 3600))


def signed_token(entry: Entry, scope: Scope) -> dict[str, Any]:
    """A token that is signed here, from the sections `signature` and `token`."""
    signature, token = entry.section("signature"), entry.section("token")
    protocol = signature.text("protocol")
    encoding = signature.text("hmac_secret_encoding", "hex" if protocol == "HMAC" else "")
    if protocol not in ("RSA", "HMAC", "EC"):
        signature.lose("protocol", f"{protocol[:40]} is no signature that is known here.")
    lifetime = token.take("expires_in_ms", 3_600_000)
    found = _signed(token, scope, key=token.text("signing_key"), lifetime=lifetime / 1000 if isinstance(lifetime, int | float) else 3600)
    if protocol == "HMAC":
        found["keyEncoding"] = {"utf8": "text", "hex": "hex", "base64": "base64"}.get(encoding, "text")
    return found


def _signed(section: Entry, scope: Scope, *, key: str, lifetime: Any) -> dict[str, Any]:
    header = _translated_section(section, "header", scope)
    claims = _translated_section(section, "payload", scope)
    algorithm = header.pop("alg", "RS256")
    if header.get("typ") == "JWT":
        del header["typ"]  # is there anyway
    if re.fullmatch(r"\{\{(uuid\(\)|request\.id)\}\}", str(claims.get("jti", ""))):
        del claims["jti"]  # is there anyway
    elif "jti" not in claims:
        claims["jti"] = ""
    try:
        seconds = int(float(lifetime))
    except (TypeError, ValueError):
        section.lose("", f"{str(lifetime)[:40]} is no lifetime.")
        seconds = 300
    return {
        "algorithm": algorithm,
        "key": scope.said(section, "key", key, whole=False, alternatives=False).text or "{{credentials.privateKey}}",
        "header": header,
        "claims": claims,
        "lifetime": seconds,
    }


def _translated_section(entry: Entry, key: str, scope: Scope) -> dict[str, Any]:
    section = entry.section(key)
    names = list(section.values)
    return {name: scope.said_document(section, name, section.take(name)) for name in names}


def credential_names(entry: Entry) -> dict[str, str]:
    """What the entry calls its credentials, by itself: names of placeholders, ours the same."""
    found: dict[str, str] = {}
    for key in ("credentials", "assertion_option", "integration_config"):
        section = entry.values.get(key)
        for name, field in (section if isinstance(section, dict) else {}).items():
            if not (isinstance(field, dict) and field.get("automated")):
                found[name] = setting_name(name)
    return found
