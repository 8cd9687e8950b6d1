"""The wizard's step Webhooks: every setting goes in and comes back, a known vendor stands for all of them, errors stand at their field."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations import services
from integrations.definition import PRESETS, Webhook
from integrations.models import Integration
from integrations.wizard.webhook_forms import PRESET, SETTINGS
from tests.cast import Cast, MakeIntegration
from tests.pages import signed_in

WAYS: dict[str, dict[str, Any]] = {
    "none": {},
    "basic": {},
    "token": {"source": "query:key", "token_prefix": "tok "},
    "hmac": {
        "header": "X-Sig", "algorithm": "sha512", "encoding": "base64", "signature_prefix": "v1, ", "parts": "text:v1\ntimestamp\nheader:X-Id\nbody",
        "joined_by": " ", "timestamp": "signature:t", "tolerance": "60", "separator": ",", "key": "v1", "secret_encoding": "hex", "secret_prefix": "s_",
    },
    "jwt": {
        "jwt_header": "X-Jwt", "jwt_prefix": "", "algorithms": "RS256, ES256", "jwks_uri": "https://v.example/keys", "issuer": "v", "audience": "j",
        "body_claim": "sha", "jwt_tolerance": "10",
    },
}  # fmt: skip
BESIDE = {"event_id": "header:X-Id", "event_type": "body:type", "handle": "body.challenge", "transform": "body.data"}
ROWS = {
    "handshakes-TOTAL_FORMS": "2", "handshakes-INITIAL_FORMS": "0",
    "handshakes-0-value": "query:c", "handshakes-0-reply": "json", "handshakes-0-name": "c", "handshakes-0-when": "body:type",
    "handshakes-0-equals": "hello", "handshakes-0-token": "query:t", "handshakes-0-signed": "on",
    "handshakes-1-value": "", "handshakes-1-reply": "text",
}  # fmt: skip


@pytest.fixture
def draft(make_integration: MakeIntegration) -> Integration:
    return make_integration(status="draft")


@pytest.fixture
def browser(cast: Cast) -> Client:
    return signed_in(cast.bob, cast.msp)


def url(integration: Integration, step: str = "webhooks") -> str:
    return reverse("wizard-step", args=[integration.slug, step])


def saved(draft: Integration) -> Webhook | None:
    return Integration.objects.get(pk=draft.pk).working.definition.webhook


@pytest.mark.parametrize("kind", WAYS)
def test_every_setting_is_saved_and_comes_back(browser: Client, draft: Integration, kind: str) -> None:
    assert set(WAYS[kind]) == set(SETTINGS.get(kind, {}).values())  # none is left out here
    answer = browser.post(url(draft), {"kind": kind, **WAYS[kind], **BESIDE, **ROWS})
    assert answer.headers["Location"] == url(draft, "actions")
    webhook = saved(draft)
    assert webhook is not None
    assert webhook.verification.type == kind
    assert [one.model_dump(exclude_defaults=True) for one in webhook.handshakes] == [
        {"value": "query:c", "reply": "json", "name": "c", "when": "body:type", "equals": "hello", "token": "query:t", "signed": True}
    ]
    form = browser.get(url(draft)).context["form"]
    shown = {name: form[name].value() for name in WAYS[kind]}
    assert {name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in shown.items()} == WAYS[kind]
    assert {name: form[name].value() for name in ("kind", *BESIDE)} == {"kind": kind, **BESIDE}


@pytest.mark.parametrize("name", PRESETS)
def test_known_vendor_stands_for_all_of_its_settings(browser: Client, draft: Integration, name: str) -> None:
    browser.post(url(draft), {"kind": f"{PRESET}{name}", "header": "X-Ignored"})
    assert saved(draft) == PRESETS[name].webhook
    assert browser.get(url(draft)).context["form"]["kind"].value() == f"{PRESET}{name}"


def test_nothing_is_said_until_somebody_does(browser: Client, draft: Integration) -> None:
    assert browser.get(url(draft)).context["form"]["kind"].value() == ""
    browser.post(url(draft), {"kind": "", "header": "X-Sig"})
    assert saved(draft) is None


def test_what_does_not_fit_stands_at_its_field_and_row(browser: Client, draft: Integration) -> None:
    values = {"kind": "hmac", "header": "X Sig", "event_id": "cookie:a", "parts": "body", **ROWS, "handshakes-0-value": "nowhere"}
    form = browser.post(url(draft), values).context["form"]
    assert {name: next(iter(errors))[:40] for name, errors in form.errors.items()} == {
        "header": "'X Sig' is not a header name. It has let",
        "event_id": "cookie:a names no place. Write for examp",
        "handshakes": "Correct the rows that are marked below.",
    }
    assert saved(draft) is None


def test_rows_stay_where_a_form_comes_without_them(browser: Client, draft: Integration) -> None:
    services.change_definition(integration=draft, webhook={"handshakes": [{"value": "query:c"}]})
    browser.post(url(draft), {"kind": "token", "source": "header:X-T"})
    webhook = saved(draft)
    assert webhook is not None
    assert [one.value for one in webhook.handshakes] == ["query:c"]
