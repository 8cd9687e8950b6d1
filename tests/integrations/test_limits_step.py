"""The wizard's step Limits and its fields in the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations import services
from integrations.definition import BodyWait, Definition, RateLimit, Signal
from integrations.models import Integration, User
from tests.cast import MakeIntegration
from tests.pages import errors, signed_in, value

FULL = {
    "remaining_header": "X-Calls-Left",
    "retry_after_headers": "X-Retry-After, X-Wait",
    "reset_headers": "X-Calls-Reset",
    "statuses": "503, 5XX",
    "body_path": "error.message",
    "body_pattern": r"again at (\S+)",
    "body_kind": "at",
    "limited_statuses": "403, 498",
    "limited_path": "error.code",
    "limited_values": "quota\n42",
    "limited_expression": 'status = 200 and body.code = "RATE"',
    "wait_expression": "$number(headers.`x-wait-ms`) / 1000",
    "reset_expression": "$number(headers.`x-plan-reset`)",
    "idempotency_header": "Idempotency-Key",
}
LIMIT = RateLimit(
    remaining_header="X-Calls-Left",
    retry_after_headers=["X-Retry-After", "X-Wait"],
    reset_headers=["X-Calls-Reset"],
    statuses=["503", "5xx"],
    body=BodyWait(path="error.message", pattern=r"again at (\S+)", kind="at"),
    limited=Signal(statuses=[403, 498], path="error.code", values=["quota", "42"]),
    limited_expression='status = 200 and body.code = "RATE"',
    wait_expression="$number(headers.`x-wait-ms`) / 1000",
    reset_expression="$number(headers.`x-plan-reset`)",
)


@pytest.fixture
def browser(bob: User) -> Client:
    return signed_in(bob)


@pytest.fixture
def draft(make_integration: MakeIntegration) -> Integration:
    return make_integration(status="draft")


def url(integration: Integration) -> str:
    return reverse("wizard-step", args=[integration.slug, "limits"])


def saved(integration: Integration) -> Definition:
    return Integration.objects.get(pk=integration.pk).working.definition


def test_every_setting_of_a_rate_limit_has_an_input() -> None:
    parts = {f"{part}_{name}" for part, model in (("body", BodyWait), ("limited", Signal)) for name in model.model_fields}
    assert {*FULL} == {*RateLimit.model_fields, *parts, "idempotency_header"} - {"body", "limited"}


def test_fields_are_saved_and_shown_again(browser: Client, draft: Integration) -> None:
    answer = browser.post(url(draft), FULL)
    assert answer.headers["Location"] == reverse("wizard-step", args=[draft.slug, "answers"])
    assert (saved(draft).rate_limit, saved(draft).idempotency_header) == (LIMIT, "Idempotency-Key")
    page = browser.get(url(draft))
    assert {name: value(page, name) for name in FULL} == {**FULL, "statuses": "503, 5xx"}


def test_empty_step_leaves_what_most_vendors_do(browser: Client, draft: Integration) -> None:
    browser.post(url(draft), FULL)
    browser.post(url(draft), dict.fromkeys(FULL, ""))
    assert (saved(draft).rate_limit, saved(draft).idempotency_header) == (RateLimit(), "")


@pytest.mark.parametrize(
    ("fields", "sentences"),
    [
        ({"statuses": "often"}, {"statuses": ["'often' is no status. Write for example 429, 5xx or 400-403."]}),
        ({"remaining_header": "X Left"}, {"remaining_header": ["'X Left' is not a header name. It has letters, digits and - only, for example X-API-Key."]}),
        ({"reset_headers": "a, b:c"}, {"reset_headers": ["'b:c' is not a header name. It has letters, digits and - only, for example X-API-Key."]}),
        ({"body_path": "m", "body_pattern": "(", "body_kind": "after"}, {"body_pattern": ["The pattern ( is not a regular expression."]}),
        ({"body_path": "m", "body_pattern": "in 5", "body_kind": "after"}, {"body_pattern": ["The pattern needs a group, ( and ), round the time."]}),
        ({"wait_expression": "1 +"}, {"wait_expression": ["1 + is no JSONata expression: Unexpected end of expression."]}),
        ({"limited_values": "quota"}, {"limited_path": ["Enter the path at which one of the values stands."]}),
        ({"limited_statuses": "4xx"}, {"limited_statuses": ["4xx is not a number. Write numbers with commas between them, for example 404, 416."]}),
        ({"body_pattern": "(x)"}, {"body_path": ["Enter the path to the text that the pattern reads."]}),
        ({"idempotency_header": "a b"}, {"idempotency_header": ["'a b' is not a header name. It has letters, digits and - only, for example X-API-Key."]}),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_at_its_field(browser: Client, draft: Integration, fields: dict[str, str], sentences: Any) -> None:
    answer = browser.post(url(draft), fields)
    assert (answer.status_code, errors(answer)) == (422, sentences)
    assert {name: value(answer, name) for name in fields} == fields
    assert saved(draft).rate_limit == RateLimit()


def test_idempotency_header_is_part_of_the_api(browser: Client, draft: Integration) -> None:
    where = f"/api/integrations/{draft.slug}"
    answer = browser.patch(where, json.dumps({"idempotencyHeader": "Idempotency-Key"}), content_type="application/json")
    assert (answer.status_code, answer.json()["idempotencyHeader"]) == (200, "Idempotency-Key")
    assert browser.get(where).json()["idempotencyHeader"] == "Idempotency-Key"
    services.change_definition(integration=draft, rate_limit=LIMIT)
    assert saved(draft).idempotency_header == "Idempotency-Key"
    assert browser.patch(where, json.dumps({"idempotencyHeader": None}), content_type="application/json").json()["idempotencyHeader"] == ""
