"""`manage.py bootstrap`: make an installation ready to start. Run it as often as you like; the second time it has nothing to do."""

from __future__ import annotations

import errno
import secrets
import socket
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from integrations.models import Membership, Organization, Role, User

# Without the letters and digits that look alike; 4 groups of 5 are 98 bits.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Command(BaseCommand):
    help = "Bring the database up to date and, on the first start, make the organization and its first admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check-port", action="store_true", help="first of all, see that HOST and PORT are free to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check_port"]:
            check_port(settings.HOST, settings.PORT)
        self.migrate()
        password = first_admin()
        if password:
            self.stdout.write(announcement(password))
        elif password is not None:
            self.stdout.write(f'The first admin is "{settings.ADMIN_USERNAME}", with the password from ADMIN_PASSWORD.')
            for sentence in weaknesses(settings.ADMIN_PASSWORD):
                self.stderr.write(f"ADMIN_PASSWORD is weak. {sentence}")
        self.stdout.write(f"Junction's address: {settings.PUBLIC_URL}")

    def migrate(self) -> None:
        """Apply what is missing. Asking for the plan takes milliseconds, so a start with nothing to do stays quick."""
        try:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                self.stdout.write("Preparing the database …")
                call_command("migrate", interactive=False, verbosity=0)
        except OperationalError as error:
            raise CommandError(f"The database cannot be used: {error} Check DATABASE_URL, or leave it unset to use SQLite.") from None


def check_port(host: str, port: int) -> None:
    """Raise a CommandError if the web server could not listen there; nothing has been started by then."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise CommandError(f"HOST: {host} is no address of this machine. Leave it unset, or use 0.0.0.0 for all addresses.") from None
    with socket.socket(family, kind, protocol) as probe:
        # As the web server does it; without this, connections that ended a minute ago would count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                sentence = f"Port {port} is in use by another program. Stop that one, or choose another port: PORT={port + 1} make run"
            elif error.errno == errno.EACCES:
                sentence = f"Port {port} is reserved for the system administrator. Choose a port from 1024 on: PORT=8000 make run"
            else:
                sentence = f"The web server cannot listen on {host}, port {port}: {error.strerror}. Check HOST and PORT."
            raise CommandError(sentence) from None


def first_admin() -> str | None:
    """Make the organization and its admin if nobody exists yet.

    Gives None if there was nothing to do, "" if the password came from ADMIN_PASSWORD, else the one-time password, which is
    kept nowhere in clear. The admin is no superuser: a membership at the top organization grants everything in it and
    below, shows up where memberships are listed, and can be handed on or withdrawn like any other. `is_superuser` would
    reach into organizations beside it too, past every rule, and Junction has no page that needs it.
    """
    if User.objects.exists():
        return None
    made = "" if settings.ADMIN_PASSWORD else one_time_password()
    with transaction.atomic():
        organization = Organization.objects.filter(parent=None).first()
        organization = organization or Organization.objects.create(name=settings.ORGANIZATION_NAME)
        admin = User(username=settings.ADMIN_USERNAME, has_first_password=bool(made))
        admin.set_password(made or settings.ADMIN_PASSWORD)
        admin.save()
        Membership.objects.create(user=admin, organization=organization, role=Role.ADMIN)
    return made


def one_time_password() -> str:
    """A password that can be typed, such as `k3mvx-9dpqe-…`."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))


def weaknesses(password: str) -> list[str]:
    """What the password rules of the pages would say; a start is not refused for it."""
    try:
        validate_password(password)
    except ValidationError as error:
        return list(error.messages)
    return []


def announcement(password: str) -> str:
    """The block that shows the one-time password."""
    lines = [
        "The first admin of this installation",
        "",
        f"    user name   {settings.ADMIN_USERNAME}",
        f"    password    {password}",
        "",
        "This is shown once. Sign in and change the password.",
        "If you lose it: .venv/bin/python manage.py changepassword " + settings.ADMIN_USERNAME,
    ]
    width = max(map(len, lines))
    frame = "+" + "-" * (width + 2) + "+"
    return "\n".join(["", frame, *(f"| {line.ljust(width)} |" for line in lines), frame, ""])
