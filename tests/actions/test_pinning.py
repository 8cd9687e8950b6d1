"""Which revision a connection uses: the newest, or the one to which it is pinned."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import reverse

from actions import finalize, history, runs, services
from actions.models import Run
from connections import services as connections
from connections import trials
from connections.models import Connection
from integrations import services as integrations
from integrations.models import AuditEntry, Integration
from integrations.refusals import Conflict, Invalid
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.server import Served, serving
from tests.pages import signed_in, text


@pytest.fixture
def server() -> Iterator[Served]:
    with serving(lambda handler: handler.reply(200, b"[]", Content_Type="application/json")) as served:
        yield served


@pytest.fixture
def integration(server: Served, make_integration: MakeIntegration) -> Integration:
    return make_integration(base_uri=server.url, headers={"X-Version": "1"}, ping={"method": "GET", "uri": "/me"})


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration)


def publish_second(integration: Integration, cast: Cast) -> None:
    """Revision 2: another header, one action more."""
    integrations.change_definition(integration=integration, headers={"X-Version": "2"})
    services.add(integration=integration, values=action_values(name="List groups", path="/groups"))
    finalize.finalize(integration=integration, user=cast.bob)


def fresh(connection: Connection) -> Connection:
    return Connection.objects.select_related("integration", "organization", "credential", "revision").get(pk=connection.pk)


def ran(connection: Connection, cast: Cast, key: str = "list_users") -> Run:
    action = action_of(connection.integration, key)
    run = runs.start(action=action, connection=fresh(connection), user=cast.carol, inputs={}, hand_over=False)
    runs.execute(run.pk)
    return Run.objects.select_related("action__revision").get(pk=run.pk)


def test_pinned_connection_tests_and_runs_by_its_revision_and_the_other_by_the_newest(
    connection: Connection, make_connection: MakeConnection, server: Served, cast: Cast
) -> None:
    connections.pin(connection=connection, number=1)
    other = make_connection(connection.integration, name="Other")
    publish_second(connection.integration, cast)
    said = []
    for row in (connection, other):
        trials.test(connection=fresh(row), user=cast.carol)
        run = ran(row, cast)
        said.append((run.verdict, run.action.revision.number, [seen.headers["x-version"] for seen in server.seen]))
        server.seen.clear()
    assert said == [("complete", 1, ["1", "1"]), ("complete", 2, ["2", "2"])]


def test_unpinned_connection_goes_along_again(connection: Connection, server: Served, cast: Cast) -> None:
    connections.pin(connection=connection, number=1)
    publish_second(connection.integration, cast)
    connections.pin(connection=fresh(connection), number=None)
    assert (ran(connection, cast).action.revision.number, server.seen[-1].headers["x-version"]) == (2, "2")


def test_action_that_the_pinned_revision_lacks_is_refused_with_the_reason(connection: Connection, cast: Cast) -> None:
    connections.pin(connection=connection, number=1)
    publish_second(connection.integration, cast)
    with pytest.raises(Conflict) as refusal:
        ran(connection, cast, "list_groups")
    assert refusal.value.message == (
        "List groups is newer than revision 1, to which the connection Main is pinned. Choose another connection, or unpin it on its page."
    )


def test_pin_says_of_a_tested_connection_that_it_is_not_tested_by_the_other_revision(connection: Connection, cast: Cast) -> None:
    publish_second(connection.integration, cast)
    trials.test(connection=fresh(connection))
    assert connections.pin(connection=connection, number=2).state == "working"  # the same revision as before
    assert connections.pin(connection=connection, number=1).state == "untested"
    with pytest.raises(Invalid) as refusal:
        connections.pin(connection=connection, number=3)
    assert refusal.value.errors == {"revision": ["Sample has no finalized revision 3. Look at its history."]}


def test_draft_is_no_revision_to_pin_to(connection: Connection) -> None:
    integrations.change_definition(integration=connection.integration, headers={})
    with pytest.raises(Invalid):
        connections.pin(connection=connection, number=2)


def test_publish_page_counts_connections_that_a_new_revision_reaches_and_those_that_are_pinned(
    connection: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    make_connection(connection.integration, name="Other")
    connections.pin(connection=connection, number=1)
    assert history.reach(connection.integration) == history.Reach(connections=1, organizations=1, pinned=1)
    integrations.change_definition(integration=connection.integration, headers={})
    page = text(signed_in(cast.bob).get(reverse("wizard-step", args=[connection.integration.slug, "finalize"])))
    assert "in force at once for 1 connection of 1 organization." in page
    assert "1 connection is pinned to an earlier revision and does not notice." in page


def test_page_says_which_revision_is_used_and_what_another_one_means_before_it_pins(connection: Connection, cast: Cast) -> None:
    publish_second(connection.integration, cast)
    carol = signed_in(cast.carol)
    url = reverse("connection-revision", args=[connection.pk])
    assert "Revision 2, the newest" in text(carol.get(reverse("connection-detail", args=[connection.pk])))
    means = carol.get(url, {"to": "1"})
    assert "Revision 1 locks another list of actions. It has no List groups: this action cannot be run with Main" in text(means)
    assert [change.field for change in means.context["means"].difference.definition] == ["headers.X-Version"]
    connection.refresh_from_db()
    assert connection.revision is None  # nothing has happened yet
    assert "Main is pinned to revision 1." in text(carol.post(url, {"to": "1"}, follow=True))
    assert "Revision 1 Pinned The newest is 2." in text(carol.get(reverse("connection-detail", args=[connection.pk])))
    assert "It adds List groups; key, method and path of it are locked." in text(carol.get(url, {"to": "newest"}))
    carol.post(url, {"to": "newest"})
    connection.refresh_from_db()
    assert connection.revision is None


def test_page_warns_of_servers_and_fields_that_another_revision_wants(connection: Connection, server: Served, cast: Cast) -> None:
    integrations.change_definition(
        integration=connection.integration,
        api_base_uri=f"http://127.0.0.1:{server.port}",
        connection_fields=[{"name": "region", "label": "Region"}],
        headers={"X-Region": "{{settings.region}}"},
    )
    connections.pin(connection=connection, number=1)
    finalize.finalize(integration=connection.integration, user=cast.bob)
    means = signed_in(cast.carol).get(reverse("connection-revision", args=[connection.pk]), {"to": "newest"}).context["means"]
    assert (means.needs, means.servers) == (["Region"], [f"http://127.0.0.1:{server.port}"])


def test_api_says_which_revision_is_used_and_pins_and_unpins(connection: Connection, cast: Cast) -> None:
    publish_second(connection.integration, cast)
    carol, path = signed_in(cast.carol), f"/api/connections/{connection.pk}"

    def said(document: dict[str, object]) -> tuple[object, object]:
        return document["revision"], document["revisionInUse"]

    assert said(carol.get(path).json()) == (None, 2)
    assert said(carol.patch(path, {"revision": 1}, "application/json").json()) == (1, 1)
    assert said(carol.get("/api/connections").json()[0]) == (1, 1)
    assert said(carol.patch(path, {"name": "Renamed"}, "application/json").json()) == (1, 1)
    assert said(carol.patch(path, {"revision": None}, "application/json").json()) == (None, 2)
    assert carol.patch(path, {"revision": "one"}, "application/json").json()["errors"] == [
        {"field": "revision", "message": "Enter the number of a finalized revision, or null to go along with the newest one."}
    ]
    assert list(AuditEntry.objects.filter(verb__in=("pinned", "unpinned")).order_by("pk").values_list("verb", "before", "after")) == [
        ("pinned", {"revision": None}, {"revision": 1}),
        ("unpinned", {"revision": 1}, {"revision": None}),
    ]


def test_deleting_with_everything_takes_pinned_connections_along(connection: Connection, cast: Cast) -> None:
    connections.pin(connection=connection, number=1)
    integrations.delete(integration=connection.integration, cascade=True)
    assert (Integration.objects.count(), Connection.objects.count()) == (0, 0)
