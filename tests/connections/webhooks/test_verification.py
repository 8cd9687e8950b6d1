"""Verification: every setting of HMAC, tokens, Basic, JWT; and what does not pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from connections.webhooks.verification import Secrets, Unverified, check_secret, verify
from integrations.definition import HmacVerification, JwtVerification, Webhook
from integrations.definition.webhook import BasicVerification, NoVerification, TokenVerification
from tests.connections.webhooks.test_presets import received

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = '{"id": "ä"}'.encode()


def hmac_rules(**settings: Any) -> HmacVerification:
    return HmacVerification.model_validate({"header": "X-Signature", **settings})


def passes(rules: Any, headers: dict[str, str], *secrets: str, body: bytes = BODY, now: datetime = NOW, **message: Any) -> bool:
    try:
        verify(rules, received(headers, body, **message), Secrets(list(secrets), username="vendor"), now)
    except Unverified:
        return False
    return True


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64", "base64url"])
def test_hmac_in_each_algorithm_and_encoding(algorithm: str, encoding: str) -> None:
    digest = hmac.digest(b"key", BODY, algorithm)
    text = {
        "hex": digest.hex(),
        "base64": base64.b64encode(digest).decode(),
        "base64url": base64.urlsafe_b64encode(digest).decode().rstrip("="),
    }
    rules = hmac_rules(algorithm=algorithm, encoding=encoding)
    assert passes(rules, {"X-Signature": text[encoding]}, "key")
    assert not passes(rules, {"X-Signature": text[encoding]}, "keys")
    assert not passes(rules, {"X-Signature": text[encoding]}, "key", body=BODY + b"\n")
    assert not passes(rules, {"X-Other": text[encoding]}, "key")
    assert not passes(rules, {"X-Signature": ""}, "key")


def test_hmac_over_method_url_header_text_timestamp_and_body() -> None:
    rules = hmac_rules(
        parts=["method", "url", "header:X-Id", "text:v2", "timestamp", "body"], joinedBy="|", timestamp="header:X-Time", prefix="v2="
    )
    url = "https://junction.example/hooks/t?a=1&b=%2F"
    content = b"|".join([b"PUT", url.encode(), b"7", b"v2", STAMP.encode(), BODY])
    headers = {"X-Id": "7", "X-Time": STAMP, "X-Signature": "v2=" + hmac.digest(b"key", content, "sha256").hex()}
    assert passes(rules, headers, "key", url=url, method="PUT")
    assert not passes(rules, headers, "key", url=f"{url}&c=1", method="PUT")
    assert not passes(rules, headers, "key", url=url, method="POST")
    assert not passes(rules, {**headers, "X-Id": "8"}, "key", url=url, method="PUT")
    assert not passes(rules, {name: value for name, value in headers.items() if name != "X-Id"}, "key", url=url, method="PUT")


@pytest.mark.parametrize("text", [STAMP, f"{STAMP}000", NOW.isoformat(), "2026-03-01T12:00:00Z", "Sun, 01 Mar 2026 12:00:00 GMT"])
def test_timestamp_in_each_form_is_within_the_window_and_not_beyond(text: str) -> None:
    rules = hmac_rules(parts=["timestamp", "body"], joinedBy=".", timestamp="header:X-Time", tolerance=60)
    headers = {"X-Time": text, "X-Signature": hmac.digest(b"key", text.encode() + b"." + BODY, "sha256").hex()}
    ages = (-61, -60, 0, 60, 61)
    assert [passes(rules, headers, "key", now=NOW + timedelta(seconds=age)) for age in ages] == [False, True, True, True, False]


@pytest.mark.parametrize("text", ["", "soon", "-1", "1e99", "9" * 400, "²"])
def test_timestamp_that_is_none_is_refused(text: str) -> None:
    rules = hmac_rules(parts=["timestamp", "body"], timestamp="header:X-Time")
    assert not passes(rules, {"X-Time": text, "X-Signature": hmac.digest(b"key", text.encode() + BODY, "sha256").hex()}, "key")


def test_replaced_secret_counts_beside_the_new_one_and_an_empty_one_never() -> None:
    rules, header = hmac_rules(), {"X-Signature": hmac.digest(b"old", BODY, "sha256").hex()}
    assert passes(rules, header, "new", "old")
    assert not passes(rules, header, "new")
    assert not passes(rules, {"X-Signature": hmac.digest(b"", BODY, "sha256").hex()})
    with pytest.raises(Unverified, match="No secret is set"):
        verify(rules, received(header, BODY), Secrets(), NOW)


def test_several_signatures_in_one_header() -> None:
    good = hmac.digest(b"key", BODY, "sha256").hex()
    assert passes(hmac_rules(separator=","), {"X-Signature": f"{'0' * 64}, {good}"}, "key")
    assert passes(hmac_rules(separator=" ", prefix="v1="), {"X-Signature": f"v2={good} v1={good}"}, "key")
    assert not passes(hmac_rules(separator=" ", prefix="v1="), {"X-Signature": f"v2={good}"}, "key")
    # No more than twenty are compared, so that a header cannot keep a process busy.
    assert not passes(hmac_rules(separator=","), {"X-Signature": ",".join(["0" * 64] * 30 + [good])}, "key")


def test_secret_in_hex_and_base64() -> None:
    key = bytes(range(32))
    header = {"X-Signature": hmac.digest(key, BODY, "sha256").hex()}
    assert passes(hmac_rules(secretEncoding="hex"), header, key.hex())
    assert passes(hmac_rules(secretEncoding="base64", secretPrefix="sec_"), header, "sec_" + base64.b64encode(key).decode())
    assert (
        check_secret(hmac_rules(secretEncoding="base64"), "no base64!")
        == "This is no secret in base64. Enter it exactly as the vendor shows it."
    )
    assert check_secret(hmac_rules(), "anything") == ""


def test_token_in_header_query_body_and_form() -> None:
    def rules(source: str) -> TokenVerification:
        return TokenVerification(source=source)

    json_type = {"Content-Type": "application/json"}
    assert passes(rules("header:X-Token"), {"X-Token": "tök"}, "tök")
    assert passes(rules("query:k"), {}, "a b", url="https://j.example/hooks/t?k=a+b")
    assert passes(rules("body:value.0.clientState"), json_type, "s", body=b'{"value": [{"clientState": "s"}]}')
    assert passes(rules("form:token"), {"Content-Type": "application/x-www-form-urlencoded"}, "s", body=b"token=s&a=1")
    assert not passes(rules("header:X-Token"), {"X-Token": "tok"}, "token")
    assert not passes(rules("header:X-Token"), {"X-Token": ""}, "")
    assert not passes(rules("body:a"), json_type, "{}", body=b'{"a": {}}')


def test_basic() -> None:
    def header(text: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    rules = BasicVerification()
    assert passes(rules, header("vendor:pä:ss"), "pä:ss")
    assert [passes(rules, one, "pass") for one in (header("vendor:pas"), header("other:pass"), {"Authorization": "Basic !"}, {})] == [
        False
    ] * 4


PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def bearer(claims: dict[str, Any], key: Any, algorithm: str = "HS256") -> dict[str, str]:
    return {"Authorization": "Bearer " + jwt.encode(claims, key, algorithm=algorithm)}


SHARED_KEY = "k" * 64


def test_jwt_with_a_shared_secret() -> None:
    rules, soon = JwtVerification(issuer="vendor", audience="junction"), datetime.now(UTC) + timedelta(minutes=1)
    good = {"exp": soon, "iss": "vendor", "aud": "junction"}
    assert passes(rules, bearer(good, SHARED_KEY), "x" * 64, SHARED_KEY)
    wrong = [
        {**good, "iss": "other"},
        {**good, "aud": "other"},
        {**good, "exp": datetime.now(UTC) - timedelta(minutes=10)},
        {"exp": soon, "iss": "vendor"},
    ]
    assert [passes(rules, bearer(claims, SHARED_KEY), SHARED_KEY) for claims in wrong] == [False] * 4
    assert not passes(rules, bearer(good, "y" * 64), SHARED_KEY)
    assert not passes(rules, {"Authorization": jwt.encode(good, SHARED_KEY)}, SHARED_KEY)  # without Bearer


def test_jwt_without_an_end_may_be_as_old_as_the_tolerance() -> None:
    rules = JwtVerification(tolerance=60)
    assert passes(rules, bearer({"iat": int(NOW.timestamp()) - 50}, SHARED_KEY), SHARED_KEY)
    assert not passes(rules, bearer({"iat": int(NOW.timestamp()) - 70}, SHARED_KEY), SHARED_KEY)
    assert not passes(rules, bearer({}, SHARED_KEY), SHARED_KEY)


def test_jwt_with_a_public_key_takes_no_token_signed_with_that_key_as_a_secret() -> None:
    rules, claims = JwtVerification(algorithms=["RS256"]), {"exp": datetime.now(UTC) + timedelta(minutes=1)}
    assert passes(rules, bearer(claims, PRIVATE, "RS256"), PUBLIC)
    header = {"alg": "HS256", "typ": "JWT"}
    signing = b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=") for part in (str(header).replace("'", '"').encode(), b'{"exp": 9999999999}')
    )
    token = signing + b"." + base64.urlsafe_b64encode(hmac.digest(PUBLIC.encode(), signing, "sha256")).rstrip(b"=")
    assert not passes(rules, {"Authorization": "Bearer " + token.decode()}, PUBLIC)
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=") + b".eyJleHAiOjk5OTk5OTk5OTl9."
    assert not passes(rules, {"Authorization": "Bearer " + none.decode()}, PUBLIC)
    assert check_secret(rules, PUBLIC) == ""
    assert check_secret(rules, "abc") == "Enter the vendor's public key in PEM form, from -----BEGIN PUBLIC KEY----- on."


def test_jwt_with_a_digest_of_the_body() -> None:
    rules = JwtVerification(bodyClaim="request_body_sha256")  # type: ignore[call-arg]  # by its name in JSON
    claims = {"iat": int(NOW.timestamp()), "request_body_sha256": hashlib.sha256(BODY).hexdigest()}
    assert passes(rules, bearer(claims, SHARED_KEY), SHARED_KEY)
    assert not passes(rules, bearer(claims, SHARED_KEY), SHARED_KEY, body=b"{}")
    assert not passes(rules, bearer({"iat": claims["iat"]}, SHARED_KEY), SHARED_KEY)


def test_nothing_is_compared_where_nothing_is_asked_for() -> None:
    assert verify(NoVerification(), received({}), Secrets(), NOW) == ""


@pytest.mark.parametrize(
    ("verification", "sentence"),
    [
        ({"type": "hmac", "parts": ["timestamp"]}, "leaves out the body"),
        ({"type": "hmac", "parts": ["timestamp", "body"]}, "Say where it stands"),
        ({"type": "hmac", "timestamp": "header:X-Time"}, "is not signed can be set to any time"),
        ({"type": "hmac", "timestamp": "signature:t", "parts": ["timestamp", "body"]}, "Enter the key of the signature"),
        ({"type": "hmac", "parts": ["body", "cookies"]}, "cookies is no part that is signed"),
        ({"type": "hmac", "algorithm": "md5"}, "sha1"),
        ({"type": "token", "source": "cookie:a"}, "names no place"),
        ({"type": "jwt", "algorithms": ["HS256", "RS256"]}, "cannot be mixed"),
        ({"type": "jwt", "algorithms": ["HS256"], "jwksUri": "https://v.example/keys"}, "use a shared secret"),
        ({"type": "jwt", "algorithms": ["none"]}, "HS256"),
    ],
)
def test_rules_that_would_prove_nothing_cannot_be_set(verification: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Webhook.model_validate({"verification": verification})
