"""Error rules and the error expression: which one fits an answer, and what it makes of it. Rows 115 and 116 of the features."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connections.answers import outcomes
from connections.answers.outcomes import Outcome, Reading
from connections.answers.rules import Rules, rules_of
from connections.exchange import Answer, Headers
from integrations.definition import Definition, ErrorRule
from integrations.operation import Operation


def answer(status: int, body: Any = None, *, kind: str = "application/json", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    pairs = [("Content-Type", kind), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return Answer(status, "", Headers(pairs), content, "https://api.example.com/x")


def read(got: Answer, *rules: dict[str, Any], expression: str = "") -> Reading:
    return outcomes.read(got, Rules(tuple(ErrorRule.model_validate(rule) for rule in rules), expression))


# --- which rule fits ---


@pytest.mark.parametrize(
    ("rule", "status", "body", "fits"),
    [
        ({"statuses": ["404"]}, 404, None, True),
        ({"statuses": ["404"]}, 405, None, False),
        ({"statuses": ["5xx"]}, 503, None, True),
        ({"statuses": ["400-403"]}, 402, None, True),
        ({"statuses": ["400-403"]}, 404, None, False),
        ({"path": "error"}, 200, {"error": "x"}, True),
        ({"path": "error"}, 200, {"error": None}, False),
        ({"path": "error"}, 200, {"error": False}, False),
        ({"path": "error"}, 200, {"error": 0}, False),
        ({"path": "error"}, 200, {"error": ""}, False),
        ({"path": "error"}, 200, {"ok": 1}, False),
        ({"path": "code", "values": ["602"]}, 200, {"code": 602}, True),
        ({"path": "code", "values": ["602"]}, 200, {"code": "602"}, True),
        ({"path": "ok", "values": ["false"]}, 200, {"ok": False}, True),
        ({"path": "code", "values": ["Denied"]}, 200, {"code": "denied"}, False),
        ({"path": "$.errors[*].code", "values": ["b"]}, 200, {"errors": [{"code": "a"}, {"code": "b"}]}, True),
        ({"path": "message", "pattern": "(?i)quota"}, 400, {"message": "Quota exceeded"}, True),
        ({"path": "message", "pattern": "(?i)quota"}, 400, {"message": "no"}, False),
        ({"pattern": "limit"}, 400, b"over the limit", True),
        ({"statuses": ["403"], "path": "code", "values": ["x"]}, 401, {"code": "x"}, False),
        ({"pattern": "(a+)+$"}, 400, b"a" * 5000 + b"!", False),
    ],
)  # fmt: skip
def test_rule_fits_by_status_path_values_and_pattern(rule: dict[str, Any], status: int, body: Any, fits: bool) -> None:
    assert read(answer(status, body), {**rule, "outcome": "ignore"}).ruled is fits


def test_fail_path_of_an_xml_answer_is_found() -> None:
    got = answer(200, b"<r><err code='7'>no</err></r>", kind="text/xml")
    assert read(got, {"path": "r.err.@code", "values": ["7"]}).outcome is Outcome.FAIL


def test_first_rule_that_fits_counts_and_those_of_the_action_go_first() -> None:
    definition = Definition.model_validate({"errors": [{"statuses": ["404"], "outcome": "fail", "message": "of the integration"}]})
    operation = Operation.model_validate({"name": "x", "path": "/x", "errors": [{"statuses": ["4xx"], "outcome": "ignore"}]})
    assert [outcomes.read(answer(404), rules_of(definition, one)).outcome for one in (None, operation)] == [
        Outcome.FAIL,
        Outcome.IGNORE,
    ]


# --- what it makes of the answer ---


@pytest.mark.parametrize(
    ("name", "outcome", "fine"),
    [
        ("success", Outcome.SUCCESS, True),
        ("ignore", Outcome.IGNORE, True),
        ("fail", Outcome.FAIL, False),
        ("retry", Outcome.RETRY, False),
        ("rate_limited", Outcome.RATE_LIMITED, False),
        ("refresh_token", Outcome.REFRESH_TOKEN, False),
        ("reauthorize", Outcome.REAUTHORIZE, False),
        ("Rate limited", Outcome.RATE_LIMITED, False),
        ("REFRESH-TOKEN", Outcome.REFRESH_TOKEN, False),
    ],
)
def test_every_outcome_is_what_the_rule_says(name: str, outcome: Outcome, fine: bool) -> None:
    reading = read(answer(409), {"statuses": ["409"], "outcome": name})
    assert (reading.outcome, reading.is_fine) == (outcome, fine)


def test_rate_limited_rule_waits_as_the_answer_says() -> None:
    got = answer(200, {"error": "slow"}, Retry_After="7")
    reading = read(got, {"path": "error", "values": ["slow"], "outcome": "rate_limited"})
    assert (reading.outcome, reading.wait, reading.blame) == (Outcome.RATE_LIMITED, 7, "vendor")


@pytest.mark.parametrize(
    ("rule", "message", "worded"),
    [
        ({"message": "Closed: {{response.error.text}} ({{status}}, {{headers.x-id}})"}, "Closed: no more (409, 5)", True),
        ({"messagePath": "error.text"}, "no more", True),
        ({"messagePath": "nowhere"}, "The vendor answered 409.", False),
        ({"message": "Closed: {{response.nothing}}", "messagePath": "error.text"}, "no more", True),
        ({}, "The vendor answered 409.", False),
    ],
)
def test_message_is_the_rules_the_vendors_or_the_usual(rule: dict[str, Any], message: str, worded: bool) -> None:
    reading = read(answer(409, {"error": {"text": "no more"}}, X_Id="5"), {"statuses": ["409"], **rule})
    assert (reading.message, reading.is_worded) == (message, worded)


@pytest.mark.parametrize(
    ("status", "rule", "blame"),
    [
        (409, {"blame": "us"}, "us"),
        (409, {}, "you"),
        (503, {}, "vendor"),
        (405, {}, "us"),
        (200, {}, "vendor"),
        (409, {"outcome": "reauthorize"}, "you"),
        (409, {"outcome": "retry"}, "vendor"),
    ],
)
def test_blame_is_the_rules_or_follows_from_the_status(status: int, rule: dict[str, Any], blame: str) -> None:
    assert read(answer(status, {"e": 1}), {"path": "e", **rule}).blame == blame


@pytest.mark.parametrize(
    ("status", "blame"),
    [(400, "you"), (401, "you"), (403, "you"), (404, "you"), (405, "us"), (415, "us"), (429, "vendor"), (500, "vendor")],
)
def test_blame_without_rules_follows_from_the_status(status: int, blame: str) -> None:
    assert read(answer(status)).blame == blame


def test_what_decided_is_named() -> None:
    assert read(answer(200, {"error": {"code": 7}}), {"path": "error.code", "values": ["7"]}).decided_by == "error.code = 7"


# --- error_expression ---


@pytest.mark.parametrize(
    ("body", "outcome", "message"),
    [
        ({"error": "invalid_auth"}, Outcome.FAIL, "invalid_auth"),
        ({"error": {"message": "Nope", "code": 3}}, Outcome.FAIL, "Nope"),
        ({"error": True}, Outcome.FAIL, "The vendor reported an error in its answer, although the status is 200."),
        ({"error": None}, Outcome.SUCCESS, ""),
        ({"error": False}, Outcome.SUCCESS, ""),
        ({"error": ""}, Outcome.SUCCESS, ""),
        ({"error": []}, Outcome.SUCCESS, ""),
        ({"data": 1}, Outcome.SUCCESS, ""),
        ([1], Outcome.SUCCESS, ""),
        (b"no json", Outcome.SUCCESS, ""),
    ],
)
def test_error_expression_with_a_value_makes_a_2xx_a_failure(body: Any, outcome: Outcome, message: str) -> None:
    reading = read(answer(200, body), expression="{{response.error}}")
    assert (reading.outcome, reading.message) == (outcome, message)


def test_error_expression_may_say_the_true_status() -> None:
    readings = [read(answer(200, {"error": {"status": s, "message": "m"}}), expression="{{response.error}}") for s in (401, 429, 503, 404)]
    assert [(one.outcome, one.message) for one in readings] == [
        (outcome, "m") for outcome in (Outcome.UNAUTHORIZED, Outcome.RATE_LIMITED, Outcome.RETRY, Outcome.FAIL)
    ]


def test_error_expression_of_an_action_takes_the_place_of_the_integrations() -> None:
    definition = Definition.model_validate({"errorExpression": "{{response.error}}"})
    own = Operation.model_validate({"name": "x", "path": "/x", "errorExpression": "{{response.fault}}"})
    assert [rules_of(definition, one).expression for one in (None, own)] == ["{{response.error}}", "{{response.fault}}"]


def test_rules_go_before_the_expression() -> None:
    got = answer(200, {"error": "x"})
    assert read(got, {"path": "error", "outcome": "success"}, expression="{{response.error}}").outcome is Outcome.SUCCESS


# --- what is refused ---


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({}, "Say for which answers the rule is: by statuses, a path, or a pattern."),
        ({"values": ["x"], "statuses": ["200"]}, "Values are compared with what stands at a path. Enter the path."),
        ({"statuses": ["often"]}, "'often' is no status. Write for example 429, 5xx or 400-403."),
        ({"statuses": ["500-400"]}, "500-400 counts backwards. Write the smaller status first, for example 400-403."),
        ({"pattern": "("}, "The pattern ( is not a regular expression."),
    ],
)
def test_rule_that_says_nothing_is_refused(rule: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        ErrorRule.model_validate(rule)
    assert str(caught.value.errors()[0]["ctx"]["error"]) == sentence  # type: ignore[attr-defined]
