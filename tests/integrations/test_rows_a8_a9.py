"""The rows of the checklist on states (a.8) and on organizations and installs (a.9), one test each; those on mapping are with mappings,
on environments and modes in tests/connections, on shares in tests/integrations/sharing.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from actions import services as actions
from connections import services as connections
from connections.models import Connection
from integrations import services as integrations
from integrations.models import Integration, Organization, User
from integrations.models.integration import Status
from integrations.organizations import tree
from integrations.refusals import Conflict
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.pages import signed_in, text

KEY = {"type": "apikey", "apiKeyName": "X-Key", "apiKeyLocation": "header"}


def installable(integration: Integration, *organizations: Organization) -> list[str]:
    return [place.slug for place in organizations if Integration.objects.installable_by(place).filter(pk=integration.pk).exists()]


def refusal(act: Any, **values: Any) -> str:
    with pytest.raises(Conflict) as error:
        act(**values)
    return error.value.message


def connect(integration: Integration, cast: Cast, **values: Any) -> Connection:
    return connections.create(
        **{"organization": cast.client_a, "user": cast.carol, "integration": integration, "name": "Main", "credentials": {}, **values}
    )


# --- a.8 ---------------------------------------------------------------------------------------------------------------


def test_a8_74_draft_can_be_edited_and_cannot_be_installed(make_integration: MakeIntegration, cast: Cast) -> None:
    draft = make_integration(status="draft")
    assert actions.add(integration=draft, values=action_values(name="Another", path="/others")).key == "another"
    assert installable(draft, cast.msp, cast.client_a) == []
    assert refusal(connect, integration=draft, cast=cast).endswith("It is a draft: finalize and publish it first.")


def test_a8_75_finalizing_is_one_way(make_integration: MakeIntegration) -> None:
    assert refusal(integrations.set_status, integration=make_integration(), status="draft") == (
        "Once finalized, an integration cannot become a draft again. Set it to hidden to keep it from being installed."
    )


def test_a8_76_published_is_installable_by_the_own_organization_and_all_below(make_integration: MakeIntegration, cast: Cast) -> None:
    deep = tree.create(parent=cast.client_a, name="Deep")
    places = (cast.msp, cast.client_a, cast.client_b, deep, cast.stranger_org)
    assert installable(make_integration(), *places) == ["managed-services", "client-a", "client-b", "deep"]
    assert installable(make_integration(name="Of A", organization=cast.client_a), *places) == ["client-a", "deep"]


def test_a8_77_hidden_is_not_installable_and_can_be_edited(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration()
    make_connection(integration)
    integrations.set_status(integration=integration, status=Status.HIDDEN)
    assert installable(integration, cast.msp, cast.client_a) == []
    assert integrations.change_definition(integration=integration, headers={"X-A": "1"}).definition.headers == {"X-A": "1"}
    assert Connection.objects.usable_by(cast.carol).count() == 1  # what is connected goes on working


def test_a8_78_deprecated_tells_who_uses_it_and_lets_nobody_new_connect(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration()
    make_connection(integration)
    integrations.set_status(integration=integration, status=Status.DEPRECATED)
    assert installable(integration, cast.msp, cast.client_a) == []
    page = text(signed_in(cast.carol).get(reverse("integration-detail", args=[integration.slug])))
    assert "Deprecated by Managed Services: what is connected goes on working, nothing new can be connected." in page


def test_a8_79_delete_needs_that_all_organizations_have_uninstalled(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration()
    make_connection(integration)
    make_connection(integration, organization=cast.client_b, user=cast.alice)
    assert refusal(integrations.delete, integration=integration).startswith("2 connections use this integration.")
    carol, alice = signed_in(cast.carol), signed_in(cast.alice, cast.client_b)
    url = reverse("integration-uninstall", args=[integration.slug])
    assert "Client A is connected with Main" in text(carol.get(url))
    assert "Sample is uninstalled from Client A. Mappings are kept." in text(carol.post(url, follow=True))
    assert refusal(integrations.delete, integration=integration).startswith("1 connection uses this integration.")
    answer = alice.delete(f"/api/integrations/{integration.slug}/connections?organization=client-b")
    assert (answer.status_code, answer.json()) == (200, {"messages": []})
    integrations.delete(integration=integration)
    assert Integration.objects.count() == 0


def test_a8_80_beta_is_shown_where_people_choose(make_integration: MakeIntegration, cast: Cast) -> None:
    integrations.update(integration=make_integration(), is_beta=True)
    page = signed_in(cast.carol).get(reverse("integration-list")).content.decode()
    assert page.count(">Beta</span>") == 1


@pytest.mark.parametrize(
    ("policy", "may"), [("allow", ["managed-services", "client-a"]), ("ask", ["managed-services"]), ("deny", ["managed-services"])]
)
def test_a8_81_sharing_policy_says_who_below_can_connect(
    make_integration: MakeIntegration, cast: Cast, policy: str, may: list[str]
) -> None:
    integration = integrations.update(integration=make_integration(), sharing=policy)
    assert installable(integration, cast.msp, cast.client_a) == may
    seen = Integration.objects.offered_to(cast.client_a).filter(pk=integration.pk).exists()
    assert seen is (policy != "deny")


@pytest.mark.parametrize("change", [{"key": "other"}, {"method": "POST"}, {"path": "/other"}])
def test_a8_82_frozen_are_key_method_and_path_of_actions(make_integration: MakeIntegration, change: dict[str, str]) -> None:
    action = action_of(make_integration())
    assert refusal(actions.change, action=action, values=change).startswith("Locked since the integration was finalized")
    assert actions.change(action=action, values={"description": "Everybody"}).description == "Everybody"


def test_a8_82_frozen_is_the_method_of_authentication(make_integration: MakeIntegration) -> None:
    said = refusal(integrations.change_definition, integration=make_integration(auth=KEY), auth={"type": "basic"})
    assert said.startswith("The authentication method is locked since the integration was finalized: it stays apikey.")


# --- a.9 ---------------------------------------------------------------------------------------------------------------


def test_a9_83_defaults_of_the_integration_are_used_by_connections_that_enter_none(make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration(auth=KEY)
    connections.set_default_credentials(integration=integration, secrets={"apiKey": "of-the-owner"})
    page = signed_in(cast.carol).get(reverse("connection-new", args=[integration.slug]))
    assert "Leave empty to use the one that comes with the integration." in text(page)
    assert "of-the-owner" not in page.content.decode()
    assert connect(integration, cast).name == "Main"


def test_a9_84_each_organization_has_credentials_of_its_own_several_named_and_one_default(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration(auth=KEY)
    made = [make_connection(integration, name=name, credentials={"apiKey": name}) for name in ("First", "Second")]
    other = make_connection(integration, name="First", credentials={"apiKey": "b"}, organization=cast.client_b, user=cast.alice)
    assert [row.is_default for row in (*made, other)] == [True, False, True]
    signed_in(cast.carol).post(reverse("connection-default", args=[made[1].pk]))
    rows = Connection.objects.order_by("created_at").values_list("organization__slug", "name", "is_default")
    assert list(rows) == [("client-a", "First", False), ("client-a", "Second", True), ("client-b", "First", True)]


def people_that_see(connection: Connection, *people: User) -> list[str]:
    return [user.username for user in people if Connection.objects.visible_to(user).filter(pk=connection.pk).exists()]


def test_a9_84_organizations_beside_each_other_see_nothing_of_the_others_connections(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    connection = make_connection(make_integration(), organization=cast.client_b, user=cast.alice)
    assert people_that_see(connection, cast.alice, cast.bob, cast.carol, cast.dave, cast.eve) == ["alice", "bob"]
