"""The audit log: what is in it, who sees it, that it is only added to, and that it holds no secret."""

from __future__ import annotations

import csv
import io
import json
from importlib import import_module
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from connections import services as connections
from integrations import audit
from integrations import services as integrations
from integrations.masking import MASK, masked
from integrations.models import AuditEntry, Organization, Role, User
from integrations.models.audit import AppendOnlyError
from integrations.organizations import tree
from tests.cast import Cast, MakeConnection, MakeIntegration, member
from tests.pages import signed_in, text


def entries(**which: Any) -> list[tuple[str, str, str, dict[str, Any], dict[str, Any]]]:
    rows = AuditEntry.objects.filter(**which).order_by("pk")
    return [(row.actor_name, row.verb, row.object_name, row.before, row.after) for row in rows]


def test_every_change_of_an_integration_is_logged_with_what_was_and_what_is(bob: User) -> None:
    client = signed_in(bob)
    made = client.post(
        "/api/integrations",
        {"name": "Tickets", "type": "custom", "apiBaseUri": "https://a.example.com", "authType": "none"},
        "application/json",
    ).json()
    path = f"/api/integrations/{made['slug']}"
    client.post(f"{path}/actions", {"name": "List", "method": "GET", "path": "/t"}, "application/json")
    assert client.post(f"{path}/finalize", content_type="application/json").status_code == 200
    client.put(path, {"status": "published"}, "application/json")
    client.put(path, {"category": "help desk"}, "application/json")
    client.put(path, {"apiBaseUri": "https://b.example.com"}, "application/json")
    client.delete(path)
    found = entries(kind="integration")
    assert [(who, verb) for who, verb, *_ in found] == [
        ("Bob", verb)
        for verb in (
            "created",
            "definition changed",
            "action added",
            "finalized",
            "status changed",
            "changed",
            "definition changed",
            "deleted",
        )
    ]
    assert found[4][3:] == ({"status": "hidden"}, {"status": "published"})
    assert found[5][3:] == ({"category": ""}, {"category": "help desk"})
    assert found[6][3:] == ({"apiBaseUri": "https://a.example.com"}, {"apiBaseUri": "https://b.example.com"})


def test_saving_without_a_change_is_no_entry(client_a: Organization) -> None:
    tree.change(organization=client_a, name="Client A")
    assert entries() == []


def test_connections_are_logged_without_their_secrets(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration(auth={"type": "apikey", "apiKeyName": "X-API-Key", "apiKeyLocation": "header"})
    connection = make_connection(integration, credentials={"apiKey": "hush-hush-1"})
    connections.change(connection=connection, name="Renamed", credentials={"apiKey": "hush-hush-2"})
    connections.delete(connection=connection)
    found = entries(kind="connection")
    assert [(verb, after) for _, verb, _, _, after in found] == [
        (
            "created",
            {
                "name": "Main",
                "integration": "Sample",
                "settings": {},
                "options": {},
                "isDefault": True,
                "environment": "production",
                "revision": None,
                "below": "nobody",
                "agent": "",
                "agentCredential": "",
                "credentials": ["apiKey"],
            },
        ),
        ("changed", {"name": "Renamed"}),
        ("credentials entered", {"credentials": ["apiKey"]}),
        ("deleted", {}),
    ]
    assert "hush" not in json.dumps(list(AuditEntry.objects.values("before", "after", "note", "object_name")))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"clientSecret": "x", "clientId": "me"}, {"clientSecret": MASK, "clientId": "me"}),
        ({"headers": {"X-API-Key": "x", "Authorization": "Bearer x", "Accept": "text/csv"}}, {"headers": {"X-API-Key": MASK, "Authorization": MASK, "Accept": "text/csv"}}),
        ({"resultsKey": "items", "nextPageKey": "next"}, {"resultsKey": "items", "nextPageKey": "next"}),
        ([{"password": "x"}, {"password": ""}], [{"password": MASK}, {"password": ""}]),
        ({"pin": {"password": 1234, "token": ["a", {"n": "b"}]}}, {"pin": {"password": MASK, "token": [MASK, {"n": "b"}]}}),
        ({"sendToken": True, "token": None, "signature": {"format": "hmac", "secret": "x"}}, {"sendToken": True, "token": None, "signature": {"format": "hmac", "secret": MASK}}),
    ],
)  # fmt: skip
def test_masked_hides_what_is_named_like_a_secret(value: Any, shown: Any) -> None:
    assert masked(value) == shown


