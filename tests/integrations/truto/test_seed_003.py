"""Seed 003: every field of the document goes in, works or is named as not used, and comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from actions import finalize
from actions.models import Run
from actions.runs import execution, lifecycle
from connections.models import Connection, DefaultCredential
from integrations import services
from integrations.models import Integration
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of
from tests.connections.server import Handler, Served, serving
from tests.integrations.test_api import Api
from tests.integrations.truto.documents import SMALL, at, masked, whole


class Truto(Api):
    """Calls the addresses at the root."""

    def __call__(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        answer = self.client.generic(method, f"/{path}", json.dumps(body) if body is not None else "", content_type="application/json")
        assert answer.status_code == expect, answer.content
        return answer.json() if answer.content else None


@pytest.fixture
def api(cast: Cast) -> Truto:
    return Truto(cast.bob)


def made(api: Truto, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return dict(api("POST", "integration", {"name": "my_custom_crm", "category": "crm", "config": config, **more}, expect=201))


def test_post_answers_with_every_field(api: Truto, cast: Cast) -> None:
    cast.msp.fields = {
        "domain": "example.com",
        "logo": "https://example.com/logo.png",
        "is_verified": "true",
        "terms_link": "https://example.com/tos",
    }
    cast.msp.save()
    body = made(api, whole(), is_beta=True)
    assert {name: body[name] for name in ("name", "category", "is_beta", "sharing", "environment_ids", "team_id")} == {
        "name": "my_custom_crm", "category": "crm", "is_beta": True, "sharing": "allow", "environment_ids": [], "team_id": str(cast.msp.pk)
    }  # fmt: skip
    team = body["team"]
    assert {name: team[name] for name in team if not name.endswith("_at")} == {
        "id": str(cast.msp.pk), "name": "Managed Services", "domain": "example.com", "logo": "https://example.com/logo.png", "is_verified": True,
        "is_white_labeled": False, "terms_link": "https://example.com/tos", "allow_impersonation": False,
    }  # fmt: skip
    assert [moment[-1] for moment in (team["created_at"], team["updated_at"], body["created_at"], body["updated_at"])] == ["Z"] * 4
    assert api("GET", f"integration/{body['id']}") == body


def test_a9_91_environment_ids_are_the_organizations_that_are_connected_as_far_as_one_sees_them(
    api: Truto, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration()
    for organization, user in ((cast.client_a, cast.carol), (cast.client_b, cast.alice)):
        make_connection(integration, organization=organization, user=user)
    path = f"integration/{integration.pk}"
    assert {user.username: set(Truto(user)("GET", path)["environment_ids"]) for user in (cast.bob, cast.carol)} == {
        "bob": {str(cast.client_a.pk), str(cast.client_b.pk)},
        "carol": {str(cast.client_a.pk)},
    }


def test_a9_92_team_is_the_owner_with_what_its_admins_say_of_it(api: Truto, cast: Cast) -> None:
    integration = made(api, SMALL)
    path = f"integration/{integration['id']}"
    before = api("GET", path)["team"]
    assert (integration["team_id"], before) == (str(cast.msp.pk), {
        "id": str(cast.msp.pk), "name": "Managed Services", "domain": None, "logo": None, "is_verified": False, "is_white_labeled": False,
        "terms_link": None, "allow_impersonation": False, "created_at": before["created_at"], "updated_at": before["updated_at"],
    })  # fmt: skip
    fields = {
        "domain": "example.com", "logo": "https://example.com/logo.png", "is_verified": "true", "is_white_labeled": "yes",
        "terms_link": "https://example.com/tos", "allow_impersonation": "0",
    }  # fmt: skip
    Api(cast.alice)("PATCH", f"organizations/{cast.msp.slug}", {"name": "My Awesome Team", "fields": fields})
    after = api("GET", path)["team"]
    assert {name: after[name] for name in ("id", "name", *fields, "created_at")} == {
        **fields, "id": str(cast.msp.pk), "name": "My Awesome Team", "created_at": before["created_at"],
        "is_verified": True, "is_white_labeled": True, "allow_impersonation": False,
    }  # fmt: skip
    assert before["created_at"] <= before["updated_at"] < after["updated_at"]


def test_config_comes_back_as_it_was_with_secrets_masked(api: Truto) -> None:
    body = made(api, whole())
    assert body["config"] == masked(whole())
    assert list(body["config"]) == list(whole())
    text = json.dumps([body, api("GET", "integration"), Integration.objects.get().extra])
    assert [secret for secret in ("your-client-secret", "your-webhook-secret") if secret in text] == []
    assert "your-client-secret" not in DefaultCredential.objects.get().sealed


def test_what_is_not_used_is_listed(api: Truto) -> None:
    assert [note["path"] for note in made(api, whole())["unused"]] == [
        "resources.users.list.examples",
        "webhook.signature_verification.config",
        "webhook.handle_verification",
        "icon",
    ]
    odd = whole(pagination={"format": "dynamic", "config": {}}, surprise=1)
    odd["credentials"]["keka"] = {"format": "keka_oauth", "config": {}}
    odd["resources"]["users"]["list"] |= {"pagination": None, "shape": "x", "rate_limit": {"is_rate_limited": "{{status = 420}}"}}
    odd["actions"]["hook"] = {"type": "transform", "config": {}}
    again = made(api, odd)
    assert again["config"] == masked(odd)
    assert {note["path"] for note in again["unused"]} == {
        "surprise", "credentials.keka", "pagination", "resources.users.list.shape", "resources.users.list.examples",
        "actions.hook", "webhook.signature_verification.config", "webhook.handle_verification", "icon",
    }  # fmt: skip


def test_a4_38_42_definition_says_what_the_document_says(api: Truto) -> None:
    definition = Integration.objects.get(pk=made(api, whole())["id"]).working.definition
    auth: Any = definition.auth
    assert (definition.api_base_uri, definition.headers["User-Agent"]) == ("https://api.example.com", "truto")
    assert (auth.type, auth.grant_type, auth.client_id) == ("oauth2", "client_credentials", "your-client-id")
    assert (auth.token_uri, auth.refresh_uri) == ("https://auth.example.com/oauth/token", "https://auth.example.com/oauth/refresh")
    assert (auth.scope_separator, auth.client_authentication, auth.token_request_content_type, auth.default_token_lifetime) == (
        " ", "basic", "application/x-www-form-urlencoded", 3600
    )  # fmt: skip
    assert [(field.name, field.label, field.type, field.required) for field in auth.credential_fields] == [
        ("clientId", "Client ID", "text", True), ("clientSecret", "Client Secret", "password", True)
    ]  # fmt: skip
    paging: Any = definition.pagination
    assert (paging.type, paging.page_param, paging.page_size_param) == ("page", "page", "per_page")
    assert (definition.rate_limit.retry_after_headers, definition.rate_limit.remaining_header) == (["Retry-After"], "X-RateLimit-Remaining")
    assert definition.error_expression == "{{response.error}}"


def test_limit_of_one_method_is_that_of_its_action_and_comes_back(api: Truto) -> None:
    document = whole()
    document["resources"]["users"]["list"]["rate_limit"] = {"is_rate_limited": "status = 420", "retry_after_header_expression": "X-Wait"}
    body = made(api, document)
    revision = Integration.objects.get(pk=body["id"]).working
    own = {action.operation.key: action.operation.rate_limit for action in revision.actions.all()}
    assert {key: (limit.limited_expression, limit.retry_after_headers) for key, limit in own.items() if limit} == {
        "users_list": ("status = 420", ["X-Wait"])
    }
    assert len(own) > 1
    assert body["config"]["resources"]["users"]["list"]["rate_limit"] == document["resources"]["users"]["list"]["rate_limit"]


def test_small_document_asks_for_a_key(api: Truto) -> None:
    body = made(api, SMALL)
    auth: Any = Integration.objects.get(pk=body["id"]).working.definition.auth
    assert (body["config"], body["unused"]) == (SMALL, [])
    assert (auth.type, auth.placements[0].value, [field.label for field in auth.credential_fields]) == (
        "apikey",
        "Bearer {{credentials.api_key}}",
        ["API Key"],
    )


def test_a4_37_several_formats_are_choices(api: Truto) -> None:
    config = whole()
    config["credentials"]["api_key"] = SMALL["credentials"]["api_key"]
    body = made(api, config)
    revision = Integration.objects.get(pk=body["id"]).working
    assert [(choice["scheme"], choice["auth"]["type"]) for choice in revision.auth_choices] == [("oauth2", "oauth2"), ("api_key", "apikey")]
    assert "credentials" in [note["path"] for note in body["unused"]]


def test_patch_changes_what_is_given_and_masks_mean_unchanged(api: Truto) -> None:
    body = made(api, whole())
    config = body["config"]
    config["resources"]["users"]["get"] = {"method": "get", "path": "/users/{{id}}", "response_path": "data"}
    del config["resources"]["orders"]
    changed = api("PATCH", f"integration/{body['slug']}", {"config": config, "is_beta": True, "category": "sales"})
    assert (changed["config"], changed["is_beta"], changed["category"], changed["name"]) == (config, True, "sales", "my_custom_crm")
    keys = Integration.objects.get(pk=body["id"]).working.actions.values_list("key", "path")
    assert sorted(keys) == [("action_sync_users", "/sync/users"), ("users_get", "/users/{id}"), ("users_list", "/users")]
    assert DefaultCredential.objects.count() == 1


def test_what_is_edited_here_is_in_the_document(api: Truto, cast: Cast) -> None:
    body = made(api, whole())
    hal = Api(cast.bob)
    hal(
        "PATCH",
        f"integrations/{body['id']}",
        {"headers": {"Accept": "text/csv"}, "pagination": {"type": "page", "pageParam": "p", "pageSizeParam": "n"}},
    )
    hal(
        "POST",
        f"integrations/{body['id']}/actions",
        {"name": "List teams", "method": "GET", "path": "/teams/{id}", "tags": ["teams"]},
        expect=201,
    )
    config = api("GET", f"integration/{body['id']}")["config"]
    assert config["headers"] == {"Accept": "text/csv"}
    assert config["pagination"] == {"format": "page", "config": {"page_key": "p", "limit_key": "n"}}
    assert config["resources"]["teams"] == {"list_teams": {"method": "get", "path": "/teams/{{id}}", "pagination": None}}
    same = masked(whole())
    assert {name: config[name] for name in ("query", "webhook", "credentials", "rate_limit")} == {
        name: same[name] for name in ("query", "webhook", "credentials", "rate_limit")
    }


def test_integration_of_another_origin_is_a_document_that_can_be_imported(api: Truto, cast: Cast) -> None:
    hal = Api(cast.bob)
    fields = {"name": "Other", "type": "custom", "apiBaseUri": "https://o.example.com", "authType": "apikey", "apiKeyName": "X-Key",
              "pagination": {"type": "pointer", "afterParam": "after", "pointerPath": "next"}}  # fmt: skip
    other = hal("POST", "integrations", fields, expect=201)
    hal("POST", f"integrations/{other['id']}/actions", {"name": "List", "path": "/x", "paginated": True, "tags": ["x"]}, expect=201)
    config = api("GET", f"integration/{other['id']}")["config"]
    again = made(api, config)
    assert again["config"] == config
    definition = Integration.objects.get(pk=again["id"]).working.definition
    pagination: Any = definition.pagination
    assert (definition.api_base_uri, pagination.after_param, pagination.pointer_path) == ("https://o.example.com", "after", "next")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"name": "x"}, ["config"]),
        ({"name": "x", "config": {"base_url": "api.example.com"}}, ["config.apiBaseUri"]),
        ({"name": "x", "config": whole(error_expression="{{$uppercase(}}")}, ["config.error_expression"]),
        (
            {"name": "x", "config": whole(resources={"users": {"list": {"method": "fetch", "path": "/x"}}})},
            ["config.resources.users.list.method"],
        ),
        ({"name": "x", "config": whole(resources={"users": {"list": {"method": "get"}}})}, ["config.resources.users.list.path"]),
        ({"name": "x", "config": whole(credentials=["x"])}, ["config.credentials"]),
        ({"name": 7, "confg": {}, "is_beta": "yes", "config": SMALL}, ["confg", "name", "is_beta"]),
    ],
)
def test_what_cannot_be_read_is_named(api: Truto, body: dict[str, Any], fields: list[str]) -> None:
    problem = api("POST", "integration", body, expect=422)
    assert [item["field"] for item in problem["errors"]] == fields
    assert Integration.objects.count() == 0


def test_rights_are_those_of_every_address(cast: Cast, api: Truto) -> None:
    body = made(api, SMALL)
    Truto(cast.carol)("POST", "integration", {"name": "x", "config": SMALL}, expect=403)
    Truto(cast.eve)("GET", f"integration/{body['id']}", expect=404)
    Truto(cast.eve)("DELETE", f"integration/{body['id']}", expect=404)
    api("DELETE", f"integration/{body['id']}", expect=204)
    assert api("GET", "integration") == {"result": [], "next_cursor": None}


# --- it runs ---------------------------------------------------------------------------------------------------------------


class Vendor:
    """The API that the document describes: tokens, three pages of users, orders, errors with 200, one 429."""

    def __init__(self) -> None:
        self.limited = 1

    def __call__(self, handler: Handler) -> None:
        parts = urlsplit(handler.path)
        seen = handler.server.seen[-1]
        if parts.path == "/oauth/token":
            handler.reply(200, b'{"access_token": "the-token"}', Content_Type="application/json")
        elif handler.headers["Authorization"] != "Bearer the-token":
            handler.reply(401)
        elif parts.path == "/users":
            query = parse_qs(parts.query)
            if self.limited:
                self.limited -= 1
                handler.reply(429, b"", Retry_After="0", X_RateLimit_Remaining="0")
                return
            page, size = int(query["page"][0]), int(query["per_page"][0])
            users = [{"id": n, "name": f"User {n}"} for n in range((page - 1) * size, min(page * size, 5))]
            handler.reply(200, json.dumps({"data": {"users": users}}).encode(), Content_Type="application/json")
        elif parts.path == "/orders":
            order = json.loads(seen.body)
            answer = {"error": {"message": "no such user"}} if order["user_id"] == "nobody" else {"data": {"order": order}}
            handler.reply(200, json.dumps(answer).encode(), Content_Type="application/json")
        else:
            handler.reply(200, seen.body or b"{}", Content_Type="application/json")


@pytest.fixture
def server() -> Iterator[Served]:
    with serving(Vendor()) as served:
        yield served


@pytest.fixture
def connection(api: Truto, server: Served, cast: Cast, make_connection: MakeConnection) -> Connection:
    integration = Integration.objects.get(pk=made(api, at(server.url))["id"])
    finalize.finalize(integration=integration, user=cast.bob)
    integration.refresh_from_db()
    services.set_status(integration=integration, status="published")
    return make_connection(integration, credentials={})  # the client of the document is the default


def run(connection: Connection, key: str, cast: Cast, **inputs: Any) -> Run:
    size = 2 if key == "users_list" else None
    made = lifecycle.start(
        action=action_of(connection.integration, key),
        connection=connection,
        user=cast.carol,
        inputs=inputs,
        hand_over=False,
        page_size=size,
    )
    execution.execute(made.pk)
    made.refresh_from_db()
    return made


def test_resource_of_the_document_runs_over_all_pages(connection: Connection, cast: Cast, server: Served) -> None:
    done = run(connection, "users_list", cast, search_query="jo", filter_criteria=["a", "b"])
    assert (done.verdict, done.record_count, done.message) == ("complete", 5, done.message)
    asked = [(seen, parse_qs(urlsplit(seen.path).query)) for seen in server.seen if seen.path.startswith("/users")]
    assert [query["page"] for _, query in asked] == [["1"], ["1"], ["2"], ["3"], ["4"]][: len(asked)]
    assert {json.dumps([query["per_page"], query["search"], query["filter"]]) for _, query in asked} == {'[["2"], ["jo"], ["a,b"]]'}
    headers = asked[0][0].headers
    assert (headers["user-agent"], headers["accept"], headers["authorization"]) == ("truto", "application/json", "Bearer the-token")
    token = next(seen for seen in server.seen if seen.path == "/oauth/token")
    assert (token.body, token.headers["authorization"].split()[0]) == (b"grant_type=client_credentials", "Basic")


def test_names_without_a_value_are_left_out(connection: Connection, cast: Cast, server: Served) -> None:
    assert run(connection, "users_list", cast).verdict == "complete"
    assert [name for seen in server.seen for name in ("search", "filter") if name in parse_qs(urlsplit(seen.path).query)] == []


def test_a4_42_bodies_are_filled_with_values_of_their_own_kind(connection: Connection, cast: Cast, server: Served) -> None:
    items = [{"sku": "a", "count": 2}]
    assert run(connection, "orders_create", cast, user_id=7, items=items).verdict == "complete"
    assert json.loads(server.seen[-1].body) == {"user_id": 7, "items": items}
    assert run(connection, "action_sync_users", cast, users=["x"]).verdict == "complete"
    assert (server.seen[-1].method, server.seen[-1].path, json.loads(server.seen[-1].body)) == ("POST", "/sync/users", {"users": ["x"]})


def test_error_expression_makes_a_failure_of_a_200(connection: Connection, cast: Cast) -> None:
    failed = run(connection, "orders_create", cast, user_id="nobody", items=[])
    assert (failed.verdict, failed.message) == ("failed", "no such user")


def test_a4_40_one_method_may_have_an_authorization_of_its_own(
    api: Truto, server: Served, cast: Cast, make_connection: MakeConnection
) -> None:
    config = at(server.url)
    config["resources"] = {
        "open": {"list": {"method": "get", "path": "/open", "no_auth": True, "pagination": None}},
        "own": {"get": {"method": "get", "path": "/own/{{id}}", "authorization": {"format": "header", "config": {"X-Own": "{{$uppercase(context.clientId)}}"}}}},
    }  # fmt: skip
    integration = Integration.objects.get(pk=made(api, config)["id"])
    finalize.finalize(integration=integration, user=cast.bob)
    integration.refresh_from_db()
    services.set_status(integration=integration, status="published")
    connection = make_connection(integration, credentials={})
    run(connection, "open_list", cast)
    run(connection, "own_get", cast, id="a b")
    sent = [
        (seen.path, seen.headers.get("authorization"), seen.headers.get("x-own"))
        for seen in server.seen
        if seen.path.startswith("/o") and "token" not in seen.path
    ]
    assert sent == [("/open", None, None), ("/own/a%20b", None, "YOUR-CLIENT-ID")]


# --- what documents say with expressions ----------------------------------------------------------------------------------

CONFIGS = [
    # (what the document says, what the definition then has)
    ({"format": "page", "config": {"page_param": "p", "limit_param": "n", "start_page": "0"}}, {"pageParam": "p", "pageSizeParam": "n", "startPage": 0}),
    ({"format": "offset", "config": {"offset_key": "skip", "limit_key": "take", "max_limit": 50}},
     {"indexParam": "skip", "pageSizeParam": "take", "maxPageSize": 50, "defaultPageSize": 50}),
    ({"format": "cursor", "config": {"cursor_path": "meta.next", "cursor_key": "variables.after", "limit_key": "variables.first", "add_to_body": True,
                                     "limit_data_type": "string", "ignore_limit_in_pagination": True, "has_next_path": "meta.more"}},
     {"pointerPath": "meta.next", "afterParam": "variables.after", "afterLocation": "body", "pageSizeLocation": "body", "numbersAsText": True,
      "pageSizeFirstOnly": True, "hasMorePath": "meta.more"}),
    ({"format": "cursor", "config": {"cursor_path": "x-next", "cursor_path_object": "header", "is_cursor_url_encoded": True}},
     {"pointerLocation": "header", "pointerHeader": "x-next", "pointerForm": "encoded"}),
    ({"format": "range", "config": {"range_unit": "rows"}}, {"type": "range", "rangeUnit": "rows"}),
    ({"format": "dynamic", "config": {"get_initial_pagination_values": "{'page': 1}", "get_pagination_values_expression": "body.more ? {'page': 2}"}},
     {"type": "expression", "firstExpression": "{'page': 1}", "nextExpression": "body.more ? {'page': 2}"}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), CONFIGS)
def test_every_format_of_pagination_is_read_and_given_back(api: Truto, given: dict[str, Any], expected: dict[str, Any]) -> None:
    body = made(api, {**SMALL, "pagination": given})
    pagination = Integration.objects.get(pk=body["id"]).working.definition.pagination.dump()
    assert ({name: pagination[name] for name in expected}, body["unused"], body["config"]["pagination"]) == (expected, [], given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"is_rate_limited": True, "rate_limit_header_expression": "X-Calls-Reset"}, {"resetHeaders": ["X-Calls-Reset"]}),
        (
            {"is_rate_limited": "status = 420", "retry_after_header_expression": "$number(headers.`retry-in`)",
             "rate_limit_header_expression": "$number(headers.`x-reset`) + 1"},
            {"limitedExpression": "status = 420", "retryAfterHeaders": ["retry-in"], "resetExpression": "$number(headers.`x-reset`) + 1"},
        ),
        ({"is_rate_limited": "{{status = 420}}", "retry_after_header_expression": "headers.a ? 1 : 2"},
         {"limitedExpression": "status = 420", "waitExpression": "headers.a ? 1 : 2"}),
        ({"is_rate_limited": "true"}, {"limitedExpression": ""}),
        ({"is_rate_limited": False, "retry_after_header_expression": "X-Wait"}, {"retryAfterHeaders": []}),
    ],
)  # fmt: skip
def test_every_form_of_a_rate_limit_is_read_and_given_back(api: Truto, given: dict[str, Any], expected: dict[str, Any]) -> None:
    body = made(api, {**SMALL, "rate_limit": given})
    limit = Integration.objects.get(pk=body["id"]).working.definition.rate_limit.dump()
    assert ({name: limit[name] for name in expected}, body["unused"], body["config"]["rate_limit"]) == (expected, [], given)


def test_expressions_that_are_none_are_refused_with_their_place(api: Truto) -> None:
    dynamic = {"format": "dynamic", "config": {"get_pagination_values_expression": "{'page': "}}
    for part, value, place in (
        ("pagination", dynamic, "config.pagination.config.get_pagination_values_expression"),
        ("rate_limit", {"is_rate_limited": "status = "}, "config.rate_limit.is_rate_limited"),
    ):
        problem = api("POST", "integration", {"name": "x", "config": {**SMALL, part: value}}, expect=422)
        assert [item["field"] for item in problem["errors"]] == [place]


def test_dynamic_document_that_is_edited_here_is_written_as_dynamic(api: Truto, cast: Cast) -> None:
    body = made(api, SMALL)
    changed = {
        "type": "expression",
        "firstExpression": "{'from': 0}",
        "nextExpression": "body.next ? {'from': body.next}",
        "pageSizeParam": "n",
    }
    Api(cast.bob)("PATCH", f"integrations/{body['id']}", {"pagination": changed, "rateLimit": {"limitedExpression": "status = 420"}})
    config = api("GET", f"integration/{body['id']}")["config"]
    assert config["pagination"] == {
        "format": "dynamic",
        "config": {"get_initial_pagination_values_expression": "{'from': 0}", "get_pagination_values_expression": "body.next ? {'from': body.next}",
                   "limit_key": "n"},
    }  # fmt: skip
    assert config["rate_limit"] == {"is_rate_limited": "status = 420", "retry_after_header_expression": "Retry-After"}


@pytest.mark.parametrize(
    "expressions",
    [
        {"get_initial_pagination_values_expression": '{ "page": 1, "per_page": 2 }',
         "get_pagination_values_expression": '$count(body.data.users) = 2 ? { "page": paginationValues.page + 1, "per_page": 2 } : null'},
        {"get_initial_pagination_values_expression": '{ "page": query.cursor ? $number(query.cursor) : 1, "per_page": 2 }',
         "get_cursor_from_response_expression": "$count(body.data.users) = 2 ? $string($number(query.page) + 1) : undefined"},
    ],
)  # fmt: skip
def test_dynamic_document_runs_over_all_pages(
    api: Truto, server: Served, cast: Cast, make_connection: MakeConnection, expressions: dict[str, str]
) -> None:
    config = at(server.url)
    config["pagination"] = {"format": "dynamic", "config": expressions}
    config["resources"] = {"users": {"list": {"method": "get", "path": "/users", "response_path": "data.users"}}}
    config["rate_limit"] = {"is_rate_limited": "status = 429 and headers.`x-ratelimit-remaining` = '0'"}
    body = made(api, config)
    assert [note["path"] for note in body["unused"]] == ["webhook.signature_verification.config", "webhook.handle_verification", "icon"]
    integration = Integration.objects.get(pk=body["id"])
    finalize.finalize(integration=integration, user=cast.bob)
    integration.refresh_from_db()
    services.set_status(integration=integration, status="published")
    done = run(make_connection(integration, credentials={}), "users_list", cast)
    assert (done.verdict, done.record_count, done.page_count) == ("complete", 5, 3), done.message
    asked = [parse_qs(urlsplit(seen.path).query)["page"][0] for seen in server.seen if seen.path.startswith("/users")]
    assert asked == ["1", "1", "2", "3"]
