"""JSON comes back as it was written, whatever database keeps it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import FieldError
from django.db import models

from actions import history, runs
from connections.client import Client as VendorClient
from connections.exchange import Outgoing
from connections.tokens.stores import MemoryTokens
from integrations import services
from integrations.models import AuditEntry, Revision, User
from integrations.ordered_json import OrderedJSONField
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.server import Handler, Seen, serving
from tests.pages import signed_in

# Neither sorted by name nor by length, which is how jsonb would give them back; numbers that it would write anew.
WRITTEN = '{"zz": 1, "user": {"password": "p", "id": 1.50, "a": [{"y": null, "x": 1e3}]}, "b": "ü\\u20ac", "aaa": true}'
OURS = ("integrations", "connections", "actions")


def order(value: Any) -> str:
    """A text in which the order of members shows, unlike in the comparison of two dicts."""
    return json.dumps(value)


def test_every_column_of_json_keeps_the_order() -> None:
    columns = [field for app in OURS for model in apps.get_app_config(app).get_models() for field in model._meta.get_fields()]
    loses = [str(field) for field in columns if isinstance(field, models.JSONField) and not isinstance(field, OrderedJSONField)]
    assert loses == []


def test_value_comes_back_in_the_order_in_which_it_was_written(make_integration: MakeIntegration) -> None:
    revision = make_integration().working
    value = json.loads(WRITTEN)
    revision.content = value
    revision.save(update_fields=["content"])
    revision.refresh_from_db()
    assert order(revision.content) == order(value)


def test_value_written_in_bulk_keeps_its_order_too(make_integration: MakeIntegration) -> None:
    action = action_of(make_integration())
    action.content = json.loads(WRITTEN)
    type(action).objects.bulk_update([action], ["content"])
    action.refresh_from_db()
    assert order(action.content) == order(json.loads(WRITTEN))


def test_nothing_is_told_from_null(make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> None:
    integration = make_integration()
    run = runs.start(action=action_of(integration), connection=make_connection(integration), user=carol, inputs={})
    assert [run.__class__.objects.filter(checkpoint__isnull=empty).count() for empty in (True, False)] == [1, 0]
    run.checkpoint = {"next": 0, "after": None}
    run.save(update_fields=["checkpoint"])
    run.refresh_from_db()
    assert order(run.checkpoint) == '{"next": 0, "after": null}'
    assert [run.__class__.objects.filter(checkpoint__isnull=empty).count() for empty in (True, False)] == [0, 1]


def test_lookup_by_key_is_refused_on_every_database(db: None) -> None:
    with pytest.raises(FieldError) as caught:
        Revision.objects.filter(content__auth="none").exists()
    assert str(caught.value) == "Unsupported lookup 'auth' for OrderedJSONField or join on the field not permitted."


LOGIN = {
    "url": "{host}/login",
    "bodyFormat": "xml",
    "params": {"methodCall": {"$version": "1", "userName": "{{credentials.username}}", "api": {"zone": "z", "area": "a"}, "key": "k"}},
}


def test_login_body_goes_out_as_written(make_integration: MakeIntegration) -> None:
    """The definition has been through the database, and the elements are in the order that the vendor's schema asks for."""
    seen: list[Seen] = []

    def answer(handler: Handler) -> None:
        seen.append(handler.server.seen[-1])
        handler.reply(body=b"<session><id>T</id></session>" if handler.path == "/login" else b"{}", Content_Type="application/xml")

    with serving(answer) as vendor:
        auth = json.loads(json.dumps({"type": "login", "steps": [LOGIN], "tokenKey": "session.id"}).replace("{host}", vendor.url))
        integration = make_integration(base_uri=vendor.url, auth=auth, status="draft")
        stored = Revision.objects.get(integration=integration).definition
        store = MemoryTokens(stored.auth, None)
        with VendorClient(definition=stored, credentials={"username": "u"}, settings={}, store=store) as client:
            client.send(Outgoing("GET", f"{vendor.url}/me", [], None))
    assert seen[0].body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<methodCall version="1"><userName>u</userName>'
        b"<api><zone>z</zone><area>a</area></api><key>k</key></methodCall>"
    )


def test_body_of_a_run_goes_out_in_the_order_of_its_inputs(
    make_integration: MakeIntegration, make_connection: MakeConnection, carol: User
) -> None:
    body = json.loads(WRITTEN)
    seen: list[Seen] = []

    def answer(handler: Handler) -> None:
        seen.append(handler.server.seen[-1])
        handler.reply(body=b'{"id": 1}', Content_Type="application/json")

    with serving(answer) as vendor:
        send = action_values(method="POST", path="/send", body={"contentType": "application/json"})
        integration = make_integration(base_uri=vendor.url, actions=[send])
        run = runs.start(action=action_of(integration), connection=make_connection(integration), user=carol, inputs={"body": body})
        runs.execute(run.pk)
    assert [one.body.decode() for one in seen] == [json.dumps(body, ensure_ascii=False, separators=(",", ":"))]


def test_definition_reads_in_the_api_as_it_was_written(make_integration: MakeIntegration, bob: User) -> None:
    integration = make_integration(status="draft")
    headers = {"Zeta": "1", "Alpha": "2", "Mu": "3"}
    url = f"/api/integrations/{integration.slug}"
    assert signed_in(bob).put(url, json.dumps({"headers": headers}), content_type="application/json").status_code == 200
    assert order(signed_in(bob).get(url).json()["headers"]) == order(headers)


def test_another_order_is_a_change_that_is_saved_logged_and_shown(make_integration: MakeIntegration, bob: User) -> None:
    integration = make_integration(headers={"A": "1", "B": "2"})
    services.change_definition(integration=integration, headers={"B": "2", "A": "1"})
    draft = integration.draft
    assert draft is not None
    assert order(draft.content["headers"]) == '{"B": "2", "A": "1"}'
    entry = AuditEntry.objects.filter(verb="definition changed")[0]
    assert (order(entry.before), order(entry.after)) == ('{"headers": {"A": "1", "B": "2"}}', '{"headers": {"B": "2", "A": "1"}}')
    shown = history.difference(integration.current, draft).definition
    assert [(one.field, order(one.before), order(one.after)) for one in shown] == [
        ("headers", '{"A": "1", "B": "2"}', '{"B": "2", "A": "1"}'),
    ]
    services.change_definition(integration=integration, headers={"B": "2", "A": "1"})
    assert AuditEntry.objects.filter(verb="definition changed").count() == 1
