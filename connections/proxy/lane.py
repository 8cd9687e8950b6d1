"""The short way for programs that call a vendor again and again: who may do so, and with what, is decided once and compared after.

The first request of a token to an integration goes through the view, with everything that Django and the framework do. It
leaves its decision here. A later one reads the rows that the decision was made of (`freshness`): if one of them has
changed, it goes through the view again. A decision is used for KEPT_SECONDS at most.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import local
from typing import Any, Final
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponseBase
from django.http.request import HttpHeaders

from connections.api.proxy import answered, refused
from connections.proxy import freshness
from connections.proxy.freshness import Facts
from connections.proxy.routes import Route
from integrations.access import limits
from integrations.access.idempotency import HEADER
from integrations.refusals import Invalid, Refusal

KEPT_SECONDS: Final = 10.0
COUNTED_TOGETHER: Final = 20  # requests of one thread, or those of a second
_MOST: Final = 256  # decisions of one thread
_IDEMPOTENCY: Final = HttpHeaders.to_wsgi_name(HEADER)
_PATH: Final = re.compile(r"/api/integrations/([^/]+)/request")


@dataclass
class _Decision:
    """Which rows matter, and, once they have been read before a decision was made, what they held and what was decided."""

    token_id: int
    expires: datetime
    integration_id: UUID
    connection_id: UUID
    organization_ids: tuple[UUID, ...]
    facts: Facts | None = None
    stamp: Any = None
    route: Route | None = None
    until: float = 0.0
    caller: str = ""
    uncounted: int = 0
    count_at: float = 0.0

    @property
    def is_within_limits(self) -> bool:
        """Whether the caller may still call this minute. Counted are several requests at once, since asking takes longer than all the rest."""
        self.uncounted += 1
        if self.uncounted < COUNTED_TOGETHER and time.monotonic() < self.count_at:
            return True
        requests, self.uncounted, self.count_at = self.uncounted, 0, time.monotonic() + 1
        return limits.within(self.caller, requests)

    def read(self) -> Facts | None:
        """What the rows hold now; they are looked at only if something in the database has changed."""
        stamp = freshness.stamp()
        if stamp is None or self.facts is None or stamp != self.stamp:
            found = self._facts()
            if found != self.facts:
                return found
            self.stamp = stamp
        return self.facts

    def _facts(self) -> Facts | None:
        return freshness.facts(
            token_id=self.token_id,
            integration_id=self.integration_id,
            connection_id=self.connection_id,
            organization_ids=self.organization_ids,
        )

    @property
    def rows(self) -> tuple[Any, ...]:
        """Which rows have been read."""
        return self.token_id, self.integration_id, self.connection_id, self.organization_ids


class _Kept(local):
    """Of this thread, because a route belongs to one."""

    def __init__(self) -> None:
        self.decisions: OrderedDict[tuple[str, str], _Decision] = OrderedDict()


_kept = _Kept()


class ProxyLaneMiddleware:
    """Answers what is decided already; stands before everything else, so that nothing else is done for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST" or not (match := _PATH.fullmatch(request.path_info)):
            return self.get_response(request)
        given = request.META
        scheme, _, token = given.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or given.get("QUERY_STRING") or not given.get("CONTENT_TYPE", "").startswith("application/json"):
            return self.get_response(request)
        if _IDEMPOTENCY in given:
            return self.get_response(request)  # a later middleware knows whether it was carried out already
        key = (token, match[1])
        decision = _kept.decisions.get(key)
        if decision is None:
            return self._asked(request, key, None, None)
        facts = decision.read()
        route = decision.route
        if (
            route is None
            or facts is None
            or facts != decision.facts
            or decision.until < time.monotonic()
            or decision.expires <= datetime.now(UTC)
        ):
            return self._asked(request, key, decision, facts)
        if not decision.is_within_limits:
            return self._asked(request, key, None, None)  # the view says how long to wait
        try:
            payload = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return self.get_response(request)
        return _passed(route, payload, given.get("HTTP_ACCEPT_ENCODING", "")) or self.get_response(request)

    def _asked(self, request: HttpRequest, key: tuple[str, str], before: _Decision | None, facts: Facts | None) -> HttpResponseBase:
        """The view's answer. What it decided counts from now on if the rows had been read before it did."""
        _kept.decisions.pop(key, None)
        response = self.get_response(request)
        made = getattr(response, "decided", None)
        if made is None:
            return response
        route, auth, caller = made
        above = tuple(route.organization.ancestor_ids)
        now = _Decision(auth.pk, auth.expires, route.connection.integration_id, route.connection.pk, above, caller=caller)
        if before and facts and before.rows == now.rows:
            now.facts, now.route, now.until = facts, route, time.monotonic() + KEPT_SECONDS
        _kept.decisions[key] = now
        while len(_kept.decisions) > _MOST:
            _kept.decisions.popitem(last=False)
        return response


def _passed(route: Route, payload: Any, accept_encoding: str) -> HttpResponseBase | None:
    """The vendor's answer, or why there is none; None for what the view says better: nothing was sent then."""
    if not isinstance(payload, dict):
        return None
    try:
        return answered(route, *route.send(payload, accept_encoding=accept_encoding))
    except Invalid:
        return None
    except Refusal as error:
        return refused(error).render()
