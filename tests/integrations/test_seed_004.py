"""Seed 004, row by row: every endpoint and every field name of the document (a.13, and a.14 for what it links)."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from connections.models import Connection
from integrations.models import Integration
from tests.cast import Cast, MakeConnection, MakeIntegration, action_values
from tests.connections.server import Handler, serving
from tests.connections.test_authorization import CLIENT, agree_auth, decide
from tests.integrations.test_api import Api
from tests.vendor.server import VendorServer

# The table of POST, with the values of the document's examples where it has one.
OAUTH = {
    "id": str(uuid4()),
    "name": "Google Drive - Engineering",
    "type": "google-drive",
    "category": "storage",
    "description": "Sync engineering documents",
    "mode": "per-user",
    "authType": "oauth2",
    "scope": "https://www.googleapis.com/auth/drive.readonly",
    "authUri": "https://accounts.google.com/o/oauth2/v2/auth",
    "tokenUri": "https://oauth2.googleapis.com/token",
    "revocationUri": "https://oauth2.googleapis.com/revoke",
    "apiBaseUri": "https://www.googleapis.com/drive/v3",
    "clientId": "123456789-abcdefg.apps.googleusercontent.com",
    "clientSecret": "GOCSPX-xyz123abc456",
    "basicTokenAuth": True,
    "imageUrl": "/images/google-drive.png",
    "headers": {"X-User-Email": "${user.email}", "X-Tenant": "${tenant.id}", "X-Custom-Region": "${user.region}"},
    "data": {"folder": "engineering", "deep": {"a": [1, None]}},
}
BY_KEY = {
    "name": "Custom API Integration",
    "type": "custom",
    "authType": "apiKey",
    "apiKey": "sk-abc123xyz789",
    "apiKeyLocation": "header",
    "apiKeyName": "X-API-Key",
    "apiBaseUri": "https://api.example.com/v1",
}
SECRETS = ("clientSecret", "apiKey")
IDENTITY = {"id", "name", "slug", "type", "category", "description", "mode", "authType", "embedded"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h8"/></svg>'


@pytest.fixture
def api(cast: Cast) -> Api:
    return Api(cast.bob)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int = 2, height: int = 2, extra: bytes = b"") -> bytes:
    rows = zlib.compress(b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + extra
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


# The smallest JPEG: one gray pixel, with a comment that must not stay.
JPEG = base64.b64decode(
    "/9j/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k="
).replace(b"\xff\xc9", b"\xff\xc0")
NOTED_JPEG = JPEG[:2] + b"\xff\xfe\x00\x0aTaken at" + JPEG[2:]


# --- 117: GET /api/integrations ------------------------------------------------------------------------------------------


def test_a13_117_list_is_hal_with_start_count_and_total(api: Api) -> None:
    made = api("POST", "integrations", OAUTH, expect=201)
    page = api("GET", "integrations")
    assert set(page) == {"_links", "_embedded", "start", "count", "total"}
    assert page["_links"]["self"]["href"] == "/api/integrations"
    assert (page["start"], page["count"], page["total"]) == (0, 1, 1)
    [item] = page["_embedded"]["inf:integration"]
    assert item["_links"]["self"]["href"] == f"/api/integrations/{made['id']}"
    wanted = IDENTITY | {"scope", "authUri", "tokenUri", "apiBaseUri", "createdAt", "updatedAt"}
    assert {name: item[name] for name in wanted if name in OAUTH} == {name: OAUTH[name] for name in wanted if name in OAUTH}
    assert (item["slug"], item["embedded"], wanted - set(item)) == ("google-drive-engineering", False, set())
    assert item["createdAt"].endswith("Z")


def test_a13_117_list_comes_in_both_media_types(api: Api) -> None:
    for accept, kind in (
        ("application/hal+json", "application/hal+json"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
    ):
        answer = api.client.get("/api/integrations", headers={"Accept": accept})
        assert (answer["Content-Type"], answer.json()["total"]) == (kind, 0)


def test_a13_117_q_searches_all_words_in_name_and_description(api: Api) -> None:
    for name, description in (("Drive", "Document sync"), ("Mail", "Document search"), ("Sync", "People")):
        api("POST", "integrations", {"type": "custom", "name": name, "description": description}, expect=201)

    def found(q: str) -> list[str]:
        return [item["name"] for item in api("GET", f"integrations?q={q}")["_embedded"]["inf:integration"]]

    assert (found("DOCUMENT"), found("sync"), found("document%20sync"), found("nothing")) == (
        ["Drive", "Mail"],
        ["Drive", "Sync"],
        ["Drive"],
        [],
    )


def test_a13_117_supports_upload_filters_by_the_capability(api: Api, make_integration: MakeIntegration) -> None:
    file = {"contentType": "multipart/form-data", "schema": {"type": "object"}}
    make_integration(name="Takes files", actions=[action_values(name="Upload", method="POST", body=file)])
    make_integration(name="Only lists")
    api("POST", "integrations", {"type": "custom", "name": "Says so", "data": {"supportsUpload": True}}, expect=201)

    def found(value: str) -> list[str]:
        return [item["name"] for item in api("GET", f"integrations?supportsUpload={value}")["_embedded"]["inf:integration"]]

    assert (found("true"), found("false")) == (["Says so", "Takes files"], ["Only lists"])
    assert api("GET", "integrations")["total"] == 3


# --- 118: GET /api/integrations-list -------------------------------------------------------------------------------------


def test_a13_118_flat_list_is_an_array_with_owner_tags_and_sharing(api: Api, cast: Cast, make_integration: MakeIntegration) -> None:
    made = make_integration(name="Shared", auth={"type": "bearer"}, status="published")
    api("PUT", f"integrations/{made.pk}", {"tags": ["files"], "sharingPolicy": "deny", "mode": "shared"})
    for principal, level in (("dave", 1), ("organization:client-a", 2)):
        Api(cast.alice)("PUT", f"integrations/{made.pk}/shares/{principal}", {"accessLevel": level})
    wanted = {
        "id": str(made.pk), "name": "Shared", "slug": "shared", "type": "custom", "category": "", "description": "", "mode": "shared",
        "authType": "bearer", "ownerId": "organization:managed-services", "embedded": False, "shared": True, "tags": ["files"],
        "sharing": [{"principalId": "dave", "accessLevel": 1}, {"principalId": "organization:client-a", "accessLevel": 2}],
    }  # fmt: skip
    assert api("GET", "integrations-list") == [wanted]
    assert Api(cast.dave)("GET", "integrations-list") == [wanted]
    assert Api(cast.eve)("GET", "integrations-list") == []


def test_a13_118_flat_list_has_an_etag_that_saves_the_body(api: Api) -> None:
    api("POST", "integrations", BY_KEY, expect=201)
    first = api.client.get("/api/integrations-list")
    same = api.client.get("/api/integrations-list", headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, same.status_code, same.content, same["ETag"]) == (200, 304, b"", first["ETag"])
    api("POST", "integrations", {"type": "custom", "name": "Another"}, expect=201)
    changed = api.client.get("/api/integrations-list", headers={"If-None-Match": first["ETag"]})
    assert (changed.status_code, len(changed.json())) == (200, 2)


# --- 119, 125: GET /api/integrations/{id} --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["id", "slug"])
def test_a13_119_one_integration_by_id_or_slug_with_all_links(api: Api, key: str) -> None:
    made = api("POST", "integrations", OAUTH, expect=201)
    shown = api("GET", f"integrations/{made[key]}")
    fields = IDENTITY | {
        "clientId",
        "scope",
        "authUri",
        "tokenUri",
        "revocationUri",
        "apiBaseUri",
        "imageUrl",
        "data",
        "createdAt",
        "updatedAt",
    }
    assert {name: shown[name] for name in fields if name in OAUTH} == {name: OAUTH[name] for name in fields if name in OAUTH}
    assert fields - set(shown) == set()
    own = f"/api/integrations/{made['id']}"
    assert {name: link for name, link in shown["_links"].items() if name == "self" or name.startswith("inf:")} == {
        "self": {"href": own},
        "inf:icon": {"href": f"{own}/icon"},
        "inf:connect": {"href": f"{own}/connect"},
        "inf:connection": {"href": f"{own}/connection"},
        "inf:account": {"href": f"{own}/account"},
        "inf:request": {"href": f"{own}/request"},
        "inf:integration-owner": {"href": f"{own}/owner"},
        "inf:integration-shares": {"href": f"{own}/shares"},
        "inf:integration-share": {"href": f"{own}/shares/{{principalId}}", "templated": True},
    }


def test_a13_125_fields_are_the_same_in_every_document(api: Api) -> None:
    made = api("POST", "integrations", OAUTH, expect=201)
    [listed] = api("GET", "integrations")["_embedded"]["inf:integration"]
    [flat] = api("GET", "integrations-list")
    wanted = {name: OAUTH[name] for name in ("id", "name", "type", "category", "description", "mode", "authType")}
    wanted |= {"slug": "google-drive-engineering", "embedded": False, "createdAt": made["createdAt"], "updatedAt": made["updatedAt"]}
    for document in (made, listed, api("GET", f"integrations/{made['slug']}")):
        assert {name: document[name] for name in wanted} == wanted
    assert {name: flat[name] for name in IDENTITY} == {name: wanted[name] for name in IDENTITY}


# --- 120: POST -----------------------------------------------------------------------------------------------------------


def test_a13_120_post_takes_every_field_and_gives_201_with_the_location(api: Api) -> None:
    answer = api.client.post("/api/integrations", json.dumps(OAUTH), content_type="application/json")
    made = answer.json()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/integrations/{OAUTH['id']}")
    assert {name: made[name] for name in OAUTH if name not in SECRETS} == {
        name: value for name, value in OAUTH.items() if name not in SECRETS
    }
    assert made["auth"]["grantType"] == "authorization_code"


def test_a4_36_a13_120_post_takes_the_fields_of_a_key_in_any_case(api: Api) -> None:
    made = api(
        "POST", "integrations", {**BY_KEY, "apiKeyLocation": "query", "apiKeyName": "key", "scope": "", "basicTokenAuth": False}, expect=201
    )
    assert (made["authType"], made["apiKeyLocation"], made["apiKeyName"], made["apiBaseUri"]) == (
        "apikey",
        "query",
        "key",
        BY_KEY["apiBaseUri"],
    )
    for kind in ("APIKEY", "Basic", "BEARER", "OAuth2"):
        assert api("POST", "integrations", {"type": "custom", "name": kind, "authType": kind}, expect=201)["authType"] == kind.lower()


def test_a13_120_name_and_type_are_required_and_nothing_else(api: Api) -> None:
    refused = api("POST", "integrations", {"mode": "shared", "authType": "basic"}, expect=422)
    assert [error["field"] for error in refused["errors"]] == ["name", "type"]
    api("POST", "integrations", {"name": "Least", "type": "custom"}, expect=201)


def test_a13_120_mode_is_per_user_unless_it_says_shared(api: Api) -> None:
    def mode(**given: Any) -> str:
        made = api("POST", "integrations", {"name": "A", "type": "custom", **given}, expect=201)
        return str(api("GET", f"integrations/{made['id']}")["mode"])

    assert (mode(), mode(mode=None), mode(mode="per-user"), mode(mode="Shared")) == ("per-user", "per-user", "per-user", "shared")
    refused = api("POST", "integrations", {"name": "A", "type": "custom", "mode": "each"}, expect=422)
    assert refused["errors"] == [{"field": "mode", "message": "each is no mode. Use one of: shared, per-user."}]


def test_a13_121_put_without_a_mode_keeps_it(api: Api) -> None:
    made = api("POST", "integrations", {"name": "A", "type": "custom", "mode": "shared"}, expect=201)
    assert [api("PUT", f"integrations/{made['id']}", body)["mode"] for body in ({"name": "B"}, {"mode": None}, {"mode": "per-user"})] == [
        "shared", "shared", "per-user"
    ]  # fmt: skip


def test_a4_36_a13_120_auth_type_is_oauth2_unless_the_fields_say_otherwise(api: Api) -> None:
    assert api("POST", "integrations", {"name": "A", "type": "custom"}, expect=201)["authType"] == "oauth2"
    assert api("POST", "integrations", {"name": "B", "type": "custom", "apiKey": "k"}, expect=201)["authType"] == "apikey"


def test_a4_41_a13_120_secrets_go_in_and_never_out(api: Api) -> None:
    for body in (OAUTH, BY_KEY):
        made = api("POST", "integrations", body, expect=201)
        answers = [made, api("GET", f"integrations/{made['id']}"), api("GET", "integrations"), api("GET", "integrations-list")]
        assert [secret for secret in ("GOCSPX-xyz123abc456", "sk-abc123xyz789") if secret in json.dumps(answers)] == []
        assert not set(SECRETS) & set(made)


def test_a13_120_post_needs_the_right_to_create(cast: Cast) -> None:
    Api(cast.carol)("POST", "integrations", BY_KEY, expect=403)


# --- 121, 122: PUT, DELETE -----------------------------------------------------------------------------------------------


def test_a13_121_put_takes_a_part_by_id_or_slug(api: Api) -> None:
    made = api("POST", "integrations", OAUTH, expect=201)
    part = {
        "name": "Updated Integration Name",
        "description": "Updated description",
        "scope": "https://www.googleapis.com/auth/drive a.file",
    }
    changed = api("PUT", f"integrations/{made['slug']}", part)
    assert {name: changed[name] for name in part} == part
    rest = {name for name in OAUTH if name not in part and name not in SECRETS}
    assert {name: changed[name] for name in rest} == {name: OAUTH[name] for name in rest}


def test_a13_121_put_takes_every_field(api: Api) -> None:
    made = api("POST", "integrations", {"type": "custom", "name": "Empty", "authType": "apikey"}, expect=201)
    for body in (BY_KEY, {name: value for name, value in OAUTH.items() if name != "id"}):
        changed = api("PUT", f"integrations/{made['id']}", body)
        same = {name: value for name, value in body.items() if name not in SECRETS} | {"authType": str(body["authType"]).lower()}
        assert {name: changed[name] for name in same} == same


def test_a13_121_122_put_and_delete_need_their_rights(cast: Cast, make_integration: MakeIntegration) -> None:
    integration = make_integration()
    for user, code in ((cast.carol, 403), (cast.eve, 404)):
        Api(user)("PUT", f"integrations/{integration.pk}", {"name": "Mine"}, expect=code)
        Api(user)("DELETE", f"integrations/{integration.slug}", expect=code)


def test_a13_122_delete_is_204_and_takes_connections_along_only_when_told_so(
    api: Api, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration()
    make_connection(integration)
    api("DELETE", f"integrations/{integration.slug}", expect=409)
    api("DELETE", f"integrations/{integration.slug}?cascade=true", expect=204)
    assert (Integration.objects.count(), Connection.objects.count()) == (0, 0)
    api("DELETE", f"integrations/{make_integration().pk}", expect=204)


# --- 123: icon -----------------------------------------------------------------------------------------------------------


def put_icon(api: Api, integration: Integration, data: bytes, name: str = "file") -> Any:
    body = encode_multipart(BOUNDARY, {name: SimpleUploadedFile("icon", data)})
    return api.client.generic("PUT", f"/api/integrations/{integration.slug}/icon", body, content_type=MULTIPART_CONTENT)


@pytest.mark.parametrize(
    ("data", "kind", "kept"),
    [(SVG, "image/svg+xml", SVG.replace(b'"/></svg>', b'" /></svg>')), (png(extra=chunk(b"tEXt", b"Author\0me")), "image/png", png()), (NOTED_JPEG, "image/jpeg", JPEG)],
)  # fmt: skip
def test_a13_123_icon_of_each_kind_comes_back_without_notes(
    api: Api, make_integration: MakeIntegration, data: bytes, kind: str, kept: bytes
) -> None:
    integration = make_integration()
    assert put_icon(api, integration, data, "image").status_code == 200
    shown = api.client.get(f"/api/integrations/{integration.pk}/icon")
    assert (shown["Content-Type"], shown.content, shown["X-Content-Type-Options"]) == (kind, kept, "nosniff")
    page = api.client.get(f"/integrations/{integration.slug}/icon.svg")
    assert (page["Content-Type"], page.content) == (kind, kept)
    assert api.client.delete(f"/api/integrations/{integration.pk}/icon").status_code == 204
    assert api.client.get(f"/api/integrations/{integration.pk}/icon")["Content-Type"] == "image/svg+xml"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"GIF89a", "The icon is neither SVG nor PNG nor JPEG. Choose a file that opens as an image in a browser."),
        (png()[:-20], "The PNG file is damaged or cut off. Export it again."),
        (png(4000, 1), "The icon has 4000 x 1 pixels; at most 2048 x 2048 are shown. Scale it down."),
        (JPEG[:-10], "The JPEG file is damaged or cut off. Export it again."),
        (png() + b"\0" * 300_000, "The icon is larger than 256 KB. Scale it down to 256 x 256 pixels or less."),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>',
         "The icon holds a script. Icons are images only: remove the script element and upload it again."),
    ],
)  # fmt: skip
def test_a13_123_icon_that_is_none_is_refused(api: Api, make_integration: MakeIntegration, data: bytes, sentence: str) -> None:
    refused = put_icon(api, make_integration(), data)
    assert (refused.status_code, refused.json()["errors"]) == (422, [{"field": "file", "message": sentence}])


def test_a13_123_icon_is_changed_by_who_may_write(cast: Cast, make_integration: MakeIntegration) -> None:
    assert put_icon(Api(cast.carol), make_integration(), SVG).status_code == 403


# --- 124 and a.14: account, connect, connection ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "account", "wanted"),
    [
        ({"email": "alice@example.com", "displayName": "Alice Johnson", "accountId": "google-account-123"}, None,
         {"email": "alice@example.com", "displayName": "Alice Johnson", "accountId": "google-account-123"}),
        ({"user": {"emailAddress": "a@example.com", "first_name": "Alice", "last_name": "Johnson", "id": 7}}, None,
         {"email": "a@example.com", "displayName": "Alice Johnson", "accountId": "7"}),
        ({"owner": {"mails": ["a@example.com"], "label": "Alice"}, "key": "k"}, {"emailPath": "owner.mails.0", "displayNamePath": "owner.label", "accountIdPath": "key"},
         {"email": "a@example.com", "displayName": "Alice", "accountId": "k"}),
        ({"ok": True}, None, {"email": None, "displayName": None, "accountId": None}),
    ],
)  # fmt: skip
def test_a13_124_account_is_asked_of_the_vendor(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection, answer: Any, account: Any, wanted: Any
) -> None:
    def reply(handler: Handler) -> None:
        handler.reply(200 if (handler.path, handler.headers["Authorization"]) == ("/me", "Bearer t") else 403, json.dumps(answer).encode())

    with serving(reply) as served:
        integration = make_integration(base_uri=served.url, auth={"type": "bearer"}, account={"uri": "/me", **(account or {})})
        make_connection(integration, credentials={"token": "t"})
        assert Api(cast.carol)("GET", f"integrations/{integration.slug}/account") == wanted


def test_a13_124_account_says_why_there_is_none(cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection) -> None:
    with serving(lambda handler: handler.reply(500)) as served:
        integration = make_integration(base_uri=served.url, account={"uri": "/me"})
        Api(cast.carol)("GET", f"integrations/{integration.pk}/account", expect=409)
        make_connection(integration)
        Api(cast.carol)("GET", f"integrations/{integration.pk}/account", expect=502)
    Api(cast.dave)("GET", f"integrations/{integration.pk}/account", expect=403)


def test_a14_connect_leads_to_the_vendor_s_page_and_takes_what_a_program_has(
    cast: Cast, vendor: VendorServer, make_integration: MakeIntegration
) -> None:
    integration = make_integration(base_uri=f"{vendor.url}/agree", auth=agree_auth(vendor), ping={"method": "GET", "uri": "/me"})
    api = Api(cast.carol)
    made = api("POST", f"integrations/{integration.slug}/connect", {"credentials": CLIENT}, expect=201)
    page = api.client.get(f"/api/integrations/{integration.pk}/connect")
    assert page.status_code == 302
    assert page["Location"].startswith(f"{vendor.url}/agree/authorize?")
    code = decide(page["Location"])
    assert set(code) >= {"code", "state"}
    assert api.client.get("/oauth2/callback", code).status_code == 302
    assert api("GET", f"connections/{made['id']}")["token"]["held"] is True


def test_a14_connection_is_the_caller_s(cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection) -> None:
    integration = make_integration(auth={"type": "bearer"})
    api = Api(cast.carol)
    api("GET", f"integrations/{integration.slug}/connection", expect=409)
    connection = make_connection(integration, credentials={"token": "t"})
    shown = api("GET", f"integrations/{integration.slug}/connection")
    assert {name: shown[name] for name in ("id", "integrationId", "ownerId", "isShared")} == {
        "id": str(connection.pk), "integrationId": str(integration.pk), "ownerId": "client-a", "isShared": True
    }  # fmt: skip
    each = make_integration(name="Each", auth={"type": "bearer"})
    Integration.objects.filter(pk=each.pk).update(extra={"mode": "per-user"})
    each.refresh_from_db()
    own = make_connection(each, credentials={"token": "t"})
    shown = api("GET", f"integrations/{each.slug}/connection")
    assert (shown["id"], shown["ownerId"], shown["isShared"]) == (str(own.pk), "carol", False)
    Api(cast.dave)("GET", f"integrations/{integration.pk}/connection", expect=403)
