"""How long lists take for a provider with thousands of clients, against the same lists over ten rows.

    python benchmarks/bench_lists.py [--organizations N] [--connections N] [--integrations N] [--only TEXT]

PostgreSQL is started for it; it has to be installed. Each address is asked as the admin of the topmost organization, who sees everything;
times are medians of RUNS requests through Django's handler, middleware and templates included, the network left out. The aim: under
15 queries, and a median within twice that of ten rows. It ends with 1 where one of them is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.bench_refresh import servers

RUNS = 11
QUERIES = 15
RATIO = 2.0
PAGES = (
    "/integrations/",
    "/integrations/?q=ticket",
    "/integrations/?category=Category+3",
    "/integrations/requests/",
    "/integrations/templates/",
    "/integrations/sample-1/shares/",
    "/integrations/sample-1/history/",
    "/connections/",
    "/connections/?environment=production",
    "/runs/",
    "/runs/?verdict=complete",
    "/organizations/",
    "/organizations/?q=client+7",
    "/organizations/provider/",
    "/organizations/provider/teams/",
    "/account/organization/search/?q=client+7",
    "/audit/",
    "/audit/?kind=share",
    "/api/integrations",
    "/api/integrations?q=ticket",
    "/api/integrations/sample-1/actions",
    "/api/integrations/sample-1/shares",
    "/api/integrations/sample-1/revisions",
    "/api/install-requests",
    "/api/integration-templates",
    "/api/connections",
    "/api/connections?integration=sample-1",
    "/api/runs",
    "/api/organizations",
    "/api/organizations/provider/members",
    "/api/organizations/provider/teams",
    "/api/organizations/provider/environments",
    "/api/audit",
)
DEFINITION = {"apiBaseUri": "https://api.example.com/v1", "auth": {"type": "none"}, "pagination": {"type": "none"}}
BATCH = 1000


@dataclass(frozen=True)
class Taken:
    milliseconds: float
    queries: int


def fill(organizations: int, connections: int, integrations: int) -> None:
    """Add rows until there are so many; a quarter of the organizations is on a third level. Each connection has a run and a line in
    the log; there are as many requests, shares and teams as a provider of that size may have.
    """
    from django.db import connection
    from django.utils import timezone

    from actions.models import Action, Run
    from connections.models import Connection, Credential
    from integrations.models import (
        AuditEntry,
        InstallRequest,
        Integration,
        IntegrationTemplate,
        Membership,
        Organization,
        Revision,
        Role,
        Share,
        Team,
        User,
    )

    top = Organization.objects.get(parent=None)
    parents = list(Organization.objects.filter(parent=top)[:50])
    rows: list[Any] = []
    for number in range(Organization.objects.count(), organizations):
        parent = parents[number % len(parents)] if parents and number % 4 == 0 else top
        pk = uuid.uuid4()
        row = Organization(id=pk, name=f"Client {number:05}", slug=f"client-{number}", parent=parent, path=f"{parent.path}{pk.hex}/")
        rows.append(row)
        if parent is top and len(parents) < 50:
            parents.append(row)
    Organization.objects.bulk_create(rows, batch_size=BATCH)
    people = [User(username=f"person-{row.slug}") for row in rows]
    User.objects.bulk_create(people, batch_size=BATCH)
    Membership.objects.bulk_create(
        [Membership(user=user, organization=row, role=Role.OPERATOR) for user, row in zip(people, rows, strict=True)], batch_size=BATCH
    )
    some = people[: max(1, integrations // 10)]
    Membership.objects.bulk_create([Membership(user=user, organization=top, role=Role.VIEWER) for user in some], batch_size=BATCH)

    start = Integration.objects.count()
    made = [
        Integration(
            organization=top,
            name=f"{'Ticket' if n % 10 == 0 else 'Sample'} {n:04}",
            slug=f"sample-{n}",
            status="published",
            sharing="ask" if n % 20 == 2 else "allow",
            category=f"Category {n % 12}",
        )
        for n in range(start, integrations)
    ]
    Integration.objects.bulk_create(made, batch_size=BATCH)
    revisions = [Revision(integration=row, content=DEFINITION, finalized_at=timezone.now()) for row in made]
    Revision.objects.bulk_create(revisions, batch_size=BATCH)
    Action.objects.bulk_create([Action(revision=row, key="list", name="List", path="/") for row in revisions], batch_size=BATCH)
    IntegrationTemplate.objects.bulk_create(
        [IntegrationTemplate(key=f"key-{row.slug}", name=row.name, content=DEFINITION, imported_at=timezone.now()) for row in made],
        batch_size=BATCH,
    )
    sample = Integration.objects.get(slug="sample-1")
    Share.objects.bulk_create([Share(integration=sample, user=user) for user in people], batch_size=BATCH)
    InstallRequest.objects.bulk_create([InstallRequest(integration=sample, organization=row) for row in rows], batch_size=BATCH)
    held = Team.objects.count()
    teams = [Team(organization=top, name=f"Team {n}", slug=f"team-{n}") for n in range(held, min(200, organizations))]
    Team.objects.bulk_create(teams)

    places = list(Organization.objects.all())
    actions = list(Action.objects.select_related("revision__integration"))
    start = Connection.objects.count()
    linked, used = [], []
    for n in range(start, connections):
        action = actions[n % len(actions)]
        used.append(action)
        linked.append(Connection(organization=places[n % len(places)], integration=action.revision.integration, name=f"Connection {n}"))
    Connection.objects.bulk_create(linked, batch_size=BATCH)
    Credential.objects.bulk_create([Credential(connection=row, sealed="") for row in linked], batch_size=BATCH)
    of_run = {"state": "finished", "verdict": "complete"}
    extra = {"organization"} if hasattr(Run, "organization") else set()
    Run.objects.bulk_create(
        [
            Run(action=action, connection=row, **of_run, **dict.fromkeys(extra, row.organization))
            for action, row in zip(used, linked, strict=True)
        ],
        batch_size=BATCH,
    )
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                organization=row.organization,
                organization_name="x",
                path=row.organization.path,
                kind="connection",
                verb="created",
                object_id=str(row.pk),
                object_name=row.name,
            )
            for row in linked
        ],
        batch_size=BATCH,
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # as autovacuum does within a minute


class Place:
    """One database: the rows of it are looked at while it is the one that Django uses."""

    def __init__(self, name: str) -> None:
        from django.db import connection

        self.name = f"{connection.settings_dict['NAME']}_{name}"

    def make(self) -> None:
        from django.core.management import call_command
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{self.name}"')
        self.use()
        call_command("migrate", verbosity=0)

    def use(self) -> None:
        from django.db import connection

        connection.close()
        connection.settings_dict["NAME"] = self.name

    def sign_in(self) -> None:
        from django.test import Client

        from integrations.models import User

        self.use()
        self.client = Client()
        self.client.force_login(User.objects.get(username="admin"))
        for path in ("/integrations/", "/api/integrations"):
            self.client.get(path)  # what is loaded once

    def queries(self, path: str) -> int:
        """How many a list takes; with BENCH_QUERIES set, the three slowest are printed."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        self.use()
        with CaptureQueriesContext(connection) as found:
            self.client.get(path)
        if os.environ.get("BENCH_QUERIES"):
            for query in sorted(found.captured_queries, key=lambda one: -float(one["time"]))[:3]:
                print(f"    {self.name} {query['time']} s  {query['sql'][:3000]}", file=sys.stderr)
        return len(found)


