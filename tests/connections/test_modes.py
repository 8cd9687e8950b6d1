"""Mode of an integration: one connection for all members, or one for each; what each member sees and uses (a.9, row 93)."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from actions import runs
from actions.models import Run
from connections import services
from connections.models import Connection
from integrations import services as integrations
from integrations.models import Integration, Membership, Role, User
from integrations.refusals import Conflict, Invalid
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, member
from tests.pages import signed_in, text


@pytest.fixture
def per_user(make_integration: MakeIntegration) -> Integration:
    return integrations.update(integration=make_integration(), extra={"mode": "per-user"})


@pytest.fixture
def anna(cast: Cast) -> User:
    return member("anna", cast.client_a, Role.ADMIN)


def names(rows: Any) -> list[str]:
    return sorted(row.name for row in rows)


def test_a9_93_shared_is_one_connection_that_all_members_see_and_use(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast, anna: User
) -> None:
    connection = make_connection(make_integration())
    assert connection.owner is None
    assert {user.username: names(Connection.objects.usable_by(user)) for user in (cast.carol, anna, cast.dave)} == {
        "carol": ["Main"],
        "anna": ["Main"],
        "dave": [],
    }
    assert names(Connection.objects.visible_to(cast.dave)) == ["Main"]


def test_a9_93_per_user_is_a_connection_of_each_member_that_nobody_else_uses_or_sees_but_admins_that_it_is_there(
    per_user: Integration, make_connection: MakeConnection, cast: Cast, anna: User
) -> None:
    olga = member("olga", cast.client_a, Role.OPERATOR)
    for user in (cast.carol, olga):
        made = make_connection(per_user, name=f"Of {user}", user=user)
        assert (made.owner, made.is_default) == (user, True)  # each has a default of their own
    assert {user.username: names(Connection.objects.usable_by(user)) for user in (cast.carol, olga, anna, cast.alice)} == {
        "carol": ["Of Carol"],
        "olga": ["Of Olga"],
        "anna": [],
        "alice": [],
    }
    assert {user.username: names(Connection.objects.visible_to(user)) for user in (cast.carol, olga, anna, cast.dave, cast.bob)} == {
        "carol": ["Of Carol"],
        "olga": ["Of Olga"],
        "anna": ["Of Carol", "Of Olga"],
        "dave": [],
        "bob": [],
    }


def test_two_members_may_give_their_connections_the_same_name(per_user: Integration, make_connection: MakeConnection, cast: Cast) -> None:
    make_connection(per_user, name="Mine")
    make_connection(per_user, name="Mine", user=cast.alice)
    with pytest.raises(Invalid):
        make_connection(per_user, name="Mine", user=cast.alice)


def test_admin_sees_and_deletes_but_neither_tests_nor_runs_another_members_connection(
    per_user: Integration, make_connection: MakeConnection, anna: User
) -> None:
    connection = make_connection(per_user)
    client = signed_in(anna, connection.organization)
    page = client.get(reverse("connection-detail", args=[connection.pk]))
    assert (page.context["may_use"], page.context["may_delete"]) == (False, True)
    assert "Sample is connected per user: nobody else can use it." in text(page)
    path = f"/api/connections/{connection.pk}"
    assert [
        client.post(f"{path}/test", {}, "application/json").status_code,
        client.patch(path, {"name": "x"}, "application/json").status_code,
    ] == [403, 403]
    run = {"action": str(action_of(per_user).uid), "connection": str(connection.pk)}
    assert client.post("/api/runs", run, "application/json").status_code == 403
    assert client.delete(path).status_code == 204


def test_runs_with_a_members_own_connection_are_the_members_alone(
    per_user: Integration, make_connection: MakeConnection, cast: Cast, anna: User
) -> None:
    connection = make_connection(per_user)
    run = runs.start(action=action_of(per_user), connection=connection, user=cast.carol, inputs={}, hand_over=False)
    assert {user.username: list(Run.objects.visible_to(user)) for user in (cast.carol, anna, cast.dave)} == {
        "carol": [run],
        "anna": [],
        "dave": [],
    }
    assert signed_in(anna).get(reverse("run-detail", args=[run.pk])).status_code == 404


def test_connect_over_the_api_means_the_callers_own_connection(per_user: Integration, cast: Cast) -> None:
    Membership.objects.create(user=cast.alice, organization=cast.client_a, role=Role.OPERATOR)
    path, body = f"/api/integrations/{per_user.slug}/connect", {"organization": cast.client_a.slug}
    made = {user.username: signed_in(user).post(path, body, "application/json").json() for user in (cast.carol, cast.alice)}
    again = signed_in(cast.carol).post(path, body, "application/json").json()
    assert {name: document["owner"] for name, document in made.items()} == {"carol": "carol", "alice": "alice"}
    assert (made["carol"]["id"] == again["id"], made["carol"]["id"] == made["alice"]["id"]) == (True, False)


def test_pages_list_for_each_member_what_is_theirs(per_user: Integration, make_connection: MakeConnection, cast: Cast, anna: User) -> None:
    make_connection(per_user, name="Of Carol")
    make_connection(per_user, name="Of Anna", user=anna)
    url = reverse("integration-detail", args=[per_user.slug])
    said = {user.username: names(signed_in(user, cast.client_a).get(url).context["connections"]) for user in (cast.carol, anna, cast.dave)}
    assert said == {"carol": ["Of Carol"], "anna": ["Of Anna", "Of Carol"], "dave": []}
    assert "each member connects with an account of their own" in text(signed_in(cast.carol).get(url))


def test_deleting_a_person_deletes_their_own_connections_and_never_makes_them_everybodys(
    per_user: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    make_connection(per_user)
    cast.carol.delete()
    assert Connection.objects.count() == 0


def test_mode_is_set_in_the_wizard_and_over_the_api_and_locked_while_somebody_is_connected(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration()
    bob = signed_in(cast.bob)
    url = reverse("wizard-step", args=[integration.slug, "details"])
    assert bob.post(url, {"name": "Sample", "mode": "per-user"}).status_code == 302
    path = f"/api/integrations/{integration.slug}"
    assert bob.get(path).json()["mode"] == "per-user"
    assert bob.put(path, {"mode": "both"}, "application/json").json()["errors"] == [
        {"field": "mode", "message": "both is no mode. Use one of: shared, per-user."}
    ]
    integration.refresh_from_db()
    make_connection(integration)
    refused = bob.put(path, {"mode": "shared"}, "application/json")
    assert (refused.status_code, refused.json()["detail"].split(":")[0]) == (409, "The mode is locked while somebody is connected")
    assert bob.get(url).context["form"].fields["mode"].disabled is True
    assert bob.post(url, {"name": "Renamed"}).status_code == 302  # the rest stays editable
    assert bob.get(path).json()["mode"] == "per-user"
    with pytest.raises(Conflict):
        integrations.update(integration=Integration.objects.get(), extra={})


def test_default_of_one_member_leaves_that_of_another(per_user: Integration, make_connection: MakeConnection, cast: Cast) -> None:
    first = make_connection(per_user, name="First")
    other = make_connection(per_user, name="Of Alice", user=cast.alice)
    second = make_connection(per_user, name="Second")
    services.change(connection=second, is_default=True)
    assert dict(Connection.objects.values_list("name", "is_default")) == {first.name: False, other.name: True, second.name: True}
