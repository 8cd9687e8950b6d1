"""The wizard's step Answers, and the rules of a single action: every setting goes in and comes back, rows say what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions.models import Action
from integrations import services
from integrations.definition import Definition, ErrorRule, MediaTypes
from integrations.models import Integration
from integrations.wizard.answer_forms import FORMATS, OUTCOMES, ErrorRuleRow
from tests.cast import Cast, MakeIntegration
from tests.integrations.test_api import Api
from tests.integrations.test_auth_forms import as_sent
from tests.pages import errors, signed_in

RULE = {
    "statuses": ["404", "5xx", "400-403"], "path": "error.code", "values": ["a", "B"], "pattern": "x+", "outcome": "rate_limited",
    "message": "Slower: {{response.error.text}}", "messagePath": "error.text", "blame": "vendor",
}  # fmt: skip
TYPES = {"request": "xml", "success": "csv", "error": "plaintext", "charset": "iso8859-1"}


@pytest.fixture
def browser(cast: Cast) -> Client:
    return signed_in(cast.bob)


@pytest.fixture
def draft(make_integration: MakeIntegration) -> Integration:
    return make_integration(status="draft")


def url(integration: Integration) -> str:
    return reverse("wizard-step", args=[integration.slug, "answers"])


def saved(draft: Integration) -> Definition:
    return Integration.objects.get(pk=draft.pk).working.definition


def row(number: int = 0, total: int = 1, **values: str) -> dict[str, str]:
    usual = {"statuses": "", "path": "", "values": "", "outcome": "fail"}
    return {
        "errors_-TOTAL_FORMS": str(total),
        "errors_-INITIAL_FORMS": "0",
        **{f"errors_-{number}-{name}": value for name, value in {**usual, **values}.items()},
    }


def test_every_setting_has_an_input() -> None:
    assert set(ErrorRuleRow.base_fields) == set(ErrorRule.model_fields)
    assert {"", *FORMATS} == {"", *MediaTypes.model_json_schema()["properties"]["request"]["enum"]}
    assert set(OUTCOMES) == set(ErrorRule.model_json_schema()["properties"]["outcome"]["enum"])


def test_form_that_is_sent_back_as_it_was_drawn_changes_nothing(browser: Client, draft: Integration) -> None:
    services.change_definition(
        integration=draft,
        errors=[RULE, {"statuses": ["409"]}],
        error_expression="{{response.error}}",
        media_types=TYPES,
        skip_follow_authorization_header=True,
    )
    before = saved(draft)
    assert (before.errors[0].dump(), before.media_types.dump()) == (RULE, TYPES)
    assert browser.post(url(draft), as_sent(browser.get(url(draft)))).status_code == 302
    assert saved(draft).dump() == before.dump()


def test_rules_and_formats_are_saved_and_the_wizard_goes_on(browser: Client, draft: Integration) -> None:
    sent = {
        "media_success": "xml", "media_charset": "latin-1", "error_expression": "{{response.error}}",
        **row(statuses="404, 410", outcome="ignore"),
    }  # fmt: skip
    answer = browser.post(url(draft), sent)
    assert answer.headers["Location"] == reverse("wizard-step", args=[draft.slug, "webhooks"])
    found = saved(draft)
    assert (found.media_types.success, found.media_types.charset, found.error_expression) == ("xml", "iso8859-1", "{{response.error}}")
    assert [(rule.statuses, rule.outcome) for rule in found.errors] == [(["404", "410"], "ignore")]


def test_what_is_wrong_with_a_rule_stands_in_its_row(browser: Client, draft: Integration) -> None:
    refused = browser.post(url(draft), row(statuses="often"))
    form = refused.context["form"]
    assert (refused.status_code, errors(refused)) == (422, {"errors_": ["Correct the rows that are marked below."]})
    assert dict(form["errors_"].value().forms[0].errors) == {"statuses": ["'often' is no status. Write for example 429, 5xx or 400-403."]}
    assert errors(browser.post(url(draft), {"media_charset": "klingon", **row()})) == {
        "media_charset": ["'klingon' is no character set that is known here. Write for example iso-8859-1."]
    }
    assert errors(browser.post(url(draft), {"error_expression": "{{response."})) == {
        "error_expression": ["A placeholder is not closed. It begins with {{ and ends with }}: {{response."]
    }


def test_action_has_rules_of_its_own_in_form_and_api(browser: Client, draft: Integration, cast: Cast) -> None:
    action = Action.objects.get(revision__integration=draft)
    address = f"{reverse('wizard-step', args=[draft.slug, 'actions'])}?action={action.uid}"
    sent: dict[str, Any] = {
        **as_sent(browser.get(address)),
        **row(statuses="404", outcome="ignore"),
        "error_expression": "{{response.fault}}",
    }
    assert browser.post(address, sent).status_code == 302
    shown = Api(cast.bob)("GET", f"actions/{action.uid}")
    assert ([(rule["statuses"], rule["outcome"]) for rule in shown["errors"]], shown["errorExpression"]) == (
        [(["404"], "ignore")], "{{response.fault}}",
    )  # fmt: skip
    Api(cast.bob)("PATCH", f"actions/{action.uid}", {"errors": [RULE], "errorExpression": ""})
    assert Action.objects.get(pk=action.pk).operation.errors == [ErrorRule.model_validate(RULE)]
    refused = browser.post(address, {**as_sent(browser.get(address)), **row(statuses="often")})
    assert "is no status." in refused.content.decode()
