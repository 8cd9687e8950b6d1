"""Error rules and formats in runs: what an integration says about answers decides how a run goes on and what it says. Rows 104, 113 to 116."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from actions import results, runs
from actions.models import Run
from connections.models import Connection, ConnectionEvent
from connections.signals import authorization_needed
from integrations.models import User
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.server import Handler, Seen, serving

Answers = list[tuple[int, Any]] | Callable[[Handler], None]
Went = tuple[Run, list[Seen]]


@pytest.fixture
def go(make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> Callable[..., Went]:
    """Run one action against a vendor that gives these answers, the last one again and again."""

    def went(
        answers: Answers,
        *,
        action: dict[str, Any] | None = None,
        inputs: Any = None,
        credentials: Any = None,
        options: Any = None,
        **more: Any,
    ) -> Went:
        def answer(to: Handler) -> None:
            if callable(answers):
                return answers(to)
            status, body = answers[min(len(to.server.seen), len(answers)) - 1]
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            kind = "application/xml" if content.startswith(b"<") else "application/json"
            return to.reply(status, content, Content_Type=kind)

        with serving(answer) as server:
            definition = json.loads(json.dumps(more).replace("{host}", server.url))
            integration = make_integration(base_uri=server.url, actions=[action_values(path="/things", **(action or {}))], **definition)
            connection = make_connection(integration, credentials=credentials)
            Connection.objects.filter(pk=connection.pk).update(options=options or {})
            run = runs.start(action=action_of(integration), connection=connection, user=carol, inputs=inputs or {})
            runs.execute(run.pk)
            run.refresh_from_db()
            return run, server.seen

    return went


def test_status_that_a_rule_ignores_is_complete_without_records(go: Callable[..., Went]) -> None:
    run, _ = go([(404, {"message": "no customers"})], errors=[{"statuses": ["404"], "outcome": "ignore"}])
    assert (run.verdict, run.record_count) == ("complete", 0), run.message


def test_status_that_a_rule_calls_success_is_read(go: Callable[..., Went]) -> None:
    run, _ = go([(404, {"id": 7})], action={"errors": [{"statuses": ["404"], "outcome": "success"}]})
    assert (run.verdict, list(results.records(run))) == ("complete", [{"id": 7}])


def test_fail_path_on_200_ends_the_run_with_the_rules_message(go: Callable[..., Went]) -> None:
    rule = {"path": "ok", "values": ["false"], "message": "Slack says {{response.error}}.", "blame": "you"}
    run, _ = go([(200, {"ok": False, "error": "invalid_auth"})], errors=[rule])
    assert (run.verdict, run.message, run.record_count) == ("failed", "Slack says invalid_auth.", 0)


def test_error_expression_ends_the_run_with_its_value(go: Callable[..., Went]) -> None:
    run, _ = go([(200, {"error": {"message": "Plan ended"}})], errorExpression="{{response.error}}")
    assert (run.verdict, run.message) == ("failed", "Plan ended")


def test_rule_of_the_action_goes_before_that_of_the_integration(go: Callable[..., Went]) -> None:
    run, _ = go(
        [(410, {})],
        errors=[{"statuses": ["410"], "outcome": "fail"}],
        action={"errors": [{"statuses": ["4xx"], "outcome": "ignore"}]},
    )
    assert run.verdict == "complete"


def test_retry_and_rate_limited_on_200_are_repeated(go: Callable[..., Went]) -> None:
    rules = [{"path": "code", "values": ["busy"], "outcome": "retry"}, {"path": "code", "values": ["slow"], "outcome": "rate_limited"}]
    run, seen = go([(200, {"code": "busy"}), (200, {"code": "slow"}), (200, {"id": 1})], errors=rules)
    assert (run.verdict, run.record_count, len(seen)) == ("complete", 1, 3)


def test_post_is_repeated_only_where_a_rule_says_that_the_vendor_turned_it_away(go: Callable[..., Went]) -> None:
    rules = [{"path": "code", "values": ["busy"], "outcome": "retry"}, {"path": "code", "values": ["slow"], "outcome": "rate_limited"}]
    limited, seen = go([(200, {"code": "slow"}), (200, {"id": 1})], errors=rules, action={"method": "POST"}, name="One")
    unsure, once = go([(200, {"code": "busy"}), (200, {"id": 1})], errors=rules, action={"method": "POST"}, name="Two")
    assert (limited.verdict, len(seen), unsure.verdict, len(once)) == ("complete", 2, "failed", 1)
    assert "Outcome unknown" in unsure.message


def test_refresh_token_rule_fetches_a_new_token_and_repeats_once(go: Callable[..., Went]) -> None:
    def answer(to: Handler) -> None:
        if to.path == "/token":
            number = sum(seen.path == "/token" for seen in to.server.seen)
            found: Any = {"access_token": f"token-{number}", "expires_in": 3600}
        else:
            old = to.headers["Authorization"] == "Bearer token-1"
            found = {"errorCode": 602} if old else {"id": 1}
        to.reply(200, json.dumps(found).encode(), Content_Type="application/json")

    run, seen = go(
        answer,
        auth={"type": "oauth2", "tokenUri": "{host}/token"},
        credentials={"clientId": "id", "clientSecret": "s3cr3t-value"},
        errors=[{"path": "errorCode", "values": ["602"], "outcome": "refresh_token"}],
    )
    assert (run.verdict, run.record_count) == ("complete", 1), run.message
    assert [one.path for one in seen] == ["/token", "/things", "/token", "/things"]


def test_reauthorize_rule_marks_the_connection_and_tells_people(go: Callable[..., Went], django_capture_on_commit_callbacks: Any) -> None:
    told: list[str] = []

    def hear(sender: Any, *, message: str, **kwargs: Any) -> None:
        told.append(message)

    authorization_needed.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        run, _ = go([(200, {"error": "token_revoked"})], errors=[{"path": "error", "values": ["token_revoked"], "outcome": "reauthorize"}])
    authorization_needed.disconnect(hear)
    message = "The vendor no longer accepts the authorization. Authorize the connection again, or enter its credentials anew."
    connection = Connection.objects.get()
    assert (run.verdict, connection.state, connection.message, told) == ("failed", "reauthorize", message, [message])
    assert [(event.before, event.after, event.reason) for event in ConnectionEvent.objects.all()] == [("untested", "reauthorize", "call")]


def test_message_of_a_rule_holds_no_secret(go: Callable[..., Went]) -> None:
    run, _ = go(
        [(400, {"error": "bad key sample-key-4711"})],
        auth={"type": "bearer"},
        credentials={"token": "sample-key-4711"},
        errors=[{"statuses": ["400"], "message": "Refused: {{response.error}}"}],
    )
    assert run.message == "Refused: bad key •••"


# --- formats ---


@pytest.mark.parametrize(
    ("success", "body", "rows"),
    [
        ("csv", b"id;name\n1;A\n", [{"id": "1", "name": "A"}]),
        ("ndjson", b'{"id": 1}\n{"id": 2}\n', [{"id": 1}, {"id": 2}]),
        ("xml", b"<r><id>1</id></r>", [{"r": {"id": "1"}}]),
        ("urlencoded", b"id=1&tag=a&tag=b", [{"id": "1", "tag": ["a", "b"]}]),
        ("plaintext", b'{"id": 1}', ['{"id": 1}']),
        ("", b'{"id": 1}', [{"id": 1}]),
    ],
)
def test_answers_are_read_in_the_format_that_the_integration_sets(
    go: Callable[..., Went], success: str, body: bytes, rows: list[Any]
) -> None:
    run, _ = go(lambda to: to.reply(200, body, Content_Type="application/octet-stream"), mediaTypes={"success": success})
    assert list(results.records(run)) == rows


def test_format_of_a_connection_goes_before_the_integrations(go: Callable[..., Went]) -> None:
    run, _ = go([(200, b"id\n1\n")], mediaTypes={"success": "json"}, options={"mediaTypes": {"success": "csv"}})
    assert list(results.records(run)) == [{"id": "1"}]


def test_character_set_of_answers_that_name_none(go: Callable[..., Went]) -> None:
    run, _ = go(lambda to: to.reply(200, "id,n\n1,Größe\n".encode("latin-1"), Content_Type="text/csv"), mediaTypes={"charset": "latin-1"})
    assert list(results.records(run)) == [{"id": "1", "n": "Größe"}]


def test_error_in_another_format_than_success_is_read_by_the_rules(go: Callable[..., Went]) -> None:
    run, _ = go(
        lambda to: to.reply(400, b"<e><why>closed</why></e>", Content_Type="text/plain"),
        mediaTypes={"success": "json", "error": "xml"},
        errors=[{"path": "e.why", "values": ["closed"], "outcome": "ignore"}],
    )
    assert run.verdict == "complete"


@pytest.mark.parametrize(
    ("request_type", "inputs", "content_type", "body"),
    [
        ("xml", {"order": {"@id": "1", "item": ["a", "b"]}}, "application/xml",
         b'<?xml version="1.0" encoding="UTF-8"?>\n<order id="1"><item>a</item><item>b</item></order>'),
        ("csv", [{"id": 1, "n": "x,y"}, {"id": 2}], "text/csv; charset=utf-8", b'id,n\r\n1,"x,y"\r\n2,\r\n'),
        ("ndjson", [{"id": 1}, {"id": 2}], "application/x-ndjson", b'{"id":1}\n{"id":2}\n'),
        ("urlencoded", {"id": 1, "tag": ["a", "b"]}, "application/x-www-form-urlencoded", b"id=1&tag=a&tag=b"),
        ("plaintext", "words", "text/plain; charset=utf-8", b"words"),
        ("", {"id": 1}, "application/json", b'{"id":1}'),
    ],
)  # fmt: skip
def test_bodies_are_sent_in_the_format_that_the_integration_sets(
    go: Callable[..., Went], request_type: str, inputs: Any, content_type: str, body: bytes
) -> None:
    action = {"method": "POST", "body": {"contentType": "application/json"}}
    _, seen = go([(200, {})], action=action, inputs={"body": inputs}, mediaTypes={"request": request_type})
    assert (seen[0].headers["content-type"], seen[0].body) == (content_type, body)


def test_multipart_is_sent_and_read(go: Callable[..., Went]) -> None:
    def answer(to: Handler) -> None:
        sent = to.server.seen[-1]
        to.reply(200, sent.body, Content_Type=sent.headers["content-type"])

    action = {"method": "POST", "body": {"contentType": "application/json"}}
    file = {"filename": "a.txt", "content": "words", "contentType": "text/plain"}
    run, _ = go(answer, action=action, inputs={"body": {"id": 1, "file": file, "more": {"a": [1]}}}, mediaTypes={"request": "multipart"})
    assert list(results.records(run)) == [{"id": "1", "file": file, "more": {"a": [1]}}]
