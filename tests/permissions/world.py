"""Who asks for what in the test of permissions: a middle organization, everything that an address can name, and nine people.

msp               parent (admin)
  client_a        viewer, operator, builder, admin; owns the integration, the connection, the run …
    branch        child (admin)
stranger_org      stranger (admin)
                  superuser, and anonymous
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.utils import timezone

from actions import runs
from actions.models import Import, Run, RunWebhook, Schedule, Trigger
from actions.run_webhooks import services as webhooks
from actions.schedules import services as schedules
from actions.schedules.timing import Timing
from actions.triggers import services as triggers
from connections.agents import services as agents
from connections.models import AgentInstance, Connection, Delivery, LoggedRequest, WebhookEvent
from connections.webhooks import endpoints
from connections.webhooks.endpoints import Change
from integrations import services as integrations
from integrations.access import applications, tokens
from integrations.models import (
    Environment,
    InstallRequest,
    Integration,
    IntegrationTemplate,
    Invitation,
    Membership,
    Organization,
    PersonalToken,
    Role,
    Team,
    User,
)
from integrations.organizations import environments, members
from integrations.sharing import services as sharing
from integrations.sharing import teams
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, member
from tests.pages import signed_in

ACTORS = ("anonymous", "stranger", "viewer", "operator", "builder", "admin", "parent", "child", "superuser")


@dataclass
class World:
    organization: Organization
    integration: Integration
    connection: Connection
    run: Run
    schedule: Schedule
    document: Import
    membership: Membership
    invitation: Invitation
    asked: InstallRequest
    logged: LoggedRequest
    token: PersonalToken
    application: Any
    machine: AgentInstance
    event: WebhookEvent
    trigger: Trigger
    team: Team
    environment: Environment
    webhook: RunWebhook
    clients: dict[str, Client] = field(default_factory=dict)


def make_world(cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection) -> World:
    """Everything of one kind once. The integration calls an address that the network guard refuses at once."""
    here = cast.client_a
    branch = Organization.objects.create(name="Branch", parent=here)
    people = {
        "stranger": cast.eve,
        "viewer": cast.dave,
        "operator": cast.carol,
        "builder": member("builder", here, Role.BUILDER),
        "admin": member("admin", here, Role.ADMIN),
        "parent": cast.alice,
        "child": member("child", branch, Role.ADMIN),
        "superuser": User.objects.create_superuser("root"),
    }
    IntegrationTemplate.objects.create(key=TEMPLATE, name="Sample", imported_at=timezone.now())
    integration = make_integration(
        organization=here, user=people["builder"], base_uri="https://127.0.0.1:9", ping={"method": "GET", "uri": "/"}
    )
    connection = make_connection(integration)
    run = runs.start(
        action=action_of(integration),
        connection=connection,
        user=people["operator"],
        inputs={},
        page_size=None,
        max_pages=1,
        hand_over=False,
    )
    schedule = schedules.save(
        schedule=None, action=action_of(integration), connection=connection, user=people["operator"], timing=Timing(minutes=60)
    )
    webhook, _ = webhooks.add(organization=here, user=people["operator"], url="https://hooks.example.com/", name="Warehouse")
    Delivery.objects.create(target=webhook.target, message_id="msg_1", kind="run.finished", body=b"{}", state=Delivery.State.FAILED)
    endpoint, _ = endpoints.open_endpoint(
        connection=connection, user=people["operator"], change=Change(preset="github", forward_url="https://127.0.0.1:9/")
    )
    trigger = triggers.save(trigger=None, endpoint=endpoint, action=action_of(integration), user=people["operator"], inputs={})
    event = WebhookEvent.objects.create(endpoint=endpoint, method="POST", body=b"{}", size=2, verdict="verified", state="done")
    integrations.open_draft(integration=integration)
    somebody = member("somebody", here, Role.VIEWER)
    team = teams.create(organization=here, name="Help desk", members=["somebody"])
    sharing.share(integration=integration, principal=team, user=people["admin"])
    return World(
        team=team,
        webhook=webhook,
        event=event,
        trigger=trigger,
        environment=environments.create(organization=here, name="Sandbox"),
        organization=here,
        integration=integration,
        connection=connection,
        run=run,
        schedule=schedule,
        document=Import.objects.create(organization=here, created_by=people["builder"], kind="text", source="Pasted text"),
        membership=Membership.objects.get(user=somebody, organization=here),
        logged=LoggedRequest.objects.create(
            connection=connection, at=timezone.now(), method="GET", url="https://127.0.0.1:9/", elapsed_ms=1, cause="address"
        ),
        asked=InstallRequest.objects.create(integration=integration, organization=branch),
        token=tokens.create(user=people["builder"], name="Script", scopes=["api"], expires_at=None)[0],
        application=applications.create(user=people["builder"], name="Script", kind="script", redirect_uris=[], scopes=["api"])[0],
        machine=AgentInstance.objects.create(
            agent=agents.create(organization=here, user=people["admin"], name="Head office"), public_key="", server_key_sealed=""
        ),
        invitation=members.invite(organization=here, user=people["admin"], role=Role.VIEWER),
        clients={"anonymous": Client(), **{name: signed_in(person, here) for name, person in people.items()}},
    )


# What the arguments of an address stand for: by the beginning of the route and the argument's name, the first that fits.
TEMPLATE = "sample"  # the key of a template, which belongs to nobody
ARGUMENTS: list[tuple[str, str, Callable[[World], Any]]] = [
    ("account/access/tokens/", "pk", lambda world: world.token.pk),
    ("api/imports/", "key", lambda world: world.document.pk),
    ("api/tokens/", "key", lambda world: world.token.pk),
    ("account/access/", "pk", lambda world: world.application.pk),
    ("api/applications/", "key", lambda world: world.application.pk),
    ("api/authorized-applications/", "key", lambda world: world.application.pk),
    ("integrations/import/", "pk", lambda world: world.document.pk),
    ("integrations/requests/", "pk", lambda world: world.asked.pk),
    ("api/install-requests/", "pk", lambda world: world.asked.pk),
    ("integrations/templates/", "key", lambda _: TEMPLATE),
    ("api/integration-templates/", "key", lambda _: TEMPLATE),
    ("integrations/", "slug", lambda world: world.integration.slug),
    ("api/integrations/", "key", lambda world: world.integration.slug),
    ("integration/", "key", lambda world: world.integration.slug),
    ("connections/", "pk", lambda world: world.connection.pk),
    ("api/connections/", "key", lambda world: world.connection.pk),
    ("requests/", "pk", lambda world: world.logged.pk),
    ("api/requests/", "pk", lambda world: world.logged.pk),
    ("hooks/", "token", lambda _: "nobody-knows"),
    ("webhooks/actions/", "pk", lambda world: world.trigger.pk),
    ("webhooks/", "pk", lambda world: world.event.pk),
    ("api/webhooks/", "key", lambda world: world.event.pk),
    ("api/triggers/", "key", lambda world: world.trigger.pk),
    ("agents/machines/", "pk", lambda world: world.machine.pk),
    ("agents/", "pk", lambda world: world.machine.agent_id),
    ("api/agents/", "key", lambda world: world.machine.agent_id),
    ("api/agent-machines/", "key", lambda world: world.machine.pk),
    ("runs/webhooks/", "pk", lambda world: world.webhook.pk),
    ("runs/webhooks/", "delivery", lambda world: world.webhook.target.deliveries.get().pk),
    ("api/run-webhooks/", "key", lambda world: world.webhook.pk),
    ("api/run-webhooks/", "delivery", lambda world: world.webhook.target.deliveries.get().pk),
    ("runs/schedules/", "pk", lambda world: world.schedule.pk),
    ("runs/", "pk", lambda world: world.run.pk),
    ("api/schedules/", "key", lambda world: world.schedule.pk),
    ("api/runs/", "key", lambda world: world.run.pk),
    ("api/actions/", "key", lambda world: action_of(world.integration).uid),
    ("organizations/<slug:slug>/members/", "pk", lambda world: world.membership.pk),
    ("organizations/<slug:slug>/invitations/", "pk", lambda world: world.invitation.pk),
    ("organizations/<slug:slug>/environments/", "pk", lambda world: world.environment.pk),
    ("", "environment", lambda world: world.environment.slug),
    ("organizations/", "slug", lambda world: world.organization.slug),
    ("api/organizations/<str:key>/invitations/", "pk", lambda world: world.invitation.pk),
    ("api/organizations/", "key", lambda world: world.organization.slug),
    ("invitations/", "token", lambda world: world.invitation.token),
    ("", "username", lambda world: world.membership.user.username),
    ("", "principal", lambda world: f"team:{world.team.slug}"),
    ("", "team", lambda world: world.team.slug),
    ("", "uid", lambda world: action_of(world.integration).uid),
    ("", "step", lambda _: "details"),
    ("", "number", lambda _: 1),
    ("", "form", lambda _: "csv"),
]
