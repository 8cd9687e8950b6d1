"""Undoing what an import repaired: every rule that can be undone, and the sentences of those that cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from actions import importing, imports, services, undoing
from actions.models import Action, Import
from integrations import services as integrations
from integrations.models import Integration
from integrations.openapi.findings import MAX_CHANGES
from integrations.refusals import Conflict
from tests.cast import Cast
from tests.integrations.openapi.documents import get, openapi
from tests.pages import signed_in, text

JSON: Any = {"content_type": "application/json"}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
ACCEPT = {"name": "Accept", "in": "header", "schema": {"type": "string"}}
VENDOR = {"name": "Accept", "in": "header", "schema": {"type": "string", "enum": ["application/vnd.api.v2+json"]}}


def drafted(cast: Cast, paths: dict[str, Any], **parts: Any) -> Integration:
    document = json.dumps(openapi(paths, **parts)).encode()
    return importing.import_document(data=document, organization=cast.msp, user=cast.bob, source="api.json").integration


def number_of(integration: Integration, rule: str) -> int:
    """The number of the one repair by a rule."""
    (found,) = [row.number for row in undoing.rows(integration.working) if row.rule == rule]
    return found


def state(integration: Integration) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    draft = integration.working
    return draft.definition.dump(), [action.operation.dump() for action in draft.actions.all()]


def undone_and_redone(integration: Integration, rule: str) -> list[dict[str, Any]]:
    """The actions as undoing leaves them; making the repair again leaves everything as it was before."""
    number, before = number_of(integration, rule), state(integration)
    assert undoing.undo(integration=integration, number=number).undone
    _, actions = state(integration)
    assert undoing.rows(integration.working)[number - 1].undone
    assert not undoing.undo(integration=integration, number=number, redo=True).undone
    assert state(integration) == before
    return actions


def parameters(actions: list[dict[str, Any]]) -> list[list[tuple[str, str, str]]]:
    return [[(item["in"], item["name"], item["type"]) for item in action["parameters"]] for action in actions]


def body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def test_a_key_becomes_the_operation_id_again(cast: Cast) -> None:
    actions = undone_and_redone(drafted(cast, {"/a": get("list all users")}), "operation-operationId-valid-in-url")
    assert [action["key"] for action in actions] == ["list all users"]


def test_other_repairs_of_an_action_follow_its_key(cast: Cast) -> None:
    integration = drafted(cast, {"/a/{id}": get("get one")})
    undoing.undo(integration=integration, number=number_of(integration, "operation-operationId-valid-in-url"))
    undoing.undo(integration=integration, number=number_of(integration, "path-params"))
    assert [(action.key, action.operation.parameters) for action in integration.working.actions.all()] == [("get one", [])]


def test_an_added_path_parameter_leaves(cast: Cast) -> None:
    assert parameters(undone_and_redone(drafted(cast, {"/a/{id}": get()}), "path-params")) == [[]]


def test_a_dropped_path_parameter_comes_back_into_each_method(cast: Cast) -> None:
    item = {"parameters": [ID], **get("one"), "delete": get("two")["get"]}
    actions = undone_and_redone(drafted(cast, {"/a": item}), "path-params")
    assert parameters(actions) == [[("path", "id", "integer")], [("path", "id", "integer")]]


def test_a_path_parameter_is_spelled_as_declared(cast: Cast) -> None:
    actions = undone_and_redone(drafted(cast, {"/a/{Id}": get(parameters=[ID])}), "path-params")
    assert parameters(actions) == [[("path", "id", "integer")]]


def test_a_dropped_header_comes_back(cast: Cast) -> None:
    actions = undone_and_redone(drafted(cast, {"/a": get(parameters=[ACCEPT])}), "parameter-reserved-header")
    assert parameters(actions) == [[("header", "Accept", "string")]]


def test_a_header_of_a_swagger_document_comes_back_after_a_choice(cast: Cast) -> None:
    header = {"name": "Authorization", "in": "header", "type": "string", "description": "A token."}
    item = {"parameters": [header], **get("kept"), "put": get("left")["get"]}
    document = {"swagger": "2.0", "info": {"title": "Old", "version": "1"}, "host": "api.example.com", "paths": {"/a": item}}
    job = imports.start(
        organization=cast.msp, user=cast.bob, kind="file", source="a.json", document=json.dumps(document).encode(), asks=True
    )
    imports.execute(job.pk)
    job.refresh_from_db()
    Import.objects.filter(pk=job.pk).update(selected=b"\1\0")
    imports.accept(job=job)
    imports.execute(job.pk)
    actions = undone_and_redone(Integration.objects.get(), "parameter-reserved-header")
    assert [(action["key"], *parameters([action])) for action in actions] == [("kept", [("header", "Authorization", "string")])]


def test_a_common_header_goes_back_to_the_actions_that_declare_it(cast: Cast) -> None:
    integration = drafted(cast, {"/a": get("a", parameters=[VENDOR]), "/b": get("b", parameters=[VENDOR]), "/c": get("c")})
    assert integration.working.definition.headers == {"Accept": "application/vnd.api.v2+json"}
    number = number_of(integration, "parameter-reserved-header")
    undoing.undo(integration=integration, number=number)
    definition, actions = state(integration)
    assert (definition["headers"], parameters(actions)) == ({}, [[("header", "Accept", "string")]] * 2 + [[]])
    undoing.undo(integration=integration, number=number, redo=True)
    definition, actions = state(integration)
    assert (definition["headers"], parameters(actions)) == ({"Accept": "application/vnd.api.v2+json"}, [[], [], []])


def test_a_pattern_comes_back_in_every_body_that_shares_it(cast: Cast) -> None:
    schema = {"type": "object", "properties": {"tags/all": {"type": "array", "items": {"type": "string", "pattern": "[z-a]"}}}}
    shared = {"schemas": {"Tag": schema}}
    paths = {path: {"post": get(path[1:], **body({"$ref": "#/components/schemas/Tag"}))["get"]} for path in ("/a", "/b")}
    integration = drafted(cast, paths, components=shared, security=[])
    for row in undoing.rows(integration.working):
        if row.rule == "schema-pattern":
            undoing.undo(integration=integration, number=row.number)
    _, actions = state(integration)
    assert [action["body"]["schema"] for action in actions] == [schema, schema]


def test_a_pattern_is_removed_again(cast: Cast) -> None:
    schema = {"type": "object", "properties": {"a": {"oneOf": [{"type": "string", "pattern": "[z-a]"}, {"type": "integer"}]}}}
    actions = undone_and_redone(drafted(cast, {"/a": {"post": get(**body(schema))["get"]}}), "schema-pattern")
    assert actions[0]["body"]["schema"] == schema


def test_an_added_field_leaves(cast: Cast) -> None:
    schema = {"type": "object", "required": ["a", "b"], "properties": {"c": {"type": "string"}}}
    actions = undone_and_redone(drafted(cast, {"/a": {"post": get(**body(schema))["get"]}}), "schema-required")
    assert actions[0]["body"]["schema"] == schema


def test_a_pattern_of_javascript_comes_back(cast: Cast) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^\\p{L}$"}}}
    actions = undone_and_redone(drafted(cast, {"/a": {"post": get(**body(schema))["get"]}}), "schema-pattern-dialect")
    assert actions[0]["body"]["schema"] == schema


def test_a_made_up_description_leaves(cast: Cast) -> None:
    actions = undone_and_redone(drafted(cast, {"/a": get(description=None)}), "operation-description")
    assert [action["description"] for action in actions] == [""]


def test_a_made_up_description_of_the_integration_leaves(cast: Cast) -> None:
    integration = drafted(cast, {"/a": get()}, info={"title": "Tickets", "version": "1"})
    number, made = number_of(integration, "info-description"), integration.description
    undoing.undo(integration=integration, number=number)
    assert (Integration.objects.get().description, made) == ("", "The actions of Tickets, made from its OpenAPI 3.0.3 document.")
    undoing.undo(integration=Integration.objects.get(), number=number, redo=True)
    assert Integration.objects.get().description == made
    integrations.update(integration=integration, description="Mine.")
    with pytest.raises(Conflict, match="The description of the integration was changed since the import"):
        undoing.undo(integration=integration, number=number)
    assert Integration.objects.get().description == "Mine."


TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
NODE = {"type": "object", "properties": {"next": {"oneOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]}}}
SCHEMAS = {"Text of a note": TEXT, "Node": NODE, "Short": {"type": "string", "maxLength": 5, "description": "Short."}}


@pytest.mark.parametrize(
    ("rule", "declared", "used", "undone"),
    [
        ("resolving-references", {"$ref": "#/components/schemas/Absent"}, {}, {"$ref": "#/components/schemas/Absent"}),
        (
            "ref-percent-encoded",
            {"$ref": "#/components/schemas/Text%20of%20a%20note"},
            TEXT,
            {"$ref": "#/components/schemas/Text%20of%20a%20note"},
        ),
        (
            "no-$ref-siblings",
            {"$ref": "#/components/schemas/Short", "description": "A title.", "maxLength": 9, "x-order": 1},
            {"type": "string", "maxLength": 9, "description": "A title."},
            {"type": "string", "maxLength": 5, "description": "Short."},
        ),
        (
            "circular-references",
            {"$ref": "#/components/schemas/Node"},
            {
                "type": "object",
                "properties": {
                    "next": {"oneOf": [{"$comment": "Circular: #/components/schemas/Node is described further up."}, {"type": "null"}]}
                },
            },
            NODE,
        ),
    ],
)
@pytest.mark.parametrize("wrapped", [True, False], ids=["field", "whole body"])
def test_a_reference_is_as_the_document_has_it_again(
    cast: Cast, rule: str, declared: dict[str, Any], used: dict[str, Any], undone: dict[str, Any], wrapped: bool
) -> None:
    def inside(schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "object", "properties": {"a/b": schema}} if wrapped else schema

    integration = drafted(cast, {"/a": {"post": get(**body(inside(declared)))["get"]}}, components={"schemas": SCHEMAS}, security=[])
    assert state(integration)[1][0]["body"]["schema"] == inside(used)
    assert undone_and_redone(integration, rule)[0]["body"]["schema"] == inside(undone)


def test_a_repaired_reference_in_an_answer_and_in_several_actions_is_undone_at_once(cast: Cast) -> None:
    answers = {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Absent"}}}}}
    paths = {
        "/a": get("a", responses=answers),
        "/b": get("b", responses={"200": {"$ref": "#/components/responses/None"}}),
        "/c": {"post": get("c", **body({"$ref": "#/components/schemas/Absent"}))["get"]},
    }
    integration = drafted(cast, paths)
    rows = {row.before["$ref"]: row for row in undoing.rows(integration.working) if row.rule == "resolving-references"}
    assert [(row.pointer, row.reason[:25]) for row in rows.values()] == [
        ("/paths/~1a/get/responses/200/content/application~1json/schema", ""),
        ("/paths/~1b/get/responses/200", "An action cannot hold a p"),
    ]
    undoing.undo(integration=integration, number=rows["#/components/schemas/Absent"].number)
    actions = {action["key"]: action for action in state(integration)[1]}
    assert (actions["c"]["body"]["schema"], actions["b"]["responseSchema"]) == ({"$ref": "#/components/schemas/Absent"}, None)


@pytest.mark.parametrize(
    ("components", "security", "rule", "before", "after"),
    [
        ({"a": {"type": "http", "scheme": "basic"}, "ApiKey": {"type": "apiKey", "in": "query", "name": "k"}}, [{"api_key": []}], "security-scheme-undefined", "basic", "apikey"),
        ({"a": {"type": "http", "scheme": "basic"}, "in": {"type": "http", "scheme": "bearer"}}, [{"read": ["in"]}], "security-scheme-undefined", "basic", "bearer"),
        ({"a": {"type": "oauth2", "flow": {"clientCredentials": {"tokenUrl": "https://a.example/t", "scopes": {}}}}}, [{"a": []}], "security-scheme-flows", "none", "oauth2"),
        ({"a": {"type": "apiKey", "name": "X-Key"}}, [{"a": []}], "security-scheme", "none", "apikey"),
    ],
)  # fmt: skip
def test_authentication_is_as_the_document_gives_it_again(
    cast: Cast, components: dict[str, Any], security: Any, rule: str, before: str, after: str
) -> None:
    integration = drafted(cast, {"/a": get()}, components={"securitySchemes": components}, security=security)
    assert integration.working.definition.auth.type == after
    number = number_of(integration, rule)
    undoing.undo(integration=integration, number=number)
    assert integration.working.definition.auth.type == before
    undoing.undo(integration=integration, number=number, redo=True)
    assert integration.working.definition.auth.type == after


@pytest.mark.parametrize(
    ("paths", "rule", "reason"),
    [
        ({"/a": get("go"), "/b": get("go")}, "operation-operationId-unique", "Two actions cannot have the same key."),
        ({"/a": {"get": {"responses": {}}}}, "operation-operationId", "An action needs a key, and the document has none for it."),
        ({"/a": get("x " * 150)}, "operation-operationId-valid-in-url", "The operationId is too long for a key, or is no text."),
        ({"/a#one": get()}, "path-no-fragment", "A request has no fragment, so nothing was lost."),
        ({"/a?b=c": get()}, "path-not-include-query", "The same request is sent."),
        ({"/a b": get()}, "path-keys", "A request cannot be sent to the path as the document spells it."),
        ({"/a": get(parameters=[{"in": "query"}])}, "operation-parameters", "A request cannot hold the parameter as the document has it."),
        (
            {"/a": get(parameters=[{"name": "X-Key", "in": "header", "schema": {"type": "string"}}])},
            "parameter-credential",
            "The connection sends the key.",
        ),
        ({"/a": {"post": get(requestBody={"content": {}})["get"]}}, "request-body", "A body needs a media type."),
    ],
)
def test_what_cannot_be_undone_says_why(cast: Cast, paths: dict[str, Any], rule: str, reason: str) -> None:
    integration = drafted(cast, paths)
    number, before = number_of(integration, rule), state(integration)
    with pytest.raises(Conflict) as caught:
        undoing.undo(integration=integration, number=number)
    assert caught.value.message.startswith(reason)
    assert caught.value.message == undoing.rows(integration.working)[number - 1].reason
    assert state(integration) == before


def test_what_was_edited_meanwhile_is_not_overwritten(cast: Cast) -> None:
    integration = drafted(cast, {"/a": get("a", parameters=[VENDOR]), "/b": get("b", parameters=[VENDOR])})
    number = number_of(integration, "parameter-reserved-header")
    services.change(action=Action.objects.get(key="b"), values={"parameters": [{"name": "accept", "in": "header"}]})
    before = state(integration)
    with pytest.raises(Conflict) as caught:
        undoing.undo(integration=integration, number=number)
    assert caught.value.message.startswith("The parameter Accept of ")
    assert (state(integration), undoing.rows(integration.working)[number - 1].undone) == (before, False)
    integrations.change_definition(integration=integration, headers={"Accept": "text/plain"})
    with pytest.raises(Conflict, match="The definition was changed since the import"):
        undoing.undo(integration=integration, number=number)


def test_a_repair_is_undone_once(cast: Cast) -> None:
    integration = drafted(cast, {"/a/{id}": get()})
    with pytest.raises(Conflict, match="in force already"):
        undoing.undo(integration=integration, number=1, redo=True)
    undoing.undo(integration=integration, number=1)
    with pytest.raises(Conflict, match="undone already"):
        undoing.undo(integration=integration, number=1)


def test_an_action_that_has_left_the_draft_has_nothing_to_undo(cast: Cast) -> None:
    integration = drafted(cast, {"/a/{id}": get(), "/b": get("b")})
    services.remove(action=Action.objects.get(key="go"))
    with pytest.raises(Conflict, match="No action that it concerns is in the draft"):
        undoing.undo(integration=integration, number=number_of(integration, "path-params"))


def test_nothing_is_undone_while_the_import_writes(cast: Cast) -> None:
    integration = drafted(cast, {"/a/{id}": get()})
    Import.objects.create(organization=cast.msp, kind=Import.Kind.TEXT, state=Import.State.WRITING, integration=integration)
    with pytest.raises(Conflict, match="still writing"):
        undoing.undo(integration=integration, number=1)


def test_a_header_of_very_many_actions_stays(cast: Cast) -> None:
    integration = drafted(cast, {f"/a{n}": get(f"a{n}", parameters=[VENDOR]) for n in range(MAX_CHANGES)})
    (row,) = undoing.rows(integration.working)
    assert row.reason.startswith("It concerns more than 500 actions")


def test_finalized_repairs_stay(cast: Cast) -> None:
    integration = drafted(cast, {"/a/{id}": get()})
    integrations.finalize(revision=integration.working, user=cast.bob)
    integrations.open_draft(integration=integration)
    with pytest.raises(Conflict, match="finalized since the import"):
        undoing.undo(integration=integration, number=1)


def test_page_undoes_and_redoes(cast: Cast) -> None:
    integration, browser = drafted(cast, {"/a/{id}": get(), "/b": get("go")}), signed_in(cast.bob)
    number = number_of(integration, "path-params")
    page = browser.get(reverse("integration-report", args=[integration.slug]))
    assert page.content.decode().count("/undo/") == 1
    assert "Two actions cannot have the same key. Give this action another key instead." in text(page)
    page = browser.post(reverse("repair-undo", args=[integration.slug, number]), follow=True)
    assert page.redirect_chain == [(f"/integrations/{integration.slug}/report/?repairs#repair-{number}", 302)]
    assert (page.context["repairs"][number - 1].undone, page.content.decode().count("/redo/")) == (True, 1)
    browser.post(reverse("repair-redo", args=[integration.slug, number]))
    assert [item.name for item in Action.objects.get(key="go").operation.parameters] == ["id"]
    page = browser.post(reverse("repair-undo", args=[integration.slug, 99]), follow=True)
    assert "There is no such repair. Load the report of the import again." in text(page)
    assert browser.get(reverse("repair-undo", args=[integration.slug, number])).status_code == 405


def test_api_lists_undoes_and_redoes(cast: Cast) -> None:
    integration, client = drafted(cast, {"/a/{id}": get()}), signed_in(cast.bob)
    url = f"/api/integrations/{integration.pk}/repairs"
    (row,) = client.get(url).json()
    assert {name: row[name] for name in ("number", "rule", "undone", "reason")} == {
        "number": 1,
        "rule": "path-params",
        "undone": False,
        "reason": "",
    }
    answer = client.post(f"{url}/1/undo", **JSON)
    assert (answer.status_code, answer.json()) == (200, {**row, "undone": True})
    assert (client.post(f"{url}/1/undo", **JSON).status_code, client.post(f"{url}/2/undo", **JSON).status_code) == (409, 404)
    assert client.post(f"{url}/1/redo", **JSON).json() == row


def test_api_answers_an_import_with_numbered_repairs(cast: Cast) -> None:
    document = openapi({"/a/{id}": get()})
    answer = signed_in(cast.bob).post("/api/integrations/import", {"document": document}, **JSON).json()
    assert answer["repairs"] == signed_in(cast.bob).get(f"/api/integrations/{answer['id']}/repairs").json()


@pytest.mark.parametrize("user", ["eve", "carol"])
def test_repairs_are_the_builders(cast: Cast, user: str) -> None:
    integration = drafted(cast, {"/a/{id}": get()})
    stranger, before = signed_in(getattr(cast, user)), state(integration)
    answers = [
        stranger.post(reverse("repair-undo", args=[integration.slug, 1])),
        stranger.get(f"/api/integrations/{integration.pk}/repairs"),
        stranger.post(f"/api/integrations/{integration.pk}/repairs/1/undo", **JSON),
        stranger.post(f"/api/integrations/{integration.pk}/repairs/1/redo", **JSON),
    ]
    assert ([answer.status_code for answer in answers], state(integration)) == ([404] * 4, before)
