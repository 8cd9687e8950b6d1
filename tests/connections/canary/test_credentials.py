"""Credentials and tokens: runs, tests, renewals, schedules, mapping and proxied calls of a vendor that repeats what it was sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from actions import mapping_options, runs
from actions.models import Run
from actions.schedules import services as schedules
from actions.schedules.models import Schedule
from connections import services, trials
from connections.models import Connection, Credential, LoggedRequest, Mapping, MappingOption
from connections.redaction import MASK
from connections.tokens import renewals
from integrations.access.scopes import SCOPES
from integrations.models import KeptAnswer, Share
from tests.api.calls import Caller
from tests.backends import Worker, eventually
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.canary.search import found, kept_everywhere, said
from tests.connections.canary.vendor import MODES, SECRETS, Vendor, definitions
from tests.connections.canary.visitors import seen_by
from tests.connections.server import serving

pytestmark = pytest.mark.django_db(transaction=True)
SETTLE_SECONDS = 5
HIDDEN_FIELD = [{"name": "field", "type": "password", "required": False}]


@pytest.fixture
def vendor() -> Iterator[tuple[Vendor, str]]:
    playing = Vendor()
    with serving(playing) as served:
        yield playing, served.url


@pytest.fixture
def rows(vendor: tuple[Vendor, str], make_integration: MakeIntegration, make_connection: MakeConnection) -> list[Connection]:
    """A connection of each way to authenticate."""
    made = []
    for name, (auth, credentials) in definitions(vendor[1]).items():
        integration = make_integration(
            name=name, base_uri=vendor[1], actions=[action_values(path="/things")], auth=auth, connectionFields=HIDDEN_FIELD
        )
        services.set_default_credentials(integration=integration, secrets={"apiKey": SECRETS["default"]})
        made.append(make_connection(integration, name=name, credentials=credentials, settings={"field": SECRETS["field"]}))
    return made


def test_credentials_are_found_nowhere_whatever_the_vendor_answers(
    vendor: tuple[Vendor, str], rows: list[Connection], worker: Worker, cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[bytes] = []
    token = prepare(cast, rows, seen)
    for mode in MODES:
        vendor[0].mode = mode
        Credential.objects.update(retry_at=None)
        for row in rows:
            runs.start(action=action_of(row.integration), connection=row, user=cast.carol, inputs={})
        seen += [repr(trials.test(connection=row)).encode() for row in rows]
        settle()
        Credential.objects.filter(refresh_due_at__isnull=False).update(
            refresh_due_at="2020-01-01T00:00:00Z", retry_at=None, queued_until=None
        )
        renewals.renew_batch([row.pk for row in rows])
        seen += list(called(cast, rows, token, mode))
        settle()
        # What a cancelled run leaves behind is found by beat, which does not run here.
        eventually(lambda: not mapping_options.recover() and not Mapping.objects.filter(state=Mapping.State.REFRESHING).exists())
        assert found([*seen, *kept_everywhere(), caplog.text.encode(), *said(caplog)], {**SECRETS, "token": token}) == {}, mode
    counts = {model.__name__: model.objects.count() for model in (Schedule, MappingOption, Share, KeptAnswer, LoggedRequest)}
    assert all(counts.values()), counts
    for user, organization, some in ((cast.carol, cast.client_a, rows), (cast.alice, cast.msp, rows[:2])):
        seen += seen_by(user, organization, some, most=15)
    assert len(seen) > 500
    assert found(seen, {**SECRETS, "token": token}) == {}
    kept = [*seen, *kept_everywhere(), worker.log.read_bytes()]
    assert found(kept, {"harmless": "harmless"}) != {}, "the search finds what is there"
    assert sum(MASK.encode() in page for page in seen) > 10, "what vendors repeated was masked"


def settle() -> None:
    """Runs end. Those that wait longer than SETTLE_SECONDS are cancelled: how long they are patient is not of interest here."""
    until = time.monotonic() + SETTLE_SECONDS
    while open_runs := list(Run.objects.filter(finished_at=None)):
        if time.monotonic() > until:
            for run in open_runs:
                runs.cancel(run=run)
            until += 60
        time.sleep(0.05)


def prepare(cast: Cast, rows: list[Connection], seen: list[bytes]) -> str:
    """Schedules, shares and mappings; connections made by requests that may be repeated, and such as are refused. Gives a token of carol's."""
    carol, alice = Caller(cast.carol), Caller(cast.alice)
    token: str = carol("POST", "tokens", {"name": "Script", "scopes": list(SCOPES)}, expect=201, Idempotency_Key="token")["token"]
    for row in rows:
        slug, action = row.integration.slug, str(action_of(row.integration).uid)
        alice.ask("PUT", f"integrations/{slug}/shares/{cast.dave.username}", {"accessLevel": 1})
        alice("PUT", f"integrations/{slug}/mapping", {"source": "action", "action": action, "valuePath": "id", "labelPath": "name"})
        carol(
            "POST", "schedules", {"action": action, "connection": str(row.pk), "everyMinutes": 60}, expect=201, Idempotency_Key=f"s-{slug}"
        )
        given = definitions("")[row.name][1]
        twin = {"integration": slug, "name": "Twin", "credentials": given, "settings": {"field": SECRETS["field"]}}
        # The second one is answered from what was kept of the first.
        seen += [carol.ask("POST", "connections", twin, Idempotency_Key=f"twin-{slug}").content for _ in range(2)]
        field = SECRETS["field"]
        wrongs = ({"settings": {"field": field, "unknown": field}}, {"credentials": {**given, "other": given}}, {"name": given})
        refused = [carol.ask("POST", "connections", {**twin, **wrong}, Idempotency_Key=f"wrong-{slug}") for wrong in wrongs]
        assert [answer.status_code for answer in refused] == [422, 422, 422]
        seen += [answer.content for answer in refused]
        seen.append(carol.ask("POST", "connections/try", {**twin, "name": "Trial"}).content)
        seen.append(alice.ask("POST", "connections", {**twin, "name": "Above", "organization": cast.msp.slug}).content)
    return token


def called(cast: Cast, rows: list[Connection], token: str, mode: str) -> Iterator[bytes]:
    """Schedules fire, mappings are refreshed, requests are passed on for a person and for a program. The body of a request that was
    passed on is the vendor's, and whoever asked gets it as it came; all that is about it is ours."""
    carol, alice, program = Caller(cast.carol), Caller(cast.alice), Caller(bearer=token)
    for schedule in Schedule.objects.all():
        schedules.fire(schedule.pk)
    for row in rows:
        slug = row.integration.slug
        yield alice.ask("POST", f"integrations/{slug}/mapping/refresh").content
        yield carol.ask("POST", f"connections/{row.pk}/renew").content
        for caller, key in ((carol, "a"), (program, "b"), (program, "")):
            body = {"url": "/things", "method": "POST", "data": {"a": 1}, "params": {"q": "1"}}
            answer = caller.ask(
                "POST", f"integrations/{slug}/request", body, **({"Idempotency_Key": f"{slug}-{mode}-{key}"} if key else {})
            )
            yield f"{answer.reason_phrase} {answer.headers}".encode()
            if answer.status_code == 502:
                yield answer.content
