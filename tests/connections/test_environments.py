"""Environments: production by default, others by organization; connections in each (a.9, row 91)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from actions import runs
from connections import services
from connections.models import Connection
from integrations.models import AuditEntry, Environment, Integration, Organization
from integrations.organizations import environments
from integrations.refusals import Conflict, Invalid
from tests.cast import Cast, MakeIntegration, action_of
from tests.pages import signed_in, text


@pytest.fixture
def sandbox(cast: Cast) -> Environment:
    return environments.create(organization=cast.msp, name="Sandbox")


def connect(integration: Integration, cast: Cast, name: str, environment: str | None) -> Connection:
    return services.create(
        organization=cast.client_a, user=cast.carol, integration=integration, name=name, credentials={}, environment=environment
    )


def slugs(organization: Organization) -> list[str]:
    return [one.slug for one in environments.known_to(organization)]


def test_a9_91_environments_are_production_everywhere_and_others_where_they_are_made_and_below(sandbox: Environment, cast: Cast) -> None:
    environments.create(organization=cast.client_a, name="Acceptance test")
    assert {place.slug: slugs(place) for place in (cast.msp, cast.client_a, cast.client_b, cast.stranger_org)} == {
        "managed-services": ["production", "sandbox"],
        "client-a": ["production", "acceptance-test", "sandbox"],
        "client-b": ["production", "sandbox"],
        "stranger": ["production"],
    }


def test_a9_91_each_environment_has_connections_and_a_default_of_its_own(
    sandbox: Environment, make_integration: MakeIntegration, cast: Cast
) -> None:
    integration = make_integration()
    made = [connect(integration, cast, name, where) for name, where in (("Main", None), ("Main", "sandbox"), ("Second", "Sandbox"))]
    assert [(row.environment, row.is_default) for row in made] == [("production", True), ("sandbox", True), ("sandbox", False)]
    services.change(connection=made[2], is_default=True)
    assert [Connection.objects.get(pk=row.pk).is_default for row in made] == [True, False, True]
    with pytest.raises(Invalid) as refusal:
        connect(integration, cast, "Main", "staging")
    assert refusal.value.errors == {"environment": ["Client A has no environment staging. Use one of: production, sandbox."]}
    with pytest.raises(Invalid):
        connect(integration, cast, "Main", "sandbox")


def test_environment_is_chosen_on_the_connect_page_where_there_are_several(make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration()
    carol = signed_in(cast.carol)
    url = reverse("connection-new", args=[integration.slug])
    assert "environment" not in carol.get(url).context["form"].fields
    environments.create(organization=cast.msp, name="Sandbox")
    assert carol.get(url).context["form"].fields["environment"].choices == [("production", "Production"), ("sandbox", "Sandbox")]
    assert carol.post(url, {"name": "Try", "environment": "sandbox"}).status_code == 302
    carol.post(url, {"name": "Main", "environment": "production"})
    listed = reverse("connection-list")
    shown = {
        where: [row.name for row in carol.get(listed, {"environment": where}).context["page"]]
        for where in ("", "production", "sandbox", "x")
    }
    assert shown == {"": ["Main", "Try"], "production": ["Main"], "sandbox": ["Try"], "x": []}


def test_api_makes_and_filters_connections_by_environment_and_moves_none(
    sandbox: Environment, make_integration: MakeIntegration, cast: Cast
) -> None:
    integration = make_integration()
    carol = signed_in(cast.carol)
    made = carol.post("/api/connections", {"integration": integration.slug, "name": "Try", "environment": "sandbox"}, "application/json")
    assert made.json()["environment"] == "sandbox"
    connect(integration, cast, "Main", None)
    assert [row["name"] for row in carol.get("/api/connections", {"environment": "sandbox"}).json()] == ["Try"]
    path = made["Location"]
    assert carol.patch(path, {"environment": "sandbox", "name": "Trial"}, "application/json").json()["name"] == "Trial"
    assert carol.patch(path, {"environment": "production"}, "application/json").json()["errors"] == [
        {"field": "environment", "message": "A connection cannot be moved. Create a new one."}
    ]


def test_runs_say_in_which_environment_they_were(sandbox: Environment, make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration()
    carol = signed_in(cast.carol)
    for name, where in (("Main", None), ("Try", "sandbox")):
        connection = connect(integration, cast, name, where)
        runs.start(action=action_of(integration), connection=connection, user=cast.carol, inputs={}, hand_over=False)
    listed = {where: len(carol.get("/api/runs", {"environment": where}).json()) for where in ("production", "sandbox", "x")}
    assert listed == {"production": 1, "sandbox": 1, "x": 0}
    [document] = carol.get("/api/runs", {"environment": "sandbox"}).json()
    assert document["environment"] == "sandbox"
    assert "Environment sandbox" in text(carol.get(reverse("run-detail", args=[document["id"]])))
    assert ">sandbox</span>" in carol.get(reverse("run-list")).content.decode()


def test_environment_with_connections_is_not_deleted(sandbox: Environment, make_integration: MakeIntegration, cast: Cast) -> None:
    connection = connect(make_integration(), cast, "Try", "sandbox")
    with pytest.raises(Conflict) as refusal:
        environments.delete(environment=sandbox)
    assert refusal.value.message == "1 connection is in Sandbox. Delete it first."
    services.delete(connection=connection)
    environments.delete(environment=sandbox)
    assert Environment.objects.count() == 0


def test_admins_add_and_delete_environments_on_the_organizations_page(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    page = reverse("organization-detail", args=["client-a"])
    assert "Environments Environment Slug From Delete Production production" in text(alice.get(page))
    refused = alice.post(reverse("environment-new", args=["client-a"]), {"name": "Production"})
    assert (refused.status_code, "Client A has an environment production already." in text(refused)) == (422, True)
    alice.post(reverse("environment-new", args=["client-a"]), {"name": "Sandbox"})
    made = Environment.objects.get()
    assert (made.organization, made.slug) == (cast.client_a, "sandbox")
    alice.post(reverse("environment-delete", args=["client-a", made.pk]))
    assert Environment.objects.count() == 0
    assert list(AuditEntry.objects.filter(object_name="Sandbox").order_by("pk").values_list("actor_name", "verb")) == [
        ("Alice", "environment created"),
        ("Alice", "environment deleted"),
    ]


def test_api_lists_adds_and_deletes_environments(sandbox: Environment, cast: Cast) -> None:
    alice = signed_in(cast.alice)
    path = "/api/organizations/client-a/environments"
    assert alice.post(path, {"name": "Test"}, "application/json").json() == {"slug": "test", "name": "Test", "organization": "client-a"}
    assert signed_in(cast.dave).get(path).json() == [
        {"slug": "production", "name": "Production", "organization": None},
        {"slug": "sandbox", "name": "Sandbox", "organization": "managed-services"},
        {"slug": "test", "name": "Test", "organization": "client-a"},
    ]
    assert [alice.delete(f"{path}/{slug}").status_code for slug in ("test", "sandbox", "production")] == [204, 404, 404]
