"""The member `webhook` of a document, read and written."""

from __future__ import annotations

from typing import Any

import pytest

from connections.models import DefaultCredential
from connections.secrets import open_sealed
from integrations.definition import PRESETS, Definition, Webhook
from integrations.models import Integration
from integrations.truto import read, written
from tests.integrations.truto.documents import whole
from tests.integrations.truto.test_seed_003 import Truto, api, made  # noqa: F401 - a fixture


def read_back(config: dict[str, Any]) -> tuple[Webhook | None, list[str]]:
    found = read({"base_url": "https://a.example", **config})
    value = found.definition["webhook"]
    return Webhook.model_validate(value) if value else None, [note.path for note in found.unused]


@pytest.mark.parametrize("name", PRESETS)
def test_webhooks_of_every_preset_come_back_as_they_were(name: str) -> None:
    webhook = PRESETS[name].webhook.model_copy(update={"preset": ""})
    document = written(Definition(api_base_uri="https://a.example", webhook=webhook), [])
    assert read_back({"webhook": document["webhook"]}) == (webhook, [])


def test_seeds_webhook_is_an_hmac_whose_header_is_asked_for() -> None:
    webhook, unused = read_back({"webhook": whole()["webhook"]})
    assert webhook is not None
    verification: Any = webhook.verification
    assert (verification.type, verification.algorithm, verification.parts, verification.header) == ("hmac", "sha256", ["body"], "")
    assert unused == ["webhook.signature_verification.config", "webhook.handle_verification"]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"compare_with": "{{headers['x-signature']}}", "string_type": "base64"}, ("x-signature", "base64", "sha512")),
        ({"compare_with": "headers.X-Sig"}, ("X-Sig", "hex", "sha512")),
        ({"header": "X-Own", "compare_with": "headers.X-Sig"}, ("X-Own", "hex", "sha512")),
    ],
)
def test_header_is_found_where_the_document_compares_with_it(config: dict[str, Any], expected: tuple[str, str, str]) -> None:
    webhook, unused = read_back({"webhook": {"signature_verification": {"format": "hmac-sha512", "config": {"parts": ["body"], **config}}}})
    assert webhook is not None
    verification: Any = webhook.verification
    assert ((verification.header, verification.encoding, verification.algorithm), unused) == (expected, [])


def test_expressions_are_kept_and_what_cannot_be_used_is_named() -> None:
    handle = '{"type": "verify", "verification_response": {"body": body.challenge}}'
    webhook, unused = read_back(
        {"webhook": {"handle_verification": handle, "payload_transform": "body.data", "context_lookup_field_id": "x", "strange": 1}}
    )
    assert webhook is not None
    assert (webhook.handle, webhook.transform) == (handle, "body.data")
    assert unused == ["webhook.context_lookup_field_id", "webhook.strange"]
    assert read_back({"webhook": {"signature_verification": {"format": "ed25519", "config": {}}}})[1] == ["webhook.signature_verification"]
    assert read_back({"webhook": {"handle_verification": "$$$("}})[1] == ["webhook.handle_verification"]
    bad = {"signature_verification": {"format": "jwt", "config": {"algorithm": "none"}}}
    assert read_back({"webhook": bad}) == (None, ["webhook"])


def test_secret_of_the_document_is_given_along_to_connections(api: Truto) -> None:  # noqa: F811 - a fixture
    made(api, whole())
    row = DefaultCredential.objects.get()
    assert open_sealed(row.sealed, context=row.context)["webhookSecret"] == "your-webhook-secret"
    assert Integration.objects.get().working.definition.webhook is not None