def test_log_cannot_be_changed_by_the_program(client_a: Organization) -> None:
    tree.change(organization=client_a, name="Renamed")
    entry = AuditEntry.objects.get()
    entry.note = "never happened"
    for deed in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(note=""),
        lambda: AuditEntry.objects.bulk_update([entry], ["note"]),
    ):
        with pytest.raises(AppendOnlyError):
            deed()
    assert AuditEntry.objects.get().note == ""


def test_log_cannot_be_changed_in_the_database_either(client_a: Organization) -> None:
    tree.change(organization=client_a, name="Renamed")
    guards = import_module("integrations.migrations.0012_organization_updated_audit_append_only")
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(guards.ADD["sqlite"][1])  # the suite has taken this one away, to empty its tables
        for statement in ("UPDATE integrations_auditentry SET note = 'never happened'", "DELETE FROM integrations_auditentry"):
            with pytest.raises(DatabaseError, match="The audit log is only ever added to"), transaction.atomic():
                cursor.execute(statement)
    assert AuditEntry.objects.get().note == ""


def test_log_outlives_whom_and_what_it_speaks_of(cast: Cast) -> None:
    with audit.acting(lambda: cast.alice):
        made = tree.create(parent=cast.client_b, name="Short-lived")
        tree.delete(organization=made)
    cast.alice.delete()
    assert [(who, verb, name) for who, verb, name, *_ in entries(kind="organization")] == [
        ("Alice", "created", "Short-lived"),
        ("Alice", "deleted", "Short-lived"),
    ]
    admin = member("anna", cast.msp, Role.ADMIN)
    assert "Organization created: Short-lived" in text(signed_in(admin).get(reverse("audit-log")))


def test_log_shows_admins_their_organizations_and_nobody_else_anything(cast: Cast) -> None:
    tree.change(organization=cast.client_a, name="Renamed A")
    tree.change(organization=cast.client_b, name="Renamed B")
    anna = member("anna", cast.client_a, Role.ADMIN)
    seen = {user.username: sorted(AuditEntry.objects.visible_to(user).values_list("object_name", flat=True)) for user in
            (cast.alice, cast.bob, cast.carol, cast.eve, anna)}  # fmt: skip
    assert seen == {"alice": ["Renamed A", "Renamed B"], "bob": [], "carol": [], "eve": [], "anna": ["Renamed A"]}


def test_log_is_filtered_by_kind_text_object_and_day(cast: Cast, make_integration: MakeIntegration) -> None:
    tree.change(organization=cast.client_a, name="Renamed A")
    integration = make_integration(name="Tickets")
    integrations.update(integration=integration, category="x")
    client = signed_in(cast.alice)

    def shown(**query: str) -> set[str]:
        return {row["object"] for row in client.get("/api/audit", query).json()["_embedded"]["entry"]}

    assert shown(kind="organization") == {"Renamed A"}
    assert shown(q="ticket") == {"Tickets", "Tickets: List users"}
    assert shown(object=str(cast.client_a.pk)) == {"Renamed A"}
    assert shown(until="2020-01-01") == set()
    refused = client.get("/api/audit", {"since": "yesterday"})
    assert (refused.status_code, refused.json()["errors"]) == (422, [{"field": "since", "message": "Enter a valid date."}])


def test_export_holds_what_the_page_shows(cast: Cast) -> None:
    with audit.acting(lambda: cast.alice):
        tree.change(organization=cast.client_a, name="=1+1")
    client = signed_in(cast.alice)
    [row] = list(csv.DictReader(io.StringIO(b"".join(client.get(reverse("audit-export", args=["csv"]))).decode())))
    assert (row["actor"], row["object"], row["before"]) == ("Alice", "'=1+1", '{"name":"Client A"}')  # no formula for a spreadsheet
    [found] = json.loads(b"".join(client.get(reverse("audit-export", args=["json"]))))
    assert (found["object"], found["after"]) == ("=1+1", {"name": "=1+1"})
    assert json.loads(b"".join(client.get(reverse("audit-export", args=["json"]), {"kind": "share"}))) == []
    assert client.get(reverse("audit-export", args=["xml"])).status_code == 404
