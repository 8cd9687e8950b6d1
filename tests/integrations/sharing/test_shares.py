"""Shares: what each level lets whom do, on pages and over the API, and how an integration changes hands."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions import runs
from connections import services as connections
from connections.models import Connection
from integrations.models import AuditEntry, Integration, Level, Membership, Organization, Role, Share, User
from integrations.organizations import members, moving, tree
from integrations.refusals import Conflict, Invalid
from integrations.sharing import principals, services, teams
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, member
from tests.pages import signed_in, text


@pytest.fixture
def integration(make_integration: MakeIntegration, cast: Cast) -> Integration:
    """Of client B, which nobody of client A has a role in; kept for itself."""
    made = make_integration(organization=cast.client_b, user=cast.bob)
    Integration.objects.filter(pk=made.pk).update(sharing="deny")
    return Integration.objects.get(pk=made.pk)


def give(integration: Integration, principal: Any, level: int) -> Share:
    return services.share(integration=integration, principal=principal, level=level, user=None)


def allowed(user: User, integration: Integration) -> list[str]:
    """What the querysets let a user do."""
    rows = Integration.objects.filter(pk=integration.pk)
    found = {
        "see": rows.visible_to(user),
        "run": rows.lent_to(user),
        "edit": rows.editable_by(user),
        "share": rows.shareable_by(user),
        "delete": rows.deletable_by(user),
    }
    return [name for name, answer in found.items() if answer.exists()]


LEVELS = {
    Level.RUN: ["see", "run"],
    Level.EDIT: ["see", "run", "edit"],
    Level.SHARE: ["see", "run", "edit", "share", "delete"],
}


# --- a.14: access levels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", Level)
def test_a14_access_levels_let_a_person_do_what_each_says_whatever_the_role(integration: Integration, cast: Cast, level: Level) -> None:
    assert allowed(cast.dave, integration) == []
    given = give(integration, cast.dave, level)
    assert allowed(cast.dave, integration) == LEVELS[level]
    assert allowed(cast.carol, integration) == []  # of the same organization
    services.revoke(share=given)
    assert allowed(cast.dave, integration) == []


@pytest.mark.parametrize("level", Level)
def test_a14_access_levels_count_for_everybody_in_a_team_as_long_as_they_are(integration: Integration, cast: Cast, level: Level) -> None:
    team = teams.create(organization=cast.client_a, name="Help desk", members=["dave"])
    give(integration, team, level)
    assert allowed(cast.dave, integration) == LEVELS[level]
    teams.change(team=team, members=["carol"])
    assert (allowed(cast.dave, integration), allowed(cast.carol, integration)) == ([], LEVELS[level])
    Membership.objects.filter(user=cast.carol).delete()  # no role anywhere near the team
    assert allowed(cast.carol, integration) == []


@pytest.mark.parametrize("level", Level)
def test_share_ends_for_a_person_who_has_left_the_owners_tree(integration: Integration, cast: Cast, level: Level) -> None:
    give(integration, cast.dave, level)
    Membership.objects.create(user=cast.dave, organization=cast.stranger_org, role=Role.ADMIN)
    assert allowed(cast.dave, integration) == LEVELS[level]
    members.remove(membership=cast.dave.memberships.get(organization=cast.client_a))
    assert allowed(cast.dave, integration) == []
    page = text(signed_in(cast.alice).get(reverse("integration-shares", args=[integration.slug])))
    assert "Dave Is no longer in the tree of Client B: this share gives nothing." in page
    assert signed_in(cast.dave).delete(f"/api/integrations/{integration.slug}?cascade=true").status_code == 404


def test_share_with_an_organization_or_a_team_ends_when_it_is_moved_out_of_the_owners_tree(integration: Integration, cast: Cast) -> None:
    team = teams.create(organization=cast.client_a, name="Help desk", members=["dave"])
    give(integration, cast.client_a, Level.RUN)
    give(integration, team, Level.EDIT)
    assert (allowed(cast.carol, integration), allowed(cast.dave, integration)) == (["see"], ["see", "run", "edit"])
    moving.move(organization=cast.client_a, parent=cast.stranger_org)
    client = Organization.objects.get(pk=cast.client_a.pk)
    assert [allowed(user, integration) for user in (cast.carol, cast.dave, cast.eve)] == [[], [], []]
    assert not Integration.objects.offered_to(client, cast.dave).contains(integration)
    # Also for somebody who belongs to both trees: what the one was given does not count in the other.
    Membership.objects.create(user=cast.carol, organization=cast.client_b, role=Role.VIEWER)
    assert allowed(cast.carol, integration) == ["see"]  # by the role in the owner's organization
    moving.move(organization=client, parent=cast.msp)
    assert allowed(cast.dave, integration) == ["see", "run", "edit"]


def test_a14_access_levels_of_an_organization_raise_nobody_above_their_role(integration: Integration, cast: Cast) -> None:
    people = {role: member(f"a-{role}", cast.client_a, role) for role in Role}
    give(integration, cast.client_a, Level.SHARE)
    assert {role: allowed(person, integration) for role, person in people.items()} == {
        Role.VIEWER: ["see"],
        Role.OPERATOR: ["see"],
        Role.BUILDER: ["see", "edit"],
        Role.ADMIN: ["see", "edit", "share", "delete"],
    }
    give(integration, cast.client_a, Level.RUN)
    assert {role: allowed(person, integration) for role, person in people.items()} == {role: ["see"] for role in Role}


def test_share_with_an_organization_counts_below_it_and_not_above(make_integration: MakeIntegration, cast: Cast) -> None:
    owner = Organization.objects.create(name="Other branch", parent=cast.msp)
    integration = make_integration(organization=owner)
    below = Organization.objects.create(name="Below A", parent=cast.client_a)
    give(integration, cast.client_a, Level.RUN)
    may = {place.slug: Integration.objects.installable_by(place).filter(pk=integration.pk).exists() for place in
           (cast.msp, cast.client_a, below, cast.client_b)}  # fmt: skip
    assert may == {"managed-services": False, "client-a": True, "below-a": True, "client-b": False}


def test_viewer_with_a_share_connects_and_runs_and_the_other_viewer_does_not(integration: Integration, cast: Cast) -> None:
    other = member("daisy", cast.client_a, Role.VIEWER)
    give(integration, cast.dave, Level.RUN)
    page = signed_in(cast.dave).get(reverse("integration-list"))
    assert ([row.pk for row in page.context["installable"]], ">Shared</span>" in page.content.decode()) == ([integration.pk], True)
    answer = signed_in(cast.dave).post("/api/connections", {"integration": integration.slug, "name": "Mine"}, "application/json")
    assert answer.status_code == 201
    connection = Connection.objects.get()
    run = {"action": str(action_of(integration).uid), "connection": str(connection.pk)}
    url = reverse("action-run", args=[integration.slug, action_of(integration).uid])
    said = {
        user.username: (signed_in(user).get(url).status_code, signed_in(user).post("/api/runs", run, "application/json").status_code)
        for user in (cast.dave, other, cast.eve)
    }
    assert said == {"dave": (200, 202), "daisy": (403, 403), "eve": (404, 422)}
    assert runs.cancel(run=connection.runs.get()).verdict == "cancelled"


def test_share_lets_nobody_use_connections_of_organizations_that_they_do_not_see(
    integration: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    connection = make_connection(integration, organization=cast.client_b, user=cast.alice)
    give(integration, cast.dave, Level.SHARE)
    assert [rows.exists() for rows in (Connection.objects.visible_to(cast.dave), Connection.objects.usable_by(cast.dave))] == [False, False]
    assert signed_in(cast.dave).get(reverse("connection-detail", args=[connection.pk])).status_code == 404


def test_draft_that_is_shared_for_editing_is_edited_and_finalized_by_a_viewer(make_integration: MakeIntegration, cast: Cast) -> None:
    draft = make_integration(organization=cast.client_b, status="draft")
    give(draft, cast.dave, Level.EDIT)
    dave = signed_in(cast.dave)
    page = dave.get(reverse("integration-list"))
    assert [row.pk for row in page.context["built"]] == [draft.pk]
    assert dave.put(f"/api/integrations/{draft.slug}", {"description": "By Dave"}, "application/json").status_code == 200
    assert dave.post(f"/api/integrations/{draft.slug}/finalize", {}, "application/json").status_code == 200
    assert [
        dave.delete(f"/api/integrations/{draft.slug}").status_code,
        dave.put(f"/api/integrations/{draft.slug}/shares/carol").status_code,
    ] == [403, 403]
    give(draft, cast.dave, Level.SHARE)
    assert dave.delete(f"/api/integrations/{draft.slug}").status_code == 204


def test_disabled_preview_of_the_owner_stops_editing_by_a_share(integration: Integration, cast: Cast) -> None:
    give(integration, cast.dave, Level.SHARE)
    tree.change(organization=cast.client_b, custom_integrations=False)
    answer = signed_in(cast.dave).put(f"/api/integrations/{integration.slug}", {"description": "x"}, "application/json")
    assert (answer.status_code, "is disabled for Client B." in answer.json()["detail"]) == (403, True)


# --- a.13 117 ff., a.14: the API of shares --------------------------------------------------------------------------


def path(integration: Integration, principal: str = "") -> str:
    return f"/api/integrations/{integration.slug}/shares{f'/{principal}' if principal else ''}"


def put(client: Client, integration: Integration, principal: str, **body: Any) -> Any:
    return client.put(path(integration, principal), body, "application/json")


def test_a13_119_links_name_owner_shares_and_a_share_as_a_template(integration: Integration, cast: Cast) -> None:
    links = signed_in(cast.alice).get(f"/api/integrations/{integration.slug}").json()["_links"]
    own = f"/api/integrations/{integration.pk}"
    assert [links[rel] for rel in ("inf:integration-owner", "inf:integration-shares", "inf:integration-share")] == [
        {"href": f"{own}/owner"},
        {"href": f"{own}/shares"},
        {"href": f"{own}/shares/{{principalId}}", "templated": True},
    ]


def test_a14_shares_are_put_read_changed_and_deleted_by_principal(integration: Integration, cast: Cast) -> None:
    teams.create(organization=cast.client_a, name="Analytics", members=["dave"])
    alice = signed_in(cast.alice)
    made = put(alice, integration, "team:analytics")
    share = Share.objects.get()
    document = {
        "_links": {"self": {"href": f"/api/integrations/{integration.pk}/shares/team:analytics"}},
        "integrationId": str(integration.pk),
        "principalId": "team:analytics",
        "accessLevel": 1,
        "principal": {"id": "team:analytics", "name": "Analytics", "type": "team"},
    }
    got = made.json()
    assert (made.status_code, {name: got[name] for name in document}) == (200, document)
    assert (got["createdAt"][:19], got["updatedAt"][:19]) == (
        f"{share.created_at:%Y-%m-%dT%H:%M:%S}",
        f"{share.updated_at:%Y-%m-%dT%H:%M:%S}",
    )
    assert [put(alice, integration, who, accessLevel=level).json()["accessLevel"] for who, level in
            (("team:analytics", 2), ("dave", 3), ("organization:client-a", 1))] == [2, 3, 1]  # fmt: skip
    share.refresh_from_db()
    assert (share.level, share.updated_at > share.created_at) == (2, True)
    listed = alice.get(path(integration)).json()
    assert [(row["principalId"], row["accessLevel"]) for row in listed["_embedded"]["inf:integration-share"]] == [
        ("team:analytics", 2), ("dave", 3), ("organization:client-a", 1),
    ]  # fmt: skip
    assert (listed["start"], listed["count"], listed["total"]) == (0, 3, 3)
    assert alice.get(path(integration, "dave")).json()["principal"] == {"id": "dave", "name": "Dave", "type": "user"}
    assert [alice.delete(path(integration, "dave")).status_code for _ in range(2)] == [204, 404]
    assert alice.get(path(integration, "dave")).status_code == 404


@pytest.mark.parametrize("level", [0, -1, 4, 1.5, True, "two", None])
def test_a14_access_level_is_refused_unless_it_is_one_of_the_three(integration: Integration, cast: Cast, level: Any) -> None:
    answer = put(signed_in(cast.alice), integration, "dave", accessLevel=level)
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [
            {
                "field": "accessLevel",
                "message": "An access level is one of 1 (view and run), 2 (edit), 3 (share, transfer and delete). To take the access away, "
                "delete the share.",
            }
        ],
    )
    assert Share.objects.count() == 0


@pytest.mark.parametrize("principal", ["nobody", "team:none", "organization:none", "eve", "organization:stranger"])
def test_nobody_outside_the_owners_tree_is_shared_with(integration: Integration, cast: Cast, principal: str) -> None:
    answer = put(signed_in(cast.alice), integration, principal)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "principalId")


def test_owner_needs_no_share(integration: Integration, cast: Cast) -> None:
    answer = put(signed_in(cast.alice), integration, "organization:client-b")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "Client B owns Sample: its members have what their roles give them. Share it with single people or teams.",
    )


def test_shares_are_seen_by_those_who_may_change_it_and_by_those_they_concern(integration: Integration, cast: Cast) -> None:
    give(integration, cast.dave, Level.RUN)
    give(integration, cast.carol, Level.EDIT)
    daisy = member("daisy", cast.client_a, Role.VIEWER)
    give(integration, daisy, Level.RUN)
    seen = {
        user.username: [row["principalId"] for row in signed_in(user).get(path(integration)).json()["_embedded"]["inf:integration-share"]]
        for user in (cast.alice, cast.carol, cast.dave)
    }
    assert seen == {"alice": ["dave", "carol", "daisy"], "carol": ["dave", "carol", "daisy"], "dave": ["dave"]}
    assert signed_in(cast.eve).get(path(integration)).status_code == 404


def test_shares_are_logged_with_before_and_after(integration: Integration, cast: Cast) -> None:
    alice = signed_in(cast.alice)
    put(alice, integration, "dave")
    put(alice, integration, "dave", accessLevel=2)
    put(alice, integration, "dave", accessLevel=2)
    alice.delete(path(integration, "dave"))
    rows = AuditEntry.objects.filter(kind="share").order_by("pk")
    assert [(row.actor_name, row.verb, row.object_name, row.before, row.after) for row in rows] == [
        ("Alice", "shared", "Sample for dave", {}, {"accessLevel": 1}),
        ("Alice", "changed", "Sample for dave", {"accessLevel": 1}, {"accessLevel": 2}),
        ("Alice", "revoked", "Sample for dave", {"accessLevel": 2}, {}),
    ]


# --- ownership ------------------------------------------------------------------------------------------------------


def test_a14_owner_is_read_and_put(integration: Integration, cast: Cast) -> None:
    give(integration, cast.client_a, Level.RUN)
    alice = signed_in(cast.alice)
    own = f"/api/integrations/{integration.slug}/owner"
    assert alice.get(own).json() == {
        "_links": {"self": {"href": f"/api/integrations/{integration.pk}/owner"}},
        "id": "organization:client-b",
        "name": "Client B",
        "type": "organization",
    }
    assert alice.put(own, {"ownerId": "organization:client-a"}, "application/json").json()["id"] == "organization:client-a"
    integration.refresh_from_db()
    assert (integration.organization, Share.objects.count()) == (cast.client_a, 0)  # the owner needs no share
    told = AuditEntry.objects.filter(verb="transferred").order_by("organization_name").values_list("organization_name", "before", "after")
    assert list(told) == [(name, {"owner": "Client B"}, {"owner": "Client A"}) for name in ("Client A", "Client B")]


def test_transfer_needs_level_three_here_and_a_builder_there(integration: Integration, cast: Cast) -> None:
    own = f"/api/integrations/{integration.slug}/owner"
    give(integration, cast.carol, Level.EDIT)
    carol = signed_in(cast.carol)
    assert carol.put(own, {"ownerId": "client-a"}, "application/json").status_code == 403
    give(integration, cast.carol, Level.SHARE)
    answer = carol.put(own, {"ownerId": "client-a"}, "application/json")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "You are no builder of Client A. Somebody who is, there and here, can transfer it.",
    )
    Membership.objects.filter(user=cast.carol).update(role=Role.BUILDER)
    assert carol.put(own, {"ownerId": "client-a"}, "application/json").status_code == 200
    assert carol.put(own, {"ownerId": "stranger"}, "application/json").json()["errors"][0]["field"] == "ownerId"


def test_transfer_keeps_what_is_connected_and_says_beforehand_whom_it_leaves_outside(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration()
    connection = make_connection(integration)  # of client A
    alice = signed_in(cast.alice)
    url = reverse("integration-transfer", args=[integration.slug])
    page = text(alice.get(url, {"owner": "Client B"}))
    assert "1 connected organization will not be below the new owner." in page
    integration.refresh_from_db()
    assert integration.organization == cast.msp  # nothing has happened yet
    assert alice.post(url, {"owner": "client-b"}).status_code == 302
    integration.refresh_from_db()
    assert integration.organization == cast.client_b
    run = runs.start(action=action_of(integration), connection=connection, user=cast.carol, inputs={}, hand_over=False)
    assert run.state == "queued"
    with pytest.raises(Conflict):
        connections.create(organization=cast.client_a, user=cast.carol, integration=integration, name="Another", credentials={})


def test_transfer_to_another_tree_says_which_shares_end(make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration()
    for principal in (cast.dave, cast.client_a, cast.alice):
        give(integration, principal, Level.RUN)
    Membership.objects.create(user=cast.alice, organization=cast.stranger_org, role=Role.BUILDER)
    url = reverse("integration-transfer", args=[integration.slug])
    alice = signed_in(cast.alice)
    assert "Shares stay as they are." in text(alice.get(url, {"owner": "client-b"}))
    assert "2 shares end: the people, teams and organizations that they are with do not belong to the tree of Stranger." in text(
        alice.get(url, {"owner": "stranger"})
    )
    alice.post(url, {"owner": "stranger"})
    integration.refresh_from_db()
    assert {user.username: allowed(user, integration) for user in (cast.alice, cast.dave)} == {
        "alice": ["see", "run", "edit", "delete"],
        "dave": [],
    }


# --- the page ---------------------------------------------------------------------------------------------------------


def test_page_shares_changes_and_takes_back(integration: Integration, cast: Cast) -> None:
    alice = signed_in(cast.alice)
    url = reverse("integration-shares", args=[integration.slug])
    assert url in alice.get(reverse("integration-detail", args=[integration.slug])).content.decode()
    assert "organization:client-a" in [choice.id for choice in alice.get(url).context["offered"]]
    refused = alice.post(url, {"principal": "eve", "level": "1"})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["principal"])
    assert alice.post(url, {"principal": "dave", "level": "2"}, follow=True).status_code == 200
    one = reverse("integration-share", args=[integration.slug, "dave"])
    assert "Dave: share, transfer and delete." in text(alice.post(one, {"level": "3"}, follow=True))
    assert Share.objects.get().level == Level.SHARE
    assert "Dave has no access by a share any more." in text(alice.post(one, {"revoke": ""}, follow=True))
    assert Share.objects.count() == 0


def test_page_is_read_only_for_who_edits_and_closed_to_who_runs(integration: Integration, cast: Cast) -> None:
    give(integration, cast.dave, Level.RUN)
    give(integration, cast.carol, Level.EDIT)
    url = reverse("integration-shares", args=[integration.slug])
    carol = signed_in(cast.carol)
    assert [carol.get(url).context["sharer"], carol.post(url).status_code, signed_in(cast.dave).get(url).status_code] == [False, 403, 403]


def test_principals_are_found_by_their_ids(integration: Integration, cast: Cast) -> None:
    team = teams.create(organization=cast.msp, name="Ops")
    for principal in (cast.dave, team, cast.client_a):
        assert principals.principal_for(integration, principals.named(principal).id) == principal
    with pytest.raises(Invalid):
        principals.principal_for(integration, "")
