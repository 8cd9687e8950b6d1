"""Signed deliveries: what the receiver gets, when it is tried again, and what becomes of secrets and of killed workers."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from connections.deliveries import sending, targets
from connections.models import Delivery, DeliveryAttempt, DeliveryTarget
from connections.rotation import rotate, sealed_models
from integrations.models import AuditEntry
from integrations.refusals import Conflict, Invalid
from tests.backends import Worker, eventually
from tests.cast import Cast
from tests.connections.server import Handler, Seen, Served, serving


def receiver(*answers: tuple[int, dict[str, str]]) -> Callable[[Handler], None]:
    """Answers in turn, the last one for ever."""
    left = list(answers)

    def answer(handler: Handler) -> None:
        status, headers = left.pop(0) if len(left) > 1 else left[0]
        handler.reply(status, b"said", **headers)

    return answer


def made(cast: Cast, url: str) -> tuple[DeliveryTarget, str]:
    return targets.create(organization=cast.client_a, url=url, name="Warehouse", user=cast.carol)


def verified(secret: str, seen: Seen) -> Any:
    return Webhook(secret).verify(seen.body, seen.headers)


def due_now(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(next_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db(transaction=True)
def test_target_deleted_while_it_is_called_leaves_nothing_and_no_error(cast: Cast) -> None:
    def answer(handler: Handler) -> None:
        targets.delete(target=DeliveryTarget.objects.get())
        database.close()
        handler.reply(500, b"")

    with serving(answer) as server:
        target, _ = made(cast, server.url)
        delivery = sending.post(target=target, kind="run.finished", data={})
        assert sending.attempt(delivery.pk) is None
    assert (Delivery.objects.count(), DeliveryAttempt.objects.count(), sending.attempt(delivery.pk)) == (0, 0, None)


@pytest.mark.django_db(transaction=True)
def test_worker_delivers_a_signed_event_once_the_transaction_is_committed(cast: Cast, worker: Worker) -> None:
    with serving(receiver((204, {}))) as server:
        target, secret = made(cast, f"{server.url}/in?tenant=7")
        delivery = sending.post(target=target, kind="run.finished", data={"run": "r1", "records": 3}, subject="r1")
        eventually(lambda: Delivery.objects.filter(pk=delivery.pk, state="delivered").exists())
        (seen,) = server.seen
    assert (seen.method, seen.path, seen.headers["content-type"]) == ("POST", "/in?tenant=7", "application/json")
    said = verified(secret, seen)
    assert (said["type"], said["data"], sorted(said)) == ("run.finished", {"run": "r1", "records": 3}, ["data", "timestamp", "type"])
    assert seen.headers["webhook-id"] == delivery.message_id
    with pytest.raises(WebhookVerificationError):
        Webhook(made(cast, "https://other.example")[1]).verify(seen.body, seen.headers)
    (tried,) = delivery.attempts.all()
    assert (tried.status, tried.answer, tried.outcome) == (204, "", "Answered 204")


def test_failure_is_tried_again_by_the_plan_with_the_same_id_and_a_new_signature(cast: Cast) -> None:
    with serving(receiver((500, {}), (302, {"Location": "/elsewhere"}), (200, {}))) as server:
        target, secret = made(cast, server.url)
        delivery = sending.post(target=target, kind="a", data={})
        waits = []
        for _ in range(3):
            before = timezone.now()
            sending.attempt(delivery.pk)
            delivery.refresh_from_db()
            waits.append((delivery.next_at - before).total_seconds() if delivery.state == "waiting" else None)
            due_now(delivery)
    assert [seen.path for seen in server.seen] == ["/", "/", "/"]  # a redirect is not followed
    assert {seen.headers["webhook-id"] for seen in server.seen} == {delivery.message_id}
    assert [verified(secret, seen)["type"] for seen in server.seen] == ["a", "a", "a"]
    assert 4.4 < (waits[0] or 0) < 8
    assert 53 < (waits[1] or 0) < 70
    assert (waits[2], delivery.state, delivery.tried) == (None, "delivered", 3)
    assert [row.outcome for row in delivery.attempts.all()] == ["Answered 200", "Answered 302", "Answered 500"]
    assert sending.attempt(delivery.pk) is None


def test_delivery_fails_after_the_last_attempt_and_can_be_sent_again(cast: Cast) -> None:
    with serving(receiver((503, {}))) as server:
        delivery = sending.post(target=made(cast, server.url)[0], kind="a", data={})
        for _ in range(len(sending.DELAYS) + 1):
            assert sending.attempt(delivery.pk) is not None
            due_now(delivery)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.message, len(server.seen)) == ("failed", "Answered 503", len(sending.DELAYS) + 1)
        assert sending.redeliver(delivery=delivery).state == "waiting"
        with pytest.raises(Conflict, match="is waiting"):
            sending.redeliver(delivery=delivery)
        assert sending.attempt(delivery.pk) is not None


def test_target_says_how_long_to_wait(cast: Cast) -> None:
    with serving(receiver((429, {"Retry-After": "900"}))) as server:
        delivery = sending.post(target=made(cast, server.url)[0], kind="a", data={})
        sending.attempt(delivery.pk)
    delivery.refresh_from_db()
    assert 890 < (delivery.next_at - timezone.now()).total_seconds() <= 900


def test_target_that_is_gone_gets_nothing_more(cast: Cast) -> None:
    with serving(receiver((410, {}))) as server:
        target = made(cast, server.url)[0]
        first, second = (sending.post(target=target, kind="a", data={"n": n}) for n in (1, 2))
        sending.attempt(first.pk)
        assert sending.attempt(second.pk) is None
    target.refresh_from_db()
    second.refresh_from_db()
    assert (target.is_enabled, target.message[:30], len(server.seen)) == (False, "The target answered 410: it is", 1)
    assert (second.state, second.message) == ("failed", sending.OFF)
    assert targets.change(target=target, is_enabled=True).message == ""


def test_private_address_is_refused_at_once_and_named(cast: Cast, settings: Settings) -> None:
    settings.EGRESS_ALLOW = ()
    delivery = sending.post(target=made(cast, "https://127.0.0.1:9/in")[0], kind="a", data={})
    sending.attempt(delivery.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts.get().status) == ("failed", None)
    assert "127.0.0.1" in delivery.message


def test_renewed_secret_signs_and_the_old_one_signs_along_for_a_day(cast: Cast) -> None:
    with serving(receiver((200, {}))) as server:
        target, old = made(cast, server.url)
        new = targets.renew(target=target)
        for _ in range(2):
            sending.attempt(sending.post(target=target, kind="a", data={}).pk)
            DeliveryTarget.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    both, later = server.seen
    assert (verified(old, both), verified(new, both)["type"], verified(new, later)["type"]) == (verified(new, both), "a", "a")
    with pytest.raises(WebhookVerificationError):
        verified(old, later)


def test_secret_is_stored_sealed_and_stands_in_no_log_and_no_row(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    def echo(handler: Handler) -> None:
        handler.reply(500, secret.encode())

    secret = ""
    with caplog.at_level(logging.DEBUG), serving(echo) as server:
        target, secret = made(cast, server.url)
        delivery = sending.post(target=target, kind="a", data={})
        sending.attempt(delivery.pk)
    rows = [str(row) for model in (DeliveryTarget, Delivery, DeliveryAttempt, AuditEntry) for row in model.objects.all().values()]
    assert (delivery.attempts.get().answer, secret in caplog.text, [row for row in rows if secret in row]) == ("•••", False, [])
    assert DeliveryTarget in sealed_models()
    assert rotate(check_only=True).broken == 0


def test_body_is_passed_on_as_it_is_unless_it_is_no_text(cast: Cast) -> None:
    with serving(receiver((200, {}))) as server:
        target, secret = made(cast, server.url)
        headers = [("Content-Type", "application/xml"), ("X-Event", "push")]
        sending.attempt(sending.post_bytes(target=target, kind="a", body="<ä>\r\n ".encode(), headers=headers).pk)
        binary = sending.post_bytes(target=target, kind="a", body=b"\xff\x00", headers=headers)
        sending.attempt(binary.pk)
    (seen,) = server.seen
    Webhook(secret).verify(seen.body, seen.headers, json_parse=False)
    assert (seen.body, seen.headers["content-type"], seen.headers["x-event"]) == ("<ä>\r\n ".encode(), "application/xml", "push")
    binary.refresh_from_db()
    assert (binary.state, binary.message) == ("failed", "The body is no text in UTF-8, and Standard Webhooks signs text.")


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_delivery_send_it_once(cast: Cast) -> None:
    with serving(receiver((200, {}))) as server:
        delivery = sending.post(target=made(cast, server.url)[0], kind="a", data={})

        def work() -> None:
            sending.attempt(delivery.pk)
            database.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(server.seen), delivery.attempts.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_delivery_of_a_killed_worker_is_sent_by_another_one(cast: Cast, worker: Worker) -> None:
    arrived, gone, answers = threading.Event(), threading.Event(), [0]

    def answer(handler: Handler) -> None:
        answers[0] += 1
        if answers[0] == 1:
            arrived.set()
            gone.wait(30)
        handler.reply(200)

    def hung(server: Served) -> Delivery:
        delivery = sending.post(target=made(cast, server.url)[0], kind="a", data={})
        assert arrived.wait(60)
        worker.kill()
        gone.set()
        return delivery

    with serving(answer) as server:
        delivery = hung(server)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.next_at > timezone.now(), delivery.attempts.get().outcome) == (
            "waiting",
            True,
            "Not brought to its end",
        )
        assert sending.hand_out() == 0
        due_now(delivery)  # as time does
        worker.start()
        assert sending.hand_out() == 1
        eventually(lambda: Delivery.objects.filter(pk=delivery.pk, state="delivered").exists())


def test_old_deliveries_are_forgotten_and_waiting_ones_kept(cast: Cast) -> None:
    target = made(cast, "https://hooks.example")[0]
    old, waiting, young = (sending.post(target=target, kind="a", data={}) for _ in range(3))
    Delivery.objects.filter(pk__in=[old.pk, waiting.pk]).update(created_at=timezone.now() - timedelta(days=31))
    Delivery.objects.filter(pk__in=[old.pk, young.pk]).update(state="delivered")
    assert sending.trim(timezone.now() - timedelta(days=30)) == 1
    assert set(Delivery.objects.values_list("pk", flat=True)) == {waiting.pk, young.pk}


@pytest.mark.parametrize(
    "url", ["", "hooks.example/in", "ftp://hooks.example", "https://user:pw@hooks.example", "https://a b.example", "https://[::1"]
)
def test_address_that_is_none_is_refused(cast: Cast, url: str) -> None:
    with pytest.raises(Invalid, match="whole address"):
        made(cast, url)


def test_stranger_sees_no_target_and_no_delivery_and_a_viewer_no_body(cast: Cast) -> None:
    target = made(cast, "https://hooks.example/in?key=abcd1234")[0]
    sending.post(target=target, kind="a", data={"secret": 1})
    assert [DeliveryTarget.objects.visible_to(user).count() for user in (cast.alice, cast.carol, cast.dave, cast.eve)] == [1, 1, 1, 0]
    assert [Delivery.objects.visible_to(user).count() for user in (cast.alice, cast.carol, cast.dave, cast.eve)] == [1, 1, 0, 0]
    assert "abcd1234" not in json.dumps([entry.after for entry in AuditEntry.objects.all()])
