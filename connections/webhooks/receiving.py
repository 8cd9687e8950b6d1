"""What happens when something arrives at an address: it is answered, or checked and kept. The work on it is a worker's."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import Any, Final

from celery import current_app as celery
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from connections.exchange import Pairs
from connections.models import WebhookEndpoint, WebhookEvent
from connections.redaction import MASK, may_hold, redact
from connections.webhooks import handshakes, public_keys
from connections.webhooks.endpoints import find, rules_of, secrets_of
from connections.webhooks.handshakes import Reply
from connections.webhooks.received import Received
from connections.webhooks.verification import Secrets, Unverified, verify
from integrations.definition import JwtVerification, Webhook
from integrations.definition.webhook import TokenVerification
from integrations.formulas import FormulaError
from integrations.masking import is_secret
from integrations.storable import mended

logger = logging.getLogger(__name__)

WORK: Final = "connections.webhooks.tasks.work"
TAKES: Final = frozenset({"POST", "PUT", "PATCH"})
_REJECTED_BYTES: Final = 2048  # of a body that is not believed
_MOST_REJECTED: Final = 50  # that one address keeps: whoever knows it could fill the table
_LONGEST_HEADER: Final = 4096
TAKEN: Final = Reply()
LATER: Final = Reply(b"It cannot be checked now. Send it again later.\n", status=503)
UNKNOWN: Final = Reply(b"There is no such address.\n", status=404)
REFUSED: Final = Reply(b"The message does not prove where it comes from.\n", status=401)
NO_MESSAGE: Final = Reply(b"Messages are sent by POST.\n", status=405, headers=[("Allow", "POST, PUT, PATCH")])


def receive(token: str, received: Received) -> Reply:
    """What goes back to whoever sent it. A genuine message is kept, once, and handed to a worker when that is committed."""
    endpoint = find(token)
    if endpoint is None:
        return UNKNOWN
    rules, secrets = rules_of(endpoint), secrets_of(endpoint)
    hidden = _hidden(rules, received, secrets)
    said = _handled(rules, received, hidden)
    if (reply := handshakes.reply_of(said)) is not None:
        _confirmed(endpoint)
        return reply
    asked = handshakes.asked(rules.handshakes, received)
    try:
        if asked and not asked.signed:
            return _answered(endpoint, handshakes.reply(asked, received, secrets.verify_token))
        if received.method not in TAKES:
            return NO_MESSAGE
        signed = verify(rules.verification, received, _with_keys(rules, received, secrets), timezone.now())
        if asked:
            return _answered(endpoint, handshakes.reply(asked, received, secrets.verify_token))
    except public_keys.Busy:
        return LATER
    except Unverified as error:
        _reject(endpoint, received, hidden, str(error))
        return REFUSED
    _keep(endpoint, rules, received, hidden, signed=signed, is_meta=handshakes.is_meta(said))
    return TAKEN


def hand_over(event_id: Any) -> None:
    """Give an event to a worker; where the broker is away, beat finds it later."""
    try:
        celery.send_task(WORK, [str(event_id)])
    except OperationalError:
        logger.warning("The broker did not take webhook event %s; it is sent again later.", event_id)


def _handled(rules: Webhook, received: Received, hidden: list[str]) -> Any:
    if not rules.handle:
        return None
    try:
        return received.evaluated(rules.handle)
    except FormulaError as error:
        # It quotes what it failed at, which a stranger may have written.
        logger.info("The expression for handshakes of a webhook failed: %s", mended(redact(str(error), hidden)))
        return None


def _with_keys(rules: Webhook, received: Received, secrets: Secrets) -> Secrets:
    verification = rules.verification
    if not isinstance(verification, JwtVerification) or not verification.jwks_uri:
        return secrets
    token = received.headers.get(verification.header).removeprefix(verification.prefix).strip()
    return replace(secrets, values=(), keys=public_keys.keys_for(verification.jwks_uri, token))


def _answered(endpoint: WebhookEndpoint, reply: Reply) -> Reply:
    _confirmed(endpoint)
    return reply


def _confirmed(endpoint: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(confirmed_at=timezone.now())


def _keep(endpoint: WebhookEndpoint, rules: Webhook, received: Received, hidden: list[str], *, signed: str, is_meta: bool) -> None:
    event_id = mended(received.at(rules.event_id)) if rules.event_id else ""
    # Without an id of the vendor's a message is known by what was signed with its moment: a copy of it is a replay.
    known_by = f"id:{event_id}" if event_id else f"signed:{signed}" if signed else ""
    event = WebhookEvent(
        endpoint=endpoint,
        event_id=redact(event_id, hidden)[:200],
        event_type=redact(mended(received.at(rules.event_type)), hidden)[:200] if rules.event_type else "",
        once=hashlib.sha256(known_by.encode()).hexdigest() if known_by else "",
        body=_clean(received.body, hidden),
        verdict=WebhookEvent.Verdict.UNCHECKED if rules.verification.type == "none" else WebhookEvent.Verdict.VERIFIED,
        state=WebhookEvent.State.IGNORED if is_meta else WebhookEvent.State.WAITING,
        **_shown(received, hidden),
    )
    try:
        with transaction.atomic():
            event.save(force_insert=True)
            if not is_meta:
                transaction.on_commit(lambda: hand_over(event.pk))
    except IntegrityError:
        there = WebhookEvent.objects.filter(endpoint=endpoint, once=event.once)
        if not event.once or not there.update(duplicates=F("duplicates") + 1):
            raise


def _reject(endpoint: WebhookEndpoint, received: Received, hidden: list[str], reason: str) -> None:
    """Keep what was not believed, so that somebody can see why: its beginning, and no more of them than `_MOST_REJECTED`."""
    rejected = WebhookEvent.objects.filter(endpoint=endpoint, verdict=WebhookEvent.Verdict.REJECTED)
    WebhookEvent.objects.create(
        endpoint=endpoint,
        body=_clean(received.body, hidden)[:_REJECTED_BYTES],
        verdict=WebhookEvent.Verdict.REJECTED,
        reason=redact(reason, hidden),
        state=WebhookEvent.State.IGNORED,
        **_shown(received, hidden),
    )
    surplus = list(rejected.order_by("-at").values_list("pk", flat=True)[_MOST_REJECTED : _MOST_REJECTED + 20])
    if surplus:
        WebhookEvent.objects.filter(pk__in=surplus).delete()


def _shown(received: Received, hidden: list[str]) -> dict[str, Any]:
    return {
        "method": received.method[:10],
        "query": _masked(list(received.query.items()), hidden),
        "headers": _masked(list(received.headers), hidden),
        "size": len(received.body),
    }


def _masked(pairs: Pairs, hidden: list[str]) -> Pairs:
    return [(mended(name), MASK if is_secret(name) else redact(mended(value), hidden)[:_LONGEST_HEADER]) for name, value in pairs]


def _clean(body: bytes, hidden: list[str]) -> bytes:
    """The body byte for byte, but for secrets: some vendors send theirs in it, and whoever may read messages may not read these."""
    text = body.decode("utf-8", "surrogateescape")
    return redact(text, hidden).encode("utf-8", "surrogateescape") if may_hold(text, hidden) else body


def _hidden(rules: Webhook, received: Received, secrets: Secrets) -> list[str]:
    """What must not be kept: the connection's secrets, and what the message presents as such. That may be the vendor's true one where
    somebody mistyped ours."""
    verification = rules.verification
    presented = [received.at(one.token) for one in rules.handshakes if one.token]
    if isinstance(verification, TokenVerification):
        presented.append(received.at(verification.source).removeprefix(verification.prefix))
    if isinstance(verification, JwtVerification):
        presented.append(received.headers.get(verification.header).removeprefix(verification.prefix).strip())
    return [*secrets.values, secrets.verify_token, *presented]
