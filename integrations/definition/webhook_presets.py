"""Webhooks of well-known vendors, as their documentation describes them (leaf)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from integrations.definition.webhook import Webhook


@dataclass(frozen=True)
class Preset:
    """A vendor's name, its webhooks, and where a person finds the secret there."""

    name: str
    title: str
    hint: str
    webhook: Webhook


def _preset(name: str, title: str, hint: str, **values: Any) -> Preset:
    return Preset(name, title, hint, Webhook.model_validate({"preset": name, **values}))


_HUB: Final = {"type": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="}

PRESETS: Final[dict[str, Preset]] = {
    preset.name: preset
    for preset in (
        _preset(
            "standard-webhooks",
            "Standard Webhooks",
            "The secret begins with whsec_ and is shown where you add the endpoint.",
            verification={
                "type": "hmac", "header": "webhook-signature", "encoding": "base64", "prefix": "v1,", "separator": " ",
                "parts": ["header:webhook-id", "timestamp", "body"], "joinedBy": ".", "timestamp": "header:webhook-timestamp",
                "secretEncoding": "base64", "secretPrefix": "whsec_",
            },
            eventId="header:webhook-id",
            eventType="body:type",
        ),
        _preset(
            "github",
            "GitHub",
            "Settings, Webhooks of the repository or organization: choose a secret and enter it on both sides; content type application/json.",
            verification=_HUB,
            eventId="header:X-GitHub-Delivery",
            eventType="header:X-GitHub-Event",
        ),
        _preset(
            "gitlab",
            "GitLab",
            "Settings, Webhooks of the project: the secret token.",
            verification={"type": "token", "source": "header:X-Gitlab-Token"},
            eventId="header:X-Gitlab-Event-UUID",
            eventType="header:X-Gitlab-Event",
        ),
        _preset(
            "meta",
            "Meta (Facebook, Instagram, WhatsApp)",
            "The app secret; the verify token is one that you choose and enter on both sides.",
            verification=_HUB,
            handshakes=[{"value": "query:hub.challenge", "when": "query:hub.mode", "equals": "subscribe", "token": "query:hub.verify_token"}],
            eventType="body:object",
        ),
        _preset(
            "microsoft-graph",
            "Microsoft Graph",
            "The clientState that you give when the subscription is made.",
            verification={"type": "token", "source": "body:value.0.clientState"},
            handshakes=[{"value": "query:validationToken"}],
            eventType="body:value.0.changeType",
        ),
        _preset(
            "shopify",
            "Shopify",
            "The client secret of the app, or the signing key under Settings, Notifications, Webhooks.",
            verification={"type": "hmac", "header": "X-Shopify-Hmac-Sha256", "encoding": "base64"},
            eventId="header:X-Shopify-Webhook-Id",
            eventType="header:X-Shopify-Topic",
        ),
        _preset(
            "slack",
            "Slack",
            "Basic Information of the app: the signing secret.",
            verification={
                "type": "hmac", "header": "X-Slack-Signature", "prefix": "v0=", "parts": ["text:v0", "timestamp", "body"], "joinedBy": ":",
                "timestamp": "header:X-Slack-Request-Timestamp",
            },
            handshakes=[
                {"value": "body:challenge", "when": "body:type", "equals": "url_verification", "reply": "json", "name": "challenge", "signed": True}
            ],
            eventId="body:event_id",
            eventType="body:event.type",
        ),
        _preset(
            "stripe",
            "Stripe",
            "Developers, Webhooks: the signing secret of the endpoint.",
            verification={
                "type": "hmac", "header": "Stripe-Signature", "separator": ",", "key": "v1", "timestamp": "signature:t",
                "parts": ["timestamp", "body"], "joinedBy": ".",
            },
            eventId="body:id",
            eventType="body:type",
        ),
    )
}  # fmt: skip
