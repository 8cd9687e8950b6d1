"""Something to click: three client organizations, a sample vendor, its published integration, a connection, a finished run."""

from __future__ import annotations

import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from actions import fetching, finalize, importing, runs
from actions.models import Action
from connections import services as connections
from connections import trials
from demo.vendor.app import application
from demo.vendor.server import Server
from demo.vendor.settings import Settings
from integrations import services as integrations
from integrations.models import Integration, Membership, Organization, Role, User
from integrations.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = ("Client North", "Client South", "Client West")
OPERATOR = "north"  # may connect and run in the first client organization
RUN_ACTION = "/devices"


class Command(BaseCommand):
    help = "Make the demo's organizations, integration, connection and run. Does nothing where they are there already."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--vendor-port", type=int, default=8090, help="where the sample vendor listens (default 8090)")

    def handle(self, *args: Any, **options: Any) -> None:
        top = Organization.objects.filter(parent=None).order_by("created_at").first()
        admin = User.objects.filter(memberships__organization=top, memberships__role=Role.ADMIN).first()
        if top is None or admin is None:
            raise CommandError("There is no admin yet. Run it by: make demo")
        clients = [self._client(top, name) for name in CLIENTS]
        self._operator(clients[0])
        if Integration.objects.filter(category="demo").exists():
            return
        with vendor(options["vendor_port"]) as url:
            try:
                self._integrate(url, top=top, client=clients[0], admin=admin)
            except Refusal as refusal:
                raise CommandError(f"The demo could not be made. {refusal.message}") from None

    def _client(self, top: Organization, name: str) -> Organization:
        return Organization.objects.filter(parent=top, name=name).first() or Organization.objects.create(parent=top, name=name)

    def _operator(self, client: Organization) -> None:
        if User.objects.filter(username=OPERATOR).exists():
            return
        password = secrets.token_urlsafe(9)
        user = User.objects.create_user(OPERATOR, password=password, display_name=f"Operator of {client}", has_first_password=True)
        Membership.objects.create(user=user, organization=client, role=Role.OPERATOR)
        self.stdout.write(f'A user of {client} is "{OPERATOR}", with the password {password} (shown only now).')

    def _integrate(self, url: str, *, top: Organization, client: Organization, admin: User) -> None:
        document = f"{url}/openapi.json"
        report = importing.import_document(
            data=fetching.fetch(document).data, organization=top, user=admin, source=document, source_url=document
        )
        integration = integrations.update(integration=report.integration, category="demo")
        finalize.finalize(integration=integration, user=admin)
        integration.refresh_from_db()
        integrations.set_status(integration=integration, status=Integration.Status.PUBLISHED)
        connection = connections.create(
            organization=client,
            user=admin,
            integration=integration,
            name="Production",
            credentials={"apiKey": Settings.from_environment().api_key},
        )
        trials.test(connection=connection)
        action = Action.objects.current().get(revision__integration=integration, path=RUN_ACTION, method="GET")
        run = runs.start(action=action, connection=connection, user=admin, inputs={}, page_size=200, max_pages=None, hand_over=False)
        runs.execute(run.pk)
        run.refresh_from_db()
        self.stdout.write(
            f"{integration}: {report.operations} actions imported and published, {client} connected, "
            f"{run.action.name}: {run.record_count} records in {run.page_count} pages, {run.verdict}."
        )


@contextmanager
def vendor(port: int) -> Iterator[str]:
    """The sample vendor, while the demo is made. It listens where it will listen later, because the host becomes part of the integration."""
    try:
        server = Server(application, port=port)
    except OSError as error:
        raise CommandError(
            f"The sample vendor cannot listen on port {port}: {error.strerror}. Name another one: make demo VENDOR_PORT=8091"
        ) from None
    if not settings.EGRESS_ALLOW:
        server.server_close()
        raise CommandError("The sample vendor runs on this machine, and EGRESS_ALLOW does not name it. Run it by: make demo")
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()