def take(places: dict[str, Place], path: str) -> dict[str, Taken]:
    """One list in each place, in turn and RUNS times, so that whatever else the machine does slows all of them down alike."""
    times: dict[str, list[float]] = {name: [] for name in places}
    for _ in range(RUNS):
        for name, place in places.items():
            place.use()
            place.client.get(path)  # a new connection to the database has to learn its tables first
            start = time.perf_counter()
            response = place.client.get(path)
            times[name].append((time.perf_counter() - start) * 1000)
            if response.status_code != 200:
                raise SystemExit(f"{path} answered {response.status_code}.")
    return {name: Taken(statistics.median(times[name]), place.queries(path)) for name, place in places.items()}


def start() -> None:
    from integrations.models import Membership, Organization, Role, User

    top = Organization.objects.create(name="Provider")
    Membership.objects.create(user=User.objects.create_user("admin"), organization=top, role=Role.ADMIN)


def measure(wanted: argparse.Namespace) -> int:
    """Each list over few rows and over many."""
    from django.db import connection
    from django.test.utils import setup_test_environment

    setup_test_environment(debug=False)
    home = connection.settings_dict["NAME"]
    places = {}
    for name, sizes in (("few", (10, 10, 10)), ("many", (wanted.organizations, wanted.connections, wanted.integrations))):
        connection.settings_dict["NAME"] = home
        connection.close()
        places[name] = Place(name)
        places[name].make()
        start()
        fill(*sizes)
    for place in places.values():
        place.sign_in()
    sizes_text = (
        f"{wanted.organizations:,} organizations, {wanted.connections:,} connections and runs, {wanted.integrations:,} integrations"
    )
    print(f"{sizes_text}, {connection.vendor}\n\n| list | queries | ten rows | many rows | ratio |\n| --- | ---: | ---: | ---: | ---: |")
    missed = 0
    for path in (path for path in PAGES if wanted.only in path):
        taken = take(places, path)
        ratio = taken["many"].milliseconds / taken["few"].milliseconds
        good = ratio <= RATIO and taken["many"].queries < QUERIES
        missed += not good
        mark = f"{ratio:.1f}" if good else f"**{ratio:.1f}, missed**"
        few, many = taken["few"].milliseconds, taken["many"].milliseconds
        print(f"| `{path}` | {taken['many'].queries} | {few:.0f} ms | {many:.0f} ms | {mark} |", flush=True)
    return 1 if missed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("organizations", 5000), ("connections", 50_000), ("integrations", 2000)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--only", default="", help="addresses with this text")
    wanted = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        os.environ |= {"DATA_DIR": str(folder / "data"), "DJANGO_SETTINGS_MODULE": "config.settings"}
        if not servers(stack, folder).startswith("PostgreSQL"):
            raise SystemExit("This measures lists on PostgreSQL, which is not installed.")
        import django

        django.setup()
        return measure(wanted)


if __name__ == "__main__":
    sys.exit(main())
