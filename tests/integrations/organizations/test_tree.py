"""The tree: create, change, move with its preview, delete; as services, pages and API."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connections import services as connections
from connections.choosing.walk import choose
from connections.mapping import tables
from connections.mapping.values import mapped_above
from integrations import services as integrations
from integrations.models import AuditEntry, Integration, Organization, Role, User
from integrations.models.integration import Status
from integrations.organizations import environments, moving, tree
from integrations.refusals import Conflict, Invalid
from integrations.sharing import services as sharing
from tests.cast import Cast, MakeConnection, MakeIntegration, member
from tests.pages import HTMX, errors, signed_in, text


def test_create_makes_a_slug_of_the_name_and_another_one_where_it_is_taken(msp: Organization) -> None:
    made = [tree.create(parent=msp, name="  Acme   Europe ", fields={"customer": "17"}) for _ in range(2)]
    assert [(one.name, one.slug, one.parent, one.fields) for one in made] == [
        ("Acme Europe", "acme-europe", msp, {"customer": "17"}),
        ("Acme Europe", "acme-europe-2", msp, {"customer": "17"}),
    ]


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"name": " "}, {"name": ["Enter the organization's name."]}),
        ({"name": "X" * 201}, {"name": ["At most 200 characters; this name has 201."]}),
        ({"slug": "new"}, {"slug": ["new is taken. Choose another one."]}),
        ({"slug": "client-b"}, {"slug": ["client-b is taken. Choose another one."]}),
        (
            {"slug": "Client B"},
            {"slug": ["Use small letters, digits and single hyphens, for example acme-europe; at most 100 characters, and no UUID."]},
        ),
        ({"fields": {"id": "1"}}, {"fields.id": ["${tenant.id} is the organization's own id. Choose another name."]}),
        ({"fields": {"a b": "1"}}, {"fields.a b": ["a b is not a field's name. Use letters, digits and _, for example customer_number."]}),
        ({"fields": {"a": 1}}, {"fields.a": ["Enter text."]}),
    ],
)
def test_change_says_what_does_not_fit_and_changes_nothing(
    client_a: Organization, values: dict[str, object], refused: dict[str, list[str]]
) -> None:
    with pytest.raises(Invalid) as refusal:
        tree.change(organization=client_a, **values)
    assert refusal.value.errors == refused
    client_a.refresh_from_db()
    assert (client_a.name, client_a.slug, client_a.fields) == ("Client A", "client-a", {})


def test_move_takes_everything_below_along_and_roles_follow(cast: Cast) -> None:
    floor = Organization.objects.create(name="Floor", parent=cast.client_a)
    desk = Organization.objects.create(name="Desk", parent=floor)
    moving.move(organization=floor, parent=cast.client_b)
    desk.refresh_from_db()
    assert desk.ancestor_ids == [cast.msp.pk, cast.client_b.pk, floor.pk, desk.pk]
    assert list(Organization.objects.visible_to(cast.carol)) == [cast.client_a]
    assert set(Organization.objects.visible_to(cast.alice)) == {cast.msp, cast.client_a, cast.client_b, floor, desk}


def test_move_is_refused_below_itself_where_it_is_already_and_too_deep(cast: Cast) -> None:
    floor = Organization.objects.create(name="Floor", parent=cast.client_a)
    deep = cast.client_b
    for number in range(tree.MAX_DEPTH - 3):
        deep = Organization.objects.create(name=f"Level {number}", parent=deep)
    said = []
    for parent in (floor, cast.client_a, cast.msp, deep):
        with pytest.raises(Conflict) as refusal:
            moving.move(organization=cast.client_a, parent=parent)
        said.append(refusal.value.message)
    assert said == [
        "Floor is Client A itself or below it. Choose a parent outside of it.",
        "Client A is Client A itself or below it. Choose a parent outside of it.",
        "Client A is below Managed Services already.",
        "The tree would become deeper than 30 levels. Choose a parent further up.",
    ]


def test_preview_names_who_gains_and_loses_sight_and_which_integrations(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    offered = make_integration(name="Of the MSP", actions=None)
    make_connection(offered)
    make_integration(name="Hidden one", status=Status.HIDDEN)
    make_integration(name="Own", organization=cast.client_a, user=cast.alice)
    fred = member("fred", cast.stranger_org, Role.VIEWER)
    change = moving.preview(organization=cast.client_a, parent=cast.stranger_org)
    assert (change.organizations, change.own_integrations, change.connections) == (1, 1, 1)
    assert [row.user for row in change.gains.people] == [cast.eve, fred]
    assert change.gains.integrations == []
    assert [row.user for row in change.loses.people] == [cast.alice, cast.bob]
    assert change.loses.integrations == change.in_use == [offered]


def test_preview_names_only_what_can_be_installed_before_and_not_afterwards(cast: Cast, make_integration: MakeIntegration) -> None:
    kept_for_itself = integrations.update(integration=make_integration(name="Kept"), sharing="deny")
    shared = integrations.update(integration=make_integration(name="Shared"), sharing="deny")
    sharing.share(integration=shared, principal=cast.client_a, user=None)
    floor = Organization.objects.create(name="Floor", parent=cast.client_a)
    assert Integration.objects.offered_to(floor).contains(shared)
    assert not Integration.objects.offered_to(floor).contains(kept_for_itself)
    there = make_integration(name="Of B", organization=cast.client_b, user=cast.alice)
    change = moving.preview(organization=floor, parent=cast.client_b)
    assert (change.loses.integrations, change.gains.integrations) == ([shared], [there])
    moving.move(organization=floor, parent=cast.client_b)
    floor.refresh_from_db()
    assert list(Integration.objects.offered_to(floor)) == [there]


def test_what_an_organization_above_lends_and_maps_counts_no_more_after_a_move_and_the_preview_says_so(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration()
    above = make_connection(integration, organization=cast.msp, user=cast.alice)
    connections.change(connection=above, below="everybody")
    mapping = tables.mapping_of(cast.msp, integration)
    tables.save(mapping=mapping, changes={cast.client_a.pk: ("4711", "")}, user=cast.alice)
    client = Organization.objects.get(pk=cast.client_a.pk)
    assert choose(organization=client, integration=integration).connection == above
    asked = {"parent": cast.stranger_org.slug}
    root = signed_in(User.objects.create_superuser("root"))
    page = text(root.get(reverse("organization-move", args=["client-a"]), asked))
    assert "1 connection of organizations that are no longer above is open to those below." in page
    assert "1 of the organizations that move is mapped to a customer of a vendor by an organization that is no longer above." in page
    change = root.post("/api/organizations/client-a/move", asked, "application/json").json()
    assert {name: change[name] for name in ("lent", "mapped", "environments")} == {"lent": 1, "mapped": 1, "environments": []}
    client.refresh_from_db()
    choice = choose(organization=client, integration=integration)
    assert (choice.connection, [step.rule for step in choice.steps]) == (None, ["default", "mapped", "inherited"])
    moving.move(organization=client, parent=cast.msp)
    client.refresh_from_db()
    assert mapped_above(client, integration).value == "4711"  # type: ignore[union-attr]


def test_environment_from_above_comes_along_when_something_is_connected_in_it(cast: Cast, make_integration: MakeIntegration) -> None:
    for name in ("Sandbox", "Staging"):
        environments.create(organization=cast.msp, name=name)
    integration = make_integration()
    floor = Organization.objects.create(name="Floor", parent=cast.client_a)
    made = connections.create(
        organization=floor, user=cast.alice, integration=integration, name="Try", credentials={}, environment="sandbox"
    )
    change = moving.preview(organization=cast.client_a, parent=cast.stranger_org)
    assert [str(one) for one in change.environments] == ["Sandbox"]
    moving.move(organization=cast.client_a, parent=cast.stranger_org)
    floor.refresh_from_db()
    assert [(one.slug, str(one.organization)) for one in environments.known_to(floor)] == [("production", "None"), ("sandbox", "Client A")]
    assert choose(organization=floor, integration=integration, environment="sandbox").connection == made
    told = AuditEntry.objects.get(verb="environment created", organization=cast.client_a)
    assert told.note == "Came along from Managed Services"
    client = Organization.objects.get(pk=cast.client_a.pk)
    assert moving.preview(organization=client, parent=cast.msp).environments == []  # there it is known
    with pytest.raises(Conflict, match="Somebody has changed the tree in the meantime"):
        moving.move(organization=cast.client_a, parent=cast.client_b)  # as it was before the first move


def test_preview_leaves_out_who_keeps_sight_by_another_role(cast: Cast) -> None:
    member("fred", cast.client_b, Role.VIEWER)
    floor = Organization.objects.create(name="Floor", parent=cast.client_a)
    change = moving.preview(organization=floor, parent=cast.client_b)
    assert [row.user.username for row in change.gains.people] == ["fred"]
    assert [row.user for row in change.loses.people] == [cast.carol, cast.dave]  # the MSP's people see it before and after


def test_delete_is_refused_with_what_is_inside_and_works_when_it_is_empty(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    make_connection(make_integration())
    with pytest.raises(Conflict) as refusal:
        tree.delete(organization=cast.client_a)
    assert refusal.value.message == "Client A is not empty: 1 connection. Delete or move it first."
    with pytest.raises(Conflict) as refusal:
        tree.delete(organization=cast.msp)
    assert refusal.value.message == "Managed Services is not empty: 2 organizations below it, 1 integration. Delete or move them first."
    tree.delete(organization=cast.client_b)
    assert not Organization.objects.filter(slug="client-b").exists()
    assert AuditEntry.objects.get(verb="deleted").organization == cast.msp  # whose admins can still read it


# --- pages -----------------------------------------------------------------------------------------------------------


def test_page_creates_below_the_organization_and_keeps_what_was_typed_when_it_is_refused(alice: User, client_a: Organization) -> None:
    client, url = signed_in(alice), reverse("organization-new") + "?parent=client-a"
    refused = client.post(url, {"name": "Floor", "slug": "client-b", "fields_-name": ["customer"], "fields_-value": ["17"]})
    assert errors(refused) == {"slug": ["client-b is taken. Choose another one."]}
    assert 'value="17"' in refused.content.decode()
    made = client.post(url, {"name": "Floor", "slug": "", "fields_-name": ["customer"], "fields_-value": ["17"]})
    assert made["Location"] == reverse("organization-detail", args=["floor"])
    floor = Organization.objects.get(slug="floor")
    assert (floor.parent, floor.fields) == (client_a, {"customer": "17"})


def test_page_moves_only_after_it_has_shown_what_changes(alice: User, client_a: Organization, client_b: Organization) -> None:
    client, url = signed_in(alice), reverse("organization-move", args=["client-a"])
    shown = client.get(url, {"parent": "client b"})  # by name, in any case
    assert "Cease to see it Nobody" in text(shown)
    client_a.refresh_from_db()
    assert client_a.parent_id != client_b.pk
    assert client.post(url, {"parent": "client-b"})["Location"] == reverse("organization-detail", args=["client-a"])
    client_a.refresh_from_db()
    assert client_a.parent == client_b


def test_page_does_not_move_to_an_organization_that_one_does_not_administer(alice: User, cast: Cast) -> None:
    answer = signed_in(alice).post(reverse("organization-move", args=["client-a"]), {"parent": "stranger"})
    assert errors(answer) == {"parent": ["You administer no organization named stranger. Look at the list of organizations for its slug."]}


def test_own_admin_can_neither_move_nor_delete_what_belongs_to_the_parent(client_a: Organization) -> None:
    client = signed_in(member("anna", client_a, Role.ADMIN))
    page = text(client.get(reverse("organization-detail", args=["client-a"])))
    assert ("Invite by link" in page, "Move" in page) == (True, False)
    assert client.post(reverse("organization-delete", args=["client-a"])).status_code == 403


def test_switcher_searches_on_the_server_and_shows_a_screenful_of_thousands(alice: User, msp: Organization) -> None:
    Organization.objects.bulk_create(
        [
            Organization(name=f"Clinic {number:04}", slug=f"clinic-{number}", parent=msp, path=f"{msp.path}{number:032x}/")
            for number in range(3000)
        ]
    )
    client = signed_in(alice)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = client.get(reverse("connection-list"))
    assert page.content.decode().count('class="menu-item" name="organization"') == 20
    assert len(queries) < 15
    found = client.get(reverse("organization-search"), {"q": "clinic 2999"}, headers=HTMX)
    assert text(found) == "Clinic 2999 Managed Services"
    assert text(client.get(reverse("organization-search"), {"q": "stranger"}, headers=HTMX)) == "No organization matches “stranger”."


# --- API -------------------------------------------------------------------------------------------------------------


def test_api_does_what_the_pages_do(alice: User, client_b: Organization) -> None:
    client = signed_in(alice)
    made = client.post("/api/organizations", {"name": "Floor", "parent": "client-a", "fields": {"n": "1"}}, "application/json")
    assert made.status_code == 201
    floor = made.json()
    assert (floor["slug"], floor["parent"]["slug"], floor["fields"]) == ("floor", "client-a", {"n": "1"})
    asked = client.post("/api/organizations/floor/move", {"parent": "client-b", "dryRun": True}, "application/json").json()
    assert [person["user"] for person in asked["loses"]["people"]] == ["carol", "dave"]
    assert client.get("/api/organizations/floor").json()["parent"]["slug"] == "client-a"
    client.post("/api/organizations/floor/move", {"parent": "client-b"}, "application/json")
    changed = client.patch("/api/organizations/floor", {"name": "Roof", "customIntegrations": False}, "application/json").json()
    assert (changed["name"], changed["parent"]["slug"], changed["customIntegrations"]) == ("Roof", "client-b", False)
    assert [row["slug"] for row in client.get("/api/organizations?q=roof").json()["_embedded"]["organization"]] == ["floor"]
    assert client.delete("/api/organizations/floor").status_code == 204
    assert client.get("/api/organizations/floor").status_code == 404


def test_api_tells_nobody_of_a_parent_whom_they_do_not_see(carol: User) -> None:
    rows = signed_in(carol).get("/api/organizations").json()["_embedded"]["organization"]
    assert [(row["slug"], row["parent"]) for row in rows] == [("client-a", None)]


def test_page_tells_nobody_of_a_parent_whom_they_do_not_see(carol: User) -> None:
    client = signed_in(carol)
    for url in (reverse("organization-list"), reverse("organization-search"), reverse("organization-detail", args=["client-a"])):
        assert "Managed Services" not in client.get(url).content.decode()
