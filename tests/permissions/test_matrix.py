"""Every address of the project, asked by everybody, in every way: the answers stand in table.txt.

An address that somebody adds is found through the URL resolver; the failure says which line to add. Look at each cell
of it before you do: the line is what people get.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from integrations.organizations import tree
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.permissions.world import ACTORS, ARGUMENTS, World, make_world

TABLE = Path(__file__).with_name("table.txt")
# Open to whoever has the link, by its nature; and what an argument that names nothing of anybody leads to.
# Of one person, here the builder, and of nobody else; whatever is described is none of its business.
PERSONAL = {"api-application", "api-application-secret", "api-authorized-application", "api-token", "application-delete", "application-edit",
            "application-secret", "consent-withdraw", "token-revoke"}  # fmt: skip
NOBODYS = {"invitation-accept", "audit-export", "template-detail", "api-template", "api-template-integrations", "webhook-door"}


@dataclass(frozen=True)
class Address:
    name: str
    route: str
    names: tuple[str, ...]
    methods: tuple[str, ...]

    def path(self, world: World) -> str:
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: str(self._value(match[1], world)), self.route)

    def _value(self, name: str, world: World) -> Any:
        for beginning, argument, value in ARGUMENTS:
            if argument == name and self.route.startswith(beginning):
                return value(world)
        pytest.fail(
            f'Nobody says what <{name}> of /{self.route} stands for. Add a line to ARGUMENTS in tests/permissions/world.py: ("{self.route.split("<")[0]}", "{name}", lambda world: …)'
        )


def addresses(resolver: URLResolver | None = None, before: str = "") -> Iterator[Address]:
    """Every URL pattern, deepest first named by its name, those without a name by their route."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = before + re.sub(r"[\^$]", "", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from addresses(entry, route)
        else:
            name = entry.name or f"/{route}"
            yield Address(name, route, tuple(re.findall(r"<(?:\w+:)?(\w+)>", route)), _methods(entry))


def _methods(entry: URLPattern) -> tuple[str, ...]:
    """Reading, and every way of writing that a view of the API has; pages know GET and POST."""
    view = getattr(entry.callback, "cls", None)
    if view is None or not issubclass(view, APIView):
        return ("GET", "POST")
    return tuple(method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if hasattr(view, method.lower())) or ("GET", "POST")


def table() -> dict[tuple[str, str], list[str]]:
    rows = {}
    for line in TABLE.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, method, *cells = line.split()
            assert (name, method) not in rows, f"{name} {method} stands in table.txt twice"
            rows[name, method] = cells
    return rows


ALL = sorted(addresses(), key=lambda address: address.name)


@pytest.fixture
def world(cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection) -> World:
    return make_world(cast, make_integration, make_connection)


@pytest.mark.parametrize("address", ALL, ids=lambda address: address.name)
def test_every_address_answers_each_person_as_the_table_says(address: Address, world: World) -> None:
    expected = table()
    wrong = []
    for method in address.methods:
        cells = [answer(world.clients[actor], method, address.path(world)) for actor in ACTORS]
        if expected.get((address.name, method)) != cells:
            wrong.append(f"{address.name} {method} {' '.join(cells)}")
    assert not wrong, "\n".join(
        [
            f"/{address.route} answers otherwise than tests/permissions/table.txt says. If each cell of this is right, the lines are:",
            f"#  {' '.join(ACTORS)}",
            *wrong,
        ]
    )


def answer(client: Client, method: str, path: str) -> str:
    return str(ask(client, method, path).status_code)


def ask(client: Client, method: str, path: str) -> Any:
    """Send a request without values; what was done is undone."""
    with transaction.atomic():
        is_api = path.startswith(("/api/", "/integration/")) or path == "/integration"
        kind = "application/json" if is_api else "application/x-www-form-urlencoded"
        body = "{}" if is_api else ""
        response = client.get(path) if method == "GET" else client.generic(method, path, body, content_type=kind)
        transaction.set_rollback(True)
    return response


def test_table_has_no_line_for_an_address_that_is_gone() -> None:
    there = {(address.name, method) for address in ALL for method in address.methods}
    assert sorted(set(table()) - there) == []


def test_table_gives_strangers_404_for_everything_that_belongs_to_somebody() -> None:
    """405 says nothing of what is there: it is the answer before anything is looked up."""
    owned = {address.name for address in ALL if address.names} - NOBODYS
    said = {row: cells[ACTORS.index("stranger")] for row, cells in table().items() if row[0] in owned}
    assert {row: cell for row, cell in said.items() if cell not in ("404", "405")} == {}


def test_table_sends_the_anonymous_to_the_sign_in_for_everything_that_belongs_to_somebody() -> None:
    owned = {address.name for address in ALL if address.names} - NOBODYS
    said = {row: cells[ACTORS.index("anonymous")] for row, cells in table().items() if row[0] in owned}
    assert {row: cell for row, cell in said.items() if cell not in ("302", "401", "405")} == {}


def test_every_address_of_the_builder_gives_the_reason_when_the_preview_is_disabled(world: World) -> None:
    """Which these are is read off the table: what a builder may and an operator may not. Reading a template or a share builds nothing."""
    may = {row: cells for row, cells in table().items() if cells[ACTORS.index("operator")] in ("403", "404")}
    rows = {row for row, cells in may.items() if cells[ACTORS.index("builder")] in ("200", "204", "302", "409", "422")}
    rows = {row for row in rows if row[0] not in PERSONAL} - {("api-template", "GET"), ("api-share", "GET")}
    tree.change(organization=world.organization, custom_integrations=False)
    said = {}
    for address in ALL:
        for method in (method for method in address.methods if (address.name, method) in rows):
            response = ask(world.clients["builder"], method, address.path(world))
            said[address.name, method] = (response.status_code, "is disabled for Client A." in response.content.decode())
    assert len(said) > 30
    assert {row: answer for row, answer in said.items() if answer != (403, True)} == {}
