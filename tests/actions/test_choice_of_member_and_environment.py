"""Which connection is used, where an integration is connected per user, and in which environment: lines of the same walk."""

from __future__ import annotations

import pytest
from django.urls import reverse

from actions import runs
from connections import services as connections
from connections.choosing.walk import choose
from connections.models import Connection
from integrations import services as integrations
from integrations.models import Integration, Organization, User
from integrations.organizations import environments
from integrations.refusals import Conflict
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of
from tests.pages import signed_in, text


def walked(
    organization: Organization, integration: Integration, user: User | None, environment: str = "production"
) -> list[tuple[str, bool, str]]:
    choice = choose(organization=organization, integration=integration, user=user, environment=environment)
    return [(step.rule, step.taken, step.why) for step in choice.steps]


@pytest.fixture
def per_user(make_integration: MakeIntegration) -> Integration:
    return integrations.update(integration=make_integration(), extra={"mode": "per-user"})


def test_per_user_means_the_members_own_default_and_nobody_elses(
    per_user: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    make_connection(per_user, name="Of Carol")
    assert walked(cast.client_a, per_user, cast.carol) == [
        ("default", True, "It is the default of Carol in Client A. Sample is connected per user.")
    ]
    assert walked(cast.client_a, per_user, cast.alice)[0] == (
        "default", False, "Alice in Client A has no connection of its own. Sample is connected per user.",
    )  # fmt: skip
    assert walked(cast.client_a, per_user, None)[0] == (
        "default", False, "Whoever asks in Client A has no connection of its own. Sample is connected per user.",
    )  # fmt: skip


def test_another_members_connection_is_refused_also_when_it_is_named(
    per_user: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    connection = make_connection(per_user)
    choice = choose(organization=cast.client_a, integration=per_user, user=cast.alice, named=connection)
    assert choice.problem == "It belongs to one member alone: Sample is connected per user."


def test_one_environment_is_looked_in_and_the_steps_say_so(make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration()
    environments.create(organization=cast.msp, name="Sandbox")

    def connect(organization: Organization, name: str, environment: str, below: str = "nobody") -> Connection:
        return connections.create(
            organization=organization,
            user=cast.alice,
            integration=integration,
            name=name,
            credentials={},
            environment=environment,
            below=below,
        )

    trial = connect(cast.client_a, "Trial", "sandbox")
    assert walked(cast.client_a, integration, cast.alice, "sandbox") == [("default", True, "It is the default of Client A in sandbox.")]
    assert walked(cast.client_a, integration, cast.alice)[0] == ("default", False, "Client A has no connection of its own.")
    assert walked(cast.client_b, integration, cast.alice, "sandbox")[0] == (
        "default", False, "Client B has no connection of its own in sandbox.",
    )  # fmt: skip
    shared = connect(cast.msp, "For all", "sandbox", below="everybody")
    found = choose(organization=cast.client_b, integration=integration, user=cast.alice, environment="sandbox")
    assert found.connection == shared
    named = choose(organization=cast.client_a, integration=integration, user=cast.alice, named=trial)
    assert named.connection == trial  # one that is named may be of any environment


def test_runs_name_an_environment_instead_of_a_connection(make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration()
    environments.create(organization=cast.msp, name="Sandbox")
    action = action_of(integration)
    made = {
        where: connections.create(
            organization=cast.client_a, user=cast.carol, integration=integration, name=where, credentials={}, environment=where
        )
        for where in ("production", "sandbox")
    }
    carol = signed_in(cast.carol)
    for where, expected in ((None, "production"), ("sandbox", "sandbox")):
        body = {"action": str(action.uid), **({"environment": where} if where else {})}
        answer = carol.post("/api/runs", body, "application/json").json()
        assert (answer["environment"], answer["connection"]) == (expected, str(made[expected].pk))
    with pytest.raises(Conflict):
        runs.start(action=action, connection=made["production"], user=cast.carol, inputs={}, environment="sandbox", hand_over=False)


def test_page_and_api_explain_the_choice_for_an_environment(make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration()
    environments.create(organization=cast.msp, name="Sandbox")
    connections.create(
        organization=cast.client_a, user=cast.carol, integration=integration, name="Trial", credentials={}, environment="sandbox"
    )
    carol = signed_in(cast.carol)
    url = reverse("integration-choice", args=[integration.slug])
    assert "It is the default of Client A in sandbox." in text(carol.get(url, {"organization": "client-a", "environment": "sandbox"}))
    assert "Client A has no connection of its own." in text(carol.get(url, {"organization": "client-a"}))
