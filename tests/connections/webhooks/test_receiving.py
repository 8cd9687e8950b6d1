"""What arrives at an address over a socket: believed or not, kept once, answered before any work, worked on by a worker."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.core.cache import cache
from django.utils import timezone
from jwt.algorithms import RSAAlgorithm
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from standardwebhooks import Webhook as Reference

from connections import services as connection_services
from connections.deliveries import targets
from connections.models import Connection, Delivery, DeliveryTarget, WebhookEndpoint, WebhookEvent
from connections.rotation import rotate, sealed_models
from connections.webhooks import endpoints, work
from connections.webhooks.endpoints import Change
from integrations.definition import PRESETS
from integrations.definition.webhook import Handshake
from integrations.models import AuditEntry
from integrations.refusals import Conflict, Invalid
from tests.backends import Worker, eventually
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.server import serving
from tests.connections.webhooks.senders import SECRET, github, opened, path_of, sent
from tests.connections.webhooks.test_verification import PRIVATE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connection(make_integration: MakeIntegration, make_connection: MakeConnection) -> Connection:
    return make_connection(make_integration())


@pytest.fixture
def endpoint(connection: Connection, cast: Cast) -> WebhookEndpoint:
    return opened(connection, cast.carol)


def events(**wanted: Any) -> list[WebhookEvent]:
    return list(WebhookEvent.objects.filter(**wanted))


def test_genuine_message_is_kept_byte_for_byte_and_answered_at_once(endpoint: WebhookEndpoint, live_server: LiveServer) -> None:
    content = b'{"action":  "opened",\r\n "n": 1.10, "name": "\xc3\xa4"}'
    body, headers = github(content, delivery="72d3162e")
    assert sent(live_server.url, path_of(endpoint), body, headers)[::2] == (200, b"")
    (event,) = events()
    assert (event.content, event.size, event.verdict, event.state) == (content, len(content), "verified", "waiting")
    assert (event.event_id, event.event_type, event.results) == ("72d3162e", "issues", [])
    kept = {name.lower(): value for name, value in event.headers}
    assert (kept["user-agent"], kept["x-hub-signature-256"]) == ("GitHub-Hookshot/044aadd", "•••")


def test_wrong_signature_leaves_only_its_beginning_and_a_reason_and_no_secret(
    endpoint: WebhookEndpoint, live_server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    body, headers = github({"pad": "x" * 5000}, secret="somebody else's")
    headers |= {"Authorization": "Bearer abcdef123", "X-Note": f"is it {SECRET}?"}
    with caplog.at_level(logging.DEBUG):
        status, _, answer = sent(
            live_server.url, path_of(endpoint) + f"?token=t0ken-t0ken&secret={SECRET.replace(' ', '+')}", body, headers
        )
    assert (status, answer) == (401, b"The message does not prove where it comes from.\n")
    (event,) = events()
    assert (event.verdict, event.state, event.event_id, len(event.content), event.size) == ("rejected", "ignored", "", 2048, len(body))
    assert (
        event.reason == "The signature in X-Hub-Signature-256 does not fit the secret: another secret, or the body was changed on its way."
    )
    row = json.dumps([event.headers, event.query, event.reason])
    assert [text for text in ("abcdef123", SECRET, "t0ken-t0ken") if text in row + caplog.text] == []
    with pytest.raises(Conflict, match="was rejected"):
        work.redeliver(event=event)


def test_secret_of_another_connection_is_worth_nothing(
    endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer, make_connection: MakeConnection
) -> None:
    other = opened(make_connection(endpoint.connection.integration, name="Other"), cast.carol, secret="the other's secret")
    body, headers = github(secret="the other's secret")
    assert sent(live_server.url, path_of(endpoint), body, headers)[0] == 401
    assert sent(live_server.url, path_of(other), body, headers)[0] == 200
    assert [(event.endpoint_id, event.verdict) for event in events(verdict="verified")] == [(other.pk, "verified")]


@pytest.mark.parametrize("target", ["/hooks/", "/hooks/guess", "/hooks/" + "a" * 43, "/hooks/" + "a" * 4000])
def test_unknown_address_is_404_and_leaves_nothing(endpoint: WebhookEndpoint, live_server: LiveServer, target: str) -> None:
    assert sent(live_server.url, target, *github())[0] == 404
    assert events() == []


def test_closed_switched_off_and_replaced_addresses_are_404(endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer) -> None:
    old = path_of(endpoint)
    endpoints.new_address(endpoint=endpoint)
    assert sent(live_server.url, old, *github())[0] == 404
    endpoints.change_endpoint(endpoint=endpoint, user=cast.carol, change=Change(is_enabled=False))
    assert sent(live_server.url, path_of(endpoint), *github())[0] == 404
    endpoints.change_endpoint(endpoint=endpoint, user=cast.carol, change=Change(is_enabled=True))
    assert sent(live_server.url, path_of(endpoint), *github())[0] == 200
    new = path_of(endpoint)
    endpoints.close(endpoint=endpoint)
    assert (sent(live_server.url, new, *github())[0], events()) == (404, [])


def test_message_that_comes_again_is_kept_once_however_many_arrive_at_a_time(endpoint: WebhookEndpoint, live_server: LiveServer) -> None:
    body, headers = github(delivery="same")
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(sent(live_server.url, path_of(endpoint), body, headers)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (event,) = events()
    assert (found, event.duplicates) == ([200] * 8, 7)


def test_replay_of_a_signed_moment_is_known_and_a_stale_one_refused(connection: Connection, cast: Cast, live_server: LiveServer) -> None:
    endpoint = opened(connection, cast.carol, preset="slack", secret="8f742231b10e8888abcd99yyyzzz85a5")

    def message(at: int) -> tuple[bytes, dict[str, str]]:
        body = b"command=%2Fdeploy&text=now"  # a slash command has no id
        signature = hmac.new(b"8f742231b10e8888abcd99yyyzzz85a5", b"v0:%d:%s" % (at, body), hashlib.sha256).hexdigest()
        return body, {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": str(at),
            "X-Slack-Signature": f"v0={signature}",
        }

    now = int(time.time())
    statuses = [sent(live_server.url, path_of(endpoint), *message(at))[0] for at in (now, now, now - 1, now - 400, now + 400)]
    assert statuses == [200, 200, 200, 401, 401]
    assert sorted(event.duplicates for event in events(verdict="verified")) == [0, 1]
    reasons = [event.reason for event in events(verdict="rejected")]
    assert [reason[:41] for reason in reasons] == ["The signature fits, but its timestamp is "] * 2


def test_too_large_a_body_is_refused_before_it_is_read(endpoint: WebhookEndpoint, live_server: LiveServer, settings: Settings) -> None:
    settings.WEBHOOK_MAX_BYTES = 2048
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024  # that of forms is another limit
    status, _, answer = sent(live_server.url, path_of(endpoint), *github(b"x" * 2049))
    assert (status, answer, events()) == (413, b"At most 2,048 bytes are taken.\n", [])
    assert sent(live_server.url, path_of(endpoint), *github(b"x" * 2048))[0] == 200


def test_address_remembers_the_last_rejections_only(endpoint: WebhookEndpoint, live_server: LiveServer) -> None:
    assert sent(live_server.url, path_of(endpoint), *github())[0] == 200
    for _ in range(55):
        assert sent(live_server.url, path_of(endpoint), *github(secret="wrong"))[0] == 401
    assert (len(events(verdict="rejected")), len(events(verdict="verified"))) == (50, 1)


def test_replaced_secret_counts_for_a_day_and_a_removed_one_no_more(endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer) -> None:
    def status(secret: str) -> int:
        return sent(live_server.url, path_of(endpoint), *github(secret=secret))[0]

    endpoints.change_endpoint(endpoint=endpoint, user=cast.carol, change=Change(secret="new secret"))
    assert (status(SECRET), status("new secret")) == (200, 200)
    WebhookEndpoint.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert (status(SECRET), status("new secret")) == (401, 200)
    endpoint.refresh_from_db()
    endpoints.change_endpoint(endpoint=endpoint, user=cast.carol, change=Change(secret=""))
    assert (status("new secret"), status("")) == (401, 401)


def test_secrets_are_sealed_and_stand_in_no_row_and_move_to_another_key(endpoint: WebhookEndpoint, live_server: LiveServer) -> None:
    sent(live_server.url, path_of(endpoint), *github())
    token = path_of(endpoint).rpartition("/")[2]
    rows = [str(row) for model in (WebhookEndpoint, WebhookEvent, AuditEntry) for row in model.objects.all().values()]
    assert [row for row in rows if SECRET in row or token in row] == []
    assert WebhookEndpoint in sealed_models()
    assert rotate(check_only=True).broken == 0


# --- handshakes ---------------------------------------------------------------------------------------------------------


def test_slack_gets_its_challenge_back_if_it_is_signed(connection: Connection, cast: Cast, live_server: LiveServer) -> None:
    endpoint = opened(connection, cast.carol, preset="slack", secret="s3cret-s3cret")
    body = b'{"token": "Jhj5", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "type": "url_verification"}'
    at = str(int(time.time()))
    signature = "v0=" + hmac.new(b"s3cret-s3cret", b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature}
    status, said, answer = sent(live_server.url, path_of(endpoint), body, headers)
    assert (status, said["content-type"]) == (200, "application/json")
    assert json.loads(answer) == {"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}
    endpoint.refresh_from_db()
    assert (endpoint.confirmed_at is not None, events()) == (True, [])
    assert sent(live_server.url, path_of(endpoint), body, {**headers, "X-Slack-Signature": "v0=" + "0" * 64})[0] == 401


def test_microsoft_gets_its_validation_token_back_as_plain_text(connection: Connection, cast: Cast, live_server: LiveServer) -> None:
    endpoint = opened(connection, cast.carol, preset="microsoft-graph", secret="client-state")
    status, said, answer = sent(live_server.url, path_of(endpoint) + "?validationToken=Validation%3A+%3Cscript%3E1%3C%2Fscript%3E")
    assert (status, said["content-type"], answer) == (200, "text/plain; charset=utf-8", b"Validation: <script>1</script>")
    assert (said["x-content-type-options"], said["content-security-policy"]) == ("nosniff", "default-src 'none'; sandbox")
    note = {"value": [{"clientState": "client-state", "changeType": "updated", "resource": "me/messages/1"}]}
    as_json = {"Content-Type": "application/json"}
    assert sent(live_server.url, path_of(endpoint), json.dumps(note).encode(), as_json)[0] == 200
    note["value"][0]["clientState"] = "forged"
    assert sent(live_server.url, path_of(endpoint), json.dumps(note).encode(), as_json)[0] == 401
    assert [(event.event_type, event.verdict) for event in events()] == [("", "rejected"), ("updated", "verified")]


def test_meta_gets_its_challenge_back_for_the_verify_token_alone(connection: Connection, cast: Cast, live_server: LiveServer) -> None:
    endpoint = opened(connection, cast.carol, preset="meta", verify_token="my-verify-token")
    question = path_of(endpoint) + "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    assert sent(live_server.url, question + "my-verify-token", method="GET")[::2] == (200, b"1158201444")
    assert sent(live_server.url, question + "another", method="GET")[0] == 401
    assert sent(live_server.url, question, method="GET")[0] == 401
    assert sent(live_server.url, path_of(endpoint), method="GET")[0] == 405


def declaring(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, webhook: dict[str, Any], **change: Any
) -> WebhookEndpoint:
    """The address of a connection to an integration that says this of its webhooks."""
    connection = make_connection(make_integration(webhook=webhook))
    return endpoints.open_endpoint(connection=connection, user=cast.carol, change=Change(**change))[0]


def test_header_is_echoed_for_vendors_who_ask_so(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer
) -> None:
    handshake = {"value": "header:X-Hook-Secret", "reply": "header", "name": "X-Hook-Secret"}
    endpoint = declaring(make_integration, make_connection, cast, {"handshakes": [handshake]})
    status, said, _ = sent(live_server.url, path_of(endpoint), b"", {"X-Hook-Secret": "b537207f20cbfa02"})
    assert (status, said["x-hook-secret"], events()) == (200, "b537207f20cbfa02", [])


HANDLE = """body.type = "verify" ? {"type": "verify", "verification_response": {"status_code": 202, "body": {"token": body.token},
"headers": {"X-Ok": "1", "Set-Cookie": "a=1", "Content-Type": "text/html"}}} : body.type = "ping" ? {"type": "meta"}"""


def test_expression_answers_marks_and_passes_on(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer
) -> None:
    endpoint = declaring(make_integration, make_connection, cast, {"handle": HANDLE})

    def ask(body: Any) -> tuple[int, dict[str, str], bytes]:
        return sent(live_server.url, path_of(endpoint), json.dumps(body).encode(), {"Content-Type": "application/json"})

    status, said, answer = ask({"type": "verify", "token": "<b>"})
    assert (status, said["content-type"], said["x-ok"], "set-cookie" in said) == (202, "application/json", "1", False)
    assert (json.loads(answer), events()) == ({"token": "<b>"}, [])
    assert (ask({"type": "ping"})[0], ask({"type": "order"})[0]) == (200, 200)
    assert [event.state for event in events()] == ["waiting", "ignored"]
    assert sent(live_server.url, path_of(endpoint), b"no json")[0] == 200


def test_basic_is_checked_as_the_integration_says(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer
) -> None:
    endpoint = declaring(
        make_integration, make_connection, cast, {"verification": {"type": "basic"}}, username="vendor", secret="pass word"
    )

    def status(text: str) -> int:
        return sent(live_server.url, path_of(endpoint), b"{}", {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()})[0]

    assert (status("vendor:pass word"), status("vendor:other"), status("other:pass word")) == (200, 401, 401)


def test_jwt_is_checked_with_the_keys_of_the_vendors_list(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer
) -> None:
    keys: list[dict[str, Any]] = [{"kty": "oct", "kid": "k1", "k": "AAAA"}]

    def token(kid: str) -> dict[str, str]:
        claims = {"exp": timezone.now() + timedelta(minutes=1)}
        return {"Authorization": "Bearer " + jwt.encode(claims, PRIVATE, algorithm="RS256", headers={"kid": kid})}

    with serving(lambda handler: handler.reply(200, json.dumps({"keys": keys}).encode(), Content_Type="application/json")) as vendor:
        rules = {"type": "jwt", "algorithms": ["RS256"], "jwksUri": f"{vendor.url}/keys"}
        endpoint = declaring(make_integration, make_connection, cast, {"verification": rules})
        assert sent(live_server.url, path_of(endpoint), b"{}", token("k2"))[0] == 401
        keys.append({**RSAAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True), "kid": "k3", "use": "sig"})
        cache.clear()
        assert [sent(live_server.url, path_of(endpoint), b"{}", token("k3"))[0] for _ in range(3)] == [200] * 3
        assert (sent(live_server.url, path_of(endpoint), b"{}", token("k4"))[0], len(vendor.seen)) == (401, 4)


def test_token_written_in_another_way_is_the_same_message(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer
) -> None:
    rules = {"type": "jwt", "algorithms": ["HS256"]}
    endpoint = declaring(make_integration, make_connection, cast, {"verification": rules}, secret="k" * 40)
    token = jwt.encode({"exp": timezone.now() + timedelta(minutes=1), "jti": "1"}, "k" * 40, algorithm="HS256")
    for text in (token, token + "=", f" {token}"):
        assert sent(live_server.url, path_of(endpoint), b"{}", {"Authorization": f"Bearer {text}"})[0] == 200
    assert [(event.verdict, event.duplicates) for event in events()] == [("verified", 2)]


def test_list_of_keys_that_stays_away_costs_neither_a_thread_per_message_nor_the_keys_that_are_held(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer
) -> None:
    listed = {"keys": [{**RSAAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True), "kid": "k1"}]}
    status, release = [500], threading.Event()

    def answer(handler: Any) -> None:
        if status[0] == 200:
            release.wait(20)
        handler.reply(status[0], json.dumps(listed).encode(), Content_Type="application/json")

    with serving(answer) as vendor:
        rules = {"type": "jwt", "algorithms": ["RS256"], "jwksUri": f"{vendor.url}/keys"}
        endpoint = declaring(make_integration, make_connection, cast, {"verification": rules})

        def knock(kid: str) -> int:
            claims = {"exp": timezone.now() + timedelta(minutes=1)}
            token = jwt.encode(claims, PRIVATE, algorithm="RS256", headers={"kid": kid})
            return sent(live_server.url, path_of(endpoint), b"{}", {"Authorization": f"Bearer {token}"})[0]

        assert ([knock("k1") for _ in range(5)], len(vendor.seen)) == ([401] * 5, 1)
        cache.clear()
        status[0] = 200
        first = threading.Thread(target=knock, args=["k1"])
        first.start()
        eventually(lambda: len(vendor.seen) == 2)
        # While one thread waits for the vendor nobody else does; the vendor is asked to send again.
        assert ([knock("k1") for _ in range(3)], len(vendor.seen)) == ([503] * 3, 2)
        release.set()
        first.join()
        status[0] = 500
        assert ([knock(kid) for kid in ("guess", "k1", "other", "k1")], len(vendor.seen)) == ([401, 200, 401, 200], 3)


@pytest.mark.parametrize("name", ["X-Accel-Redirect", "x-sendfile", "X-Reproxy-URL"])
def test_nobody_has_us_give_orders_to_the_server_in_front(
    name: str, make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer
) -> None:
    with pytest.raises(ValueError, match="is an order to the web server in front"):
        Handshake.model_validate({"value": "query:c", "reply": "header", "name": name})
    handle = (
        '{"type": "verify", "verification_response": {"body": "yes", "headers": {"%s": query.c, "X-Hook": query.c, "x-a: b": query.c}}}'
    )
    endpoint = declaring(make_integration, make_connection, cast, {"handle": handle % name})
    status, headers, body = sent(live_server.url, path_of(endpoint) + "?c=/internal/secrets", method="GET")
    assert (status, body, name.lower() in headers, headers["x-hook"]) == (200, b"yes", False, "/internal/secrets")


# --- what is set --------------------------------------------------------------------------------------------------------


def test_secret_of_the_integration_counts_until_the_connection_has_its_own(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, live_server: LiveServer
) -> None:
    integration = make_integration(webhook=PRESETS["github"].webhook.dump())
    connection_services.set_default_credentials(integration=integration, secrets={"webhookSecret": "given along"})
    endpoint = opened(make_connection(integration), cast.carol, preset="", secret=None)
    assert endpoints.lacks(endpoint) == []
    assert sent(live_server.url, path_of(endpoint), *github(secret="given along"))[0] == 200
    endpoints.change_endpoint(endpoint=endpoint, user=cast.carol, change=Change(secret="my own"))
    assert [sent(live_server.url, path_of(endpoint), *github(secret=one))[0] for one in ("given along", "my own")] == [401, 200]


def test_what_cannot_be_is_refused_with_a_sentence(
    connection: Connection, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    with pytest.raises(Invalid, match="nosuch is not known"):
        opened(connection, cast.carol, preset="nosuch")
    with pytest.raises(Invalid, match="This is no secret in base64"):
        opened(connection, cast.carol, preset="standard-webhooks", secret="no base64!")
    with pytest.raises(Invalid, match="Enter the whole address"):
        opened(connection, cast.carol, forward_url="hooks.example")
    unfinished = make_connection(make_integration(name="Unfinished", webhook={"verification": {"type": "hmac"}}))
    with pytest.raises(Invalid, match="does not say in which header"):
        opened(unfinished, cast.carol, preset="")
    assert (WebhookEndpoint.objects.count(), DeliveryTarget.objects.count()) == (0, 0)
    opened(connection, cast.carol)
    with pytest.raises(Conflict, match="has an address"):
        opened(connection, cast.carol)


def test_made_secret_fits_the_verification(connection: Connection, cast: Cast, live_server: LiveServer) -> None:
    endpoint = opened(connection, cast.carol, preset="standard-webhooks", secret=None)
    assert [sentence[:19] for sentence in endpoints.lacks(endpoint)] == ["No secret is set, s"]
    secret = endpoints.new_secret(endpoint=endpoint, user=cast.carol)
    now = timezone.now().replace(microsecond=0)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Reference(secret).sign("msg_1", now, "{}"),
    }
    assert sent(live_server.url, path_of(endpoint), b"{}", headers)[0] == 200


# --- the work -----------------------------------------------------------------------------------------------------------


def test_worker_forwards_what_arrived_as_it_came_with_our_signature(
    endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer, worker: Worker
) -> None:
    with serving(lambda handler: handler.reply(200)) as target:
        secret = endpoints.change_endpoint(
            endpoint=endpoint, user=cast.carol, change=Change(forward_url=f"{target.url}/in", forward_types=["issues", "pull_*"])
        )
        body, headers = github(b'{"a":  1}')
        headers["Authorization"] = "Bearer abcdef123"
        for kind in ("issues", "push", "pull_request"):
            sent(live_server.url, path_of(endpoint), body, {**headers, "X-GitHub-Event": kind, "X-GitHub-Delivery": kind})
        eventually(lambda: len(target.seen) == 2)
        eventually(lambda: Delivery.objects.filter(state="delivered").count() == 2)
        (event,) = events(event_type="issues")
        eventually(lambda: len(events(state="done")) == 3)
        work.redeliver(event=event)
        eventually(lambda: len(target.seen) == 3)
    seen = {one.headers["x-github-event"]: one for one in target.seen}
    assert sorted(seen) == ["issues", "pull_request"]
    for one in seen.values():
        assert Reference(secret).verify(one.body, one.headers) == {"a": 1}
        assert (one.body, one.headers["content-type"], "authorization" in one.headers) == (b'{"a":  1}', "application/json", False)
        assert "x-hub-signature-256" not in one.headers
    # Redelivered under the same id, so that the receiver knows it again.
    assert len({one.headers["webhook-id"] for one in target.seen}) == 2
    event.refresh_from_db()
    assert [done["kind"] for done in event.results] == ["forward", "forward"]


def test_answer_comes_before_the_work(endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer) -> None:
    with serving(lambda handler: handler.reply(200)) as target:
        endpoints.change_endpoint(endpoint=endpoint, user=cast.carol, change=Change(forward_url=target.url))
        assert sent(live_server.url, path_of(endpoint), *github())[0] == 200
        assert (len(target.seen), events()[0].state, Delivery.objects.count()) == (0, "waiting", 0)


def test_event_of_a_lost_worker_is_worked_on_by_another_one_once(endpoint: WebhookEndpoint, cast: Cast, live_server: LiveServer) -> None:
    endpoints.change_endpoint(endpoint=endpoint, user=cast.carol, change=Change(forward_url="https://127.0.0.1:9/in"))
    sent(live_server.url, path_of(endpoint), *github())
    (event,) = events()
    # A worker took it and was killed.
    WebhookEvent.objects.update(next_at=timezone.now() + work.TAKEN_FOR, tries=1)
    work.work(event.pk)
    assert (Delivery.objects.count(), work.hand_out()) == (0, 0)
    WebhookEvent.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    assert work.hand_out() == 1
    for _ in range(3):
        work.work(event.pk)
    assert (Delivery.objects.count(), events()[0].state) == (1, "done")


def test_event_that_fails_each_time_is_given_up(endpoint: WebhookEndpoint, live_server: LiveServer) -> None:
    sent(live_server.url, path_of(endpoint), *github())
    (event,) = events()
    WebhookEvent.objects.update(tries=work.MOST_TRIES)
    work.work(event.pk)
    event.refresh_from_db()
    assert (event.state, event.results[0]["message"]) == ("failed", work.FAILED)


def test_old_events_are_forgotten(endpoint: WebhookEndpoint, live_server: LiveServer) -> None:
    for delivery in ("old", "new"):
        sent(live_server.url, path_of(endpoint), *github(delivery=delivery))
    WebhookEvent.objects.update(state="done")
    WebhookEvent.objects.filter(event_id="old").update(at=timezone.now() - timedelta(days=31))
    assert work.trim(timezone.now() - timedelta(days=30)) == 1
    assert [event.event_id for event in events()] == ["new"]


def test_target_of_forwarded_messages_goes_with_its_connection(endpoint: WebhookEndpoint, cast: Cast) -> None:
    endpoints.change_endpoint(endpoint=endpoint, user=cast.carol, change=Change(forward_url="https://hooks.example/in"))
    assert targets.facts(DeliveryTarget.objects.get())["url"] == "https://hooks.example/in"
    connection_services.delete(connection=endpoint.connection)
    assert (WebhookEndpoint.objects.count(), DeliveryTarget.objects.count()) == (0, 0)
