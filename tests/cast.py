"""The cast: an MSP with two clients below it, and a stranger beside them.

msp             alice (admin), bob (builder)
  client_a      carol (operator), dave (viewer)
  client_b
stranger_org    eve (admin), who must see nothing of the others
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from actions import finalize
from actions import services as action_services
from actions.models import Action
from connections import services as connections
from connections.models import Connection
from integrations import services as integrations
from integrations.definition import Definition
from integrations.models import Integration, Membership, Organization, Role, User
from integrations.models.integration import Status

PASSWORD = "correct horse battery"  # of everybody


@dataclass(frozen=True)
class Cast:
    msp: Organization
    client_a: Organization
    client_b: Organization
    stranger_org: Organization
    alice: User
    bob: User
    carol: User
    dave: User
    eve: User


def member(name: str, organization: Organization, role: str) -> User:
    """A user who can sign in with PASSWORD and has a role in an organization."""
    user = User.objects.create_user(name, password=PASSWORD, display_name=name.title())
    Membership.objects.create(user=user, organization=organization, role=role)
    return user


@pytest.fixture
def cast(db: None) -> Cast:
    msp = Organization.objects.create(name="Managed Services")
    client_a = Organization.objects.create(name="Client A", parent=msp)
    client_b = Organization.objects.create(name="Client B", parent=msp)
    stranger_org = Organization.objects.create(name="Stranger")
    return Cast(
        msp=msp,
        client_a=client_a,
        client_b=client_b,
        stranger_org=stranger_org,
        alice=member("alice", msp, Role.ADMIN),
        bob=member("bob", msp, Role.BUILDER),
        carol=member("carol", client_a, Role.OPERATOR),
        dave=member("dave", client_a, Role.VIEWER),
        eve=member("eve", stranger_org, Role.ADMIN),
    )


@pytest.fixture
def msp(cast: Cast) -> Organization:
    return cast.msp


@pytest.fixture
def client_a(cast: Cast) -> Organization:
    return cast.client_a


@pytest.fixture
def client_b(cast: Cast) -> Organization:
    return cast.client_b


@pytest.fixture
def stranger_org(cast: Cast) -> Organization:
    return cast.stranger_org


@pytest.fixture
def alice(cast: Cast) -> User:
    return cast.alice


@pytest.fixture
def bob(cast: Cast) -> User:
    return cast.bob


@pytest.fixture
def carol(cast: Cast) -> User:
    return cast.carol


@pytest.fixture
def dave(cast: Cast) -> User:
    return cast.dave


@pytest.fixture
def eve(cast: Cast) -> User:
    return cast.eve


def action_values(**changed: Any) -> dict[str, Any]:
    """The values of a complete action without parameters."""
    return {"name": "List users", "method": "GET", "path": "/users", **changed}


MakeIntegration = Callable[..., Integration]
MakeConnection = Callable[..., Connection]


@pytest.fixture
def make_integration(cast: Cast) -> MakeIntegration:
    """Make an integration of the MSP by bob: `make_integration(base_uri=vendor.url, auth={...}, pagination={...}, actions=[...])`.

    `status` is what it ends as; anything but a draft is finalized. The other names are those of the definition's JSON.
    """

    def make(
        *,
        name: str = "Sample",
        base_uri: str = "https://api.example.com/v1",
        status: str = Status.PUBLISHED,
        organization: Organization | None = None,
        user: User | None = None,
        actions: list[dict[str, Any]] | None = None,
        **definition: Any,
    ) -> Integration:
        user = user or cast.bob
        integration = integrations.create(
            organization=organization or cast.msp,
            user=user,
            name=name,
            definition=Definition.model_validate(
                {"apiBaseUri": base_uri, "auth": {"type": "none"}, "pagination": {"type": "none"}, **definition}
            ),
        )
        for values in actions or [action_values()]:
            action_services.add(integration=integration, values=values)
        if status != Status.DRAFT:
            finalize.finalize(integration=integration, user=user)
            integration.refresh_from_db()
            integrations.set_status(integration=integration, status=status)
        return integration

    return make


@pytest.fixture
def make_connection(cast: Cast) -> MakeConnection:
    """Connect client A by carol: `make_connection(integration, credentials={...})`."""

    def make(
        integration: Integration,
        *,
        name: str = "Main",
        credentials: dict[str, str] | None = None,
        organization: Organization | None = None,
        user: User | None = None,
        settings: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None,
        **more: Any,
    ) -> Connection:
        return connections.create(
            organization=organization or cast.client_a,
            user=user or cast.carol,
            integration=integration,
            name=name,
            credentials=credentials or {},
            settings=settings,
            limits=limits,
            **more,
        )

    return make


def action_of(integration: Integration, key: str | None = None) -> Action:
    """An action of the revision that connections use: the one with this key, or the first one."""
    current = integration.current
    assert current is not None, "finalize the integration first"
    return current.actions.get(key=key) if key else current.actions.all()[0]
