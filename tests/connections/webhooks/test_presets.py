"""Presets against what vendors publish: GitHub, Slack and Standard Webhooks with secret, body and signature.

Stripe and Shopify publish the form of their headers and how the signature is made, but no secret along with one; there
the signature is made by OpenSSL, which the product does not use for it.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from standardwebhooks import Webhook as Reference

from connections.exchange import Headers
from connections.webhooks.received import Received
from connections.webhooks.verification import Secrets, Unverified, verify
from integrations.definition import PRESETS

SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA"
    b"&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
# name: secret, headers, body, the moment of signing in seconds since 1970 (0: none is signed)
PUBLISHED: dict[str, tuple[str, dict[str, str], bytes, int]] = {
    "github": (
        "It's a Secret to Everybody",
        {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        b"Hello, World!",
        0,
    ),
    "slack": (
        "8f742231b10e8888abcd99yyyzzz85a5",
        {
            "X-Slack-Request-Timestamp": "1531420618",
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        SLACK_BODY,
        1531420618,
    ),
    "standard-webhooks": (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        1614265330,
    ),
}


def received(
    headers: dict[str, str], body: bytes = b"", *, url: str = "https://junction.example/hooks/t", method: str = "POST"
) -> Received:
    return Received(method, url, Headers(headers.items()), body)


def openssl(secret: str, content: bytes) -> bytes:
    """HMAC-SHA256 by OpenSSL, which the product does not use for it."""
    made = HMAC(secret.encode(), SHA256())
    made.update(content)
    return made.finalize()


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) if seconds else datetime.now(UTC)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_example_is_verified(name: str) -> None:
    secret, headers, body, at = PUBLISHED[name]
    verify(PRESETS[name].webhook.verification, received(headers, body), Secrets([secret]), moment(at) + timedelta(seconds=20))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_example_with_another_body_or_secret_is_refused(name: str) -> None:
    secret, headers, body, at = PUBLISHED[name]
    verification = PRESETS[name].webhook.verification
    another = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    for sent, by in ((body + b" ", secret), (body, another)):
        with pytest.raises(Unverified, match="does not fit the secret"):
            verify(verification, received(headers, sent), Secrets([by]), moment(at))


@pytest.mark.parametrize("name", [name for name in PUBLISHED if PUBLISHED[name][3]])
@pytest.mark.parametrize("seconds", [-301, 301])
def test_published_example_is_refused_out_of_its_time(name: str, seconds: int) -> None:
    secret, headers, body, at = PUBLISHED[name]
    with pytest.raises(Unverified, match="up to 300 are accepted"):
        verify(PRESETS[name].webhook.verification, received(headers, body), Secrets([secret]), moment(at) + timedelta(seconds=seconds))


def test_stripe_compares_each_v1_and_no_v0() -> None:
    rules, body, secret = PRESETS["stripe"].webhook.verification, b'{"id": "evt_1"}', "whsec_test"
    good = openssl(secret, b"1492774577." + body).hex()
    now = moment(1492774577)
    for header in (f"t=1492774577,v1={good}", f"t=1492774577,v1={'0' * 64},v1={good},v0={'1' * 64}"):
        verify(rules, received({"Stripe-Signature": header}, body), Secrets([secret]), now)
    for header in (f"t=1492774577,v0={good}", f"t=1492774578,v1={good}", f"v1={good}", "t=1492774577", "", f"t=soon,v1={good}"):
        with pytest.raises(Unverified):
            verify(rules, received({"Stripe-Signature": header}, body), Secrets([secret]), now)


def test_shopify_reads_base64_and_no_hex() -> None:
    rules, body, secret = PRESETS["shopify"].webhook.verification, b'{"id":820982911946154508}', "hush"
    digest = openssl(secret, body)
    verify(rules, received({"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode()}, body), Secrets([secret]), moment(0))
    with pytest.raises(Unverified):
        verify(rules, received({"X-Shopify-Hmac-Sha256": digest.hex()}, body), Secrets([secret]), moment(0))


def test_what_the_reference_of_standard_webhooks_signs_is_verified_among_several_signatures() -> None:
    secret, now, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", moment(1700000000), '{"type":"a"}'
    signed = Reference(secret).sign("msg_1", now, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": "1700000000", "webhook-signature": f"v1a,x v1,AAAA {signed}"}
    verify(PRESETS["standard-webhooks"].webhook.verification, received(headers, body.encode()), Secrets([secret]), now)
    with pytest.raises(Unverified):
        verify(
            PRESETS["standard-webhooks"].webhook.verification,
            received({**headers, "webhook-id": "msg_2"}, body.encode()),
            Secrets([secret]),
            now,
        )


@pytest.mark.parametrize(
    ("name", "headers", "body", "event_id", "event_type"),
    [
        ("github", {"X-GitHub-Delivery": "72d3162e", "X-GitHub-Event": "issues"}, b"{}", "72d3162e", "issues"),
        ("shopify", {"X-Shopify-Webhook-Id": "b54557e4", "X-Shopify-Topic": "orders/create"}, b"{}", "b54557e4", "orders/create"),
        ("slack", {}, b'{"type": "event_callback", "event_id": "Ev08", "event": {"type": "app_mention"}}', "Ev08", "app_mention"),
        ("stripe", {}, b'{"id": "evt_1", "type": "invoice.paid"}', "evt_1", "invoice.paid"),
        ("standard-webhooks", {"webhook-id": "msg_1"}, b'{"type": "user.created"}', "msg_1", "user.created"),
        ("gitlab", {"X-Gitlab-Event-UUID": "u1", "X-Gitlab-Event": "Push Hook"}, b"{}", "u1", "Push Hook"),
    ],
)
def test_id_and_kind_of_an_event_are_found(name: str, headers: dict[str, str], body: bytes, event_id: str, event_type: str) -> None:
    webhook, message = PRESETS[name].webhook, received({"Content-Type": "application/json", **headers}, body)
    assert (message.at(webhook.event_id), message.at(webhook.event_type)) == (event_id, event_type)
