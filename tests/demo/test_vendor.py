"""The sample vendor over a socket: every collection to its last page, every way to authenticate, every kind of body."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urljoin

import pytest

from demo.vendor import data, document
from demo.vendor.settings import Settings
from tests.vendor.client import Answer, basic, call, send_json
from tests.vendor.server import VendorServer

KEY = {"X-API-Key": "sample-key"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def shared() -> Iterator[VendorServer]:
    """One server for all tests that change nothing."""
    with VendorServer() as vendor:
        yield vendor


@pytest.fixture
def vendor() -> Iterator[VendorServer]:
    with VendorServer() as vendor:
        yield vendor


def get(vendor: VendorServer, path: str, **query: Any) -> Any:
    answer = call(f"{vendor.url}/v1{path}?{urlencode(query, doseq=True)}", headers=KEY)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    return answer.json()


def records(name: str) -> list[data.Record]:
    return list(data.records(Settings().seed, name))


# --- pagination


def test_pages_hold_every_device_once(shared: VendorServer) -> None:
    found: list[data.Record] = []
    page = get(shared, "/devices", page=1, page_size=200)
    for number in range(1, page["page_count"] + 1):
        found += get(shared, "/devices", page=number, page_size=200)["items"]
    assert found == records("devices")
    assert (page["total"], page["page_count"], page["page_size"]) == (2340, 12, 200)


def test_offsets_hold_every_ticket_once(shared: VendorServer) -> None:
    found: list[data.Record] = []
    while len(found) < (page := get(shared, "/tickets", offset=len(found), limit=130))["count"]:
        found += page["results"]
    assert found == records("tickets")


def test_link_header_leads_to_every_site_once(shared: VendorServer) -> None:
    found: list[data.Record] = []
    url: str | None = f"{shared.url}/v1/sites?per_page=60"
    while url:
        answer = call(url, headers=KEY)
        found += answer.json()
        following = re.search(r'<([^>]+)>; rel="next"', answer.headers["Link"])
        url = following and following[1]
    assert found == records("sites")


@pytest.mark.parametrize("style", ["absolute", "relative"])
def test_body_links_lead_to_every_alert_once(shared: VendorServer, style: str) -> None:
    found: list[data.Record] = []
    base = f"{shared.url}/v1/alerts"
    link: str | None = f"?per_page=170&link_style={style}"
    while link:
        page = call(urljoin(base, link), headers=KEY).json()
        found += page["data"]
        link = page["links"]["next"]
        assert not link or link.startswith("/v1/" if style == "relative" else base)
    assert found == records("alerts")


def test_cursors_lead_to_every_invoice_once(shared: VendorServer) -> None:
    page = get(shared, "/invoices", limit=200)
    found = page["data"]
    while page["next_cursor"]:
        page = get(shared, "/invoices", limit=200, cursor=page["next_cursor"])
        found += page["data"]
    assert found == records("invoices")


def test_tags_come_as_one_list(shared: VendorServer) -> None:
    assert get(shared, "/tags") == records("tags")


def test_page_size_is_capped_by_the_server(shared: VendorServer) -> None:
    assert [device["id"] for device in get(shared, "/devices", page_size=5000)["items"]] == list(range(1, 201))
    assert len(get(shared, "/tickets", limit=5000)["results"]) == 200


def test_page_beyond_the_end_is_empty(shared: VendorServer) -> None:
    assert get(shared, "/devices", page=999)["items"] == []


@pytest.mark.parametrize(
    ("target", "parameter"),
    [("/devices?page=0", "page"), ("/tickets?offset=-1", "offset"), ("/sites?per_page=many", "per_page"), ("/invoices?cursor=x", "cursor")],
)
def test_impossible_page_is_refused(shared: VendorServer, target: str, parameter: str) -> None:
    answer = call(f"{shared.url}/v1{target}", headers=KEY)
    assert (answer.status, answer.json()["error"]["parameter"]) == (422, parameter)


def test_links_do_not_repeat_a_key_of_the_query(shared: VendorServer) -> None:
    answer = call(f"{shared.url}/v1/alerts?api_key=sample-key")
    assert answer.json()["links"]["next"] == f"{shared.url}/v1/alerts?page=2&per_page=50"


# --- authentication


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"X-API-Key": "sample-key"}),
        ("?api_key=sample-key", {}),
        ("", {"Cookie": "theme=dark; api_key=sample-key"}),
        ("", {"Authorization": "Token sample-key"}),
        ("", basic("sample", "sample-password")),
        ("", {"Authorization": "Bearer sample-token"}),
    ],
)
def test_every_credential_opens_the_account(shared: VendorServer, query: str, headers: dict[str, str]) -> None:
    answer = call(f"{shared.url}/v1/me{query}", headers=headers)
    assert (answer.status, answer.json()) == (200, {"account": "Sample Vendor", "collections": data.COUNTS})


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("", {}, "unauthorized"),
        ("", {"X-API-Key": "wrong"}, "invalid_credentials"),
        ("", {"X-API-Key": ""}, "invalid_credentials"),
        ("?api_key=wrong", {}, "invalid_credentials"),
        ("?api_key=wrong", {"X-API-Key": "sample-key"}, "invalid_credentials"),
        ("", {"Cookie": "api_key=wrong"}, "invalid_credentials"),
        ("", {"Authorization": "sample-key"}, "invalid_credentials"),
        ("", {"Authorization": "Token wrong"}, "invalid_credentials"),
        ("", basic("sample", "wrong"), "invalid_credentials"),
        ("", {"Authorization": "Basic %%%"}, "invalid_credentials"),
        ("", {"Authorization": "Bearer sample-key"}, "invalid_credentials"),
        ("", {"Authorization": "Bearer e30.00"}, "invalid_credentials"),
    ],
)
def test_missing_or_wrong_credential_is_refused(shared: VendorServer, query: str, headers: dict[str, str], code: str) -> None:
    answer = call(f"{shared.url}/v1/devices{query}", headers=headers)
    assert (answer.status, answer.json()["error"]["code"]) == (401, code)
    assert [challenge.partition(" ")[0] for challenge in answer.headers.get_all("WWW-Authenticate", [])] == ["Bearer", "Basic"]


def test_restricted_key_is_refused_the_invoices_only(shared: VendorServer) -> None:
    key = {"X-API-Key": "sample-key-without-billing"}
    paths = ("/me", "/devices", "/tickets", "/sites", "/alerts", "/tags", "/invoices")
    answers = {path: call(f"{shared.url}/v1{path}", headers=key).status for path in paths}
    assert answers == {**dict.fromkeys(paths, 200), "/invoices": 403}


def test_keys_come_from_the_environment() -> None:
    settings = Settings.from_environment({"VENDOR_API_KEY": "k", "VENDOR_TOKEN_LIFETIME": "5", "OTHER": "x"})
    assert settings == Settings(api_key="k", token_lifetime=5)


@pytest.mark.parametrize("value", ["soon", "0", "-1"])
def test_impossible_lifetime_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="VENDOR_TOKEN_LIFETIME"):
        Settings.from_environment({"VENDOR_TOKEN_LIFETIME": value})


# --- OAuth 2.0

GRANT = {"grant_type": "client_credentials"}
CLIENT = {"client_id": "sample-client", "client_secret": "sample-secret"}


def token(vendor: VendorServer, values: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
    return call(f"{vendor.url}/oauth/token", method="POST", headers={**FORM, **(headers or {})}, body=urlencode(values).encode())


def me(vendor: VendorServer, access_token: str) -> int:
    return call(f"{vendor.url}/v1/me", headers={"Authorization": f"Bearer {access_token}"}).status


def test_client_authenticates_by_basic_form_or_json(shared: VendorServer) -> None:
    answers = [
        token(shared, GRANT, basic("sample-client", "sample-secret")),
        token(shared, {**GRANT, **CLIENT}),
        send_json(f"{shared.url}/oauth/token", {**GRANT, **CLIENT}),
    ]
    for answer in answers:
        body = answer.json()
        assert (answer.status, answer.headers["Cache-Control"], me(shared, body.pop("access_token"))) == (200, "no-store", 200)
        assert body == {"token_type": "Bearer", "expires_in": 600, "scope": "read write billing"}


def test_access_token_expires(vendor: VendorServer) -> None:
    access_token = token(vendor, {**GRANT, **CLIENT}).json()["access_token"]
    vendor.advance(599)
    assert me(vendor, access_token) == 200
    vendor.advance(1)
    assert me(vendor, access_token) == 401


def test_revoked_access_token_is_refused_before_it_expires(vendor: VendorServer) -> None:
    access_token = token(vendor, {**GRANT, **CLIENT}).json()["access_token"]
    vendor.tokens.revoke_all()
    assert me(vendor, access_token) == 401
    assert me(vendor, token(vendor, {**GRANT, **CLIENT}).json()["access_token"]) == 200


def test_access_token_of_one_process_is_accepted_by_another(shared: VendorServer, vendor: VendorServer) -> None:
    assert me(vendor, token(shared, {**GRANT, **CLIENT}).json()["access_token"]) == 200


def test_changed_access_token_is_refused(shared: VendorServer) -> None:
    access_token = token(shared, {**GRANT, **CLIENT}).json()["access_token"]
    assert me(shared, "A" + access_token[1:]) == 401


def test_scope_limits_what_a_token_may_do(shared: VendorServer) -> None:
    access_token = token(shared, {**GRANT, **CLIENT, "scope": "read"}).json()["access_token"]
    authorization = {"Authorization": f"Bearer {access_token}"}
    assert me(shared, access_token) == 200
    assert call(f"{shared.url}/v1/invoices", headers=authorization).status == 403
    assert call(f"{shared.url}/v1/devices/1", method="DELETE", headers=authorization).status == 403


@pytest.mark.parametrize(
    ("values", "headers", "status", "error"),
    [
        (CLIENT, {}, 400, "invalid_request"),
        ({**GRANT, **CLIENT}, basic("sample-client", "sample-secret"), 400, "invalid_request"),
        ({**CLIENT, "grant_type": "password"}, {}, 400, "unsupported_grant_type"),
        ({**GRANT, **CLIENT, "scope": "read admin"}, {}, 400, "invalid_scope"),
        (GRANT, {}, 401, "invalid_client"),
        ({**GRANT, **CLIENT, "client_secret": "wrong"}, {}, 401, "invalid_client"),
        (GRANT, basic("sample-client", "wrong"), 401, "invalid_client"),
        ({**GRANT, **CLIENT}, {"Content-Type": "text/plain"}, 400, "invalid_request"),
    ],
)
def test_token_request_is_refused_with_the_error_of_the_rfc(
    shared: VendorServer, values: dict[str, str], headers: dict[str, str], status: int, error: str
) -> None:
    answer = token(shared, values, headers)
    assert (answer.status, answer.json()["error"]) == (status, error)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


def test_client_secret_is_form_decoded_from_basic() -> None:
    with VendorServer(Settings(client_secret="ü:+ %")) as vendor:
        assert token(vendor, GRANT, basic("sample-client", "%C3%BC%3A%2B+%25")).status == 200


# --- devices, tickets, attachments


def test_device_is_created_changed_and_deleted(vendor: VendorServer) -> None:
    created = send_json(f"{vendor.url}/v1/devices", {"name": "new", "kind": "router", "site_id": 3}, headers=KEY)
    device = created.json()
    url = f"{vendor.url}/v1/devices/2341"
    assert (created.status, created.headers["Location"], device["name"], device["status"]) == (201, url, "new", "offline")
    changed = send_json(url, {"name": "newer"}, method="PATCH", headers=KEY)
    assert (changed.status, changed.json()) == (200, {**device, "name": "newer"})
    assert call(url, headers=KEY).json() == {**device, "name": "newer"}
    deleted = call(url, method="DELETE", headers=KEY)
    assert (deleted.status, deleted.body, call(url, headers=KEY).status) == (204, b"", 404)


@pytest.mark.parametrize(
    ("method", "path", "body", "fields"),
    [
        ("POST", "/devices", {}, ["name", "kind", "site_id"]),
        ("POST", "/devices", {"name": "", "kind": "toaster", "site_id": 0}, ["name", "kind", "site_id"]),
        ("PATCH", "/devices/1", {"id": 7}, ["id"]),
        ("PATCH", "/devices/1", {"tags": "rack"}, ["tags"]),
        ("PATCH", "/devices/1", {"site_id": True}, ["site_id"]),
    ],
)
def test_wrong_device_is_refused(shared: VendorServer, method: str, path: str, body: Any, fields: list[str]) -> None:
    answer = send_json(f"{shared.url}/v1{path}", body, method=method, headers=KEY)
    assert (answer.status, list(answer.json()["error"]["fields"])) == (422, fields)


@pytest.mark.parametrize(
    ("request_line", "headers", "body", "status"),
    [
        ("POST /v1/devices", {"Content-Type": "application/json"}, b"{", 400),
        ("POST /v1/devices", {"Content-Type": "application/json"}, b"[]", 400),
        ("POST /v1/devices", FORM, b"name=x", 415),
        ("POST /v1/tickets", {"Content-Type": "application/json"}, b"{}", 415),
        ("POST /v1/tickets", FORM, b"subject=%FF", 400),
        ("POST /v1/devices/1/attachments", {"Content-Type": "multipart/form-data; boundary=b"}, b"nothing", 400),
        ("GET /v1/devices/0", {}, None, 404),
        ("GET /v1/devices/" + "9" * 5000, {}, None, 404),
        ("GET /v1/nowhere", {}, None, 404),
        ("PUT /v1/devices/1", {}, None, 405),
    ],
)
def test_request_that_fits_nothing_is_refused(
    shared: VendorServer, request_line: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    method, path = request_line.split()
    assert call(shared.url + path, method=method, headers={**KEY, **headers}, body=body).status == status


def test_ticket_is_opened_by_a_form(vendor: VendorServer) -> None:
    form = urlencode([("subject", "Größe & Gewicht"), ("device_id", 5), ("labels", "a"), ("labels", "b")]).encode()
    answer = call(f"{vendor.url}/v1/tickets", method="POST", headers={**KEY, **FORM}, body=form)
    ticket = answer.json()
    assert (answer.status, ticket["id"], ticket["number"], ticket["subject"]) == (201, 1876, "T-001876", "Größe & Gewicht")
    assert ticket["labels"] == ["a", "b"]
    assert get(vendor, "/tickets", offset=1875)["results"] == [ticket]


def test_file_arrives_byte_for_byte(shared: VendorServer) -> None:
    content = bytes(range(256)) * 3 + b"\r\n--not the boundary\r\n"
    parts = '--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nRückseite\r\n'.encode()
    parts += (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: image/png\r\n\r\n'
        + content
        + b"\r\n--b--\r\n"
    )
    headers = {**KEY, "Content-Type": "multipart/form-data; boundary=b"}
    answer = call(f"{shared.url}/v1/devices/9/attachments", method="POST", headers=headers, body=parts)
    assert (answer.status, answer.json()) == (
        201,
        {
            "device_id": 9,
            "file_name": "a.bin",
            "content_type": "image/png",
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "description": "Rückseite",
        },
    )


def test_search_understands_every_array_format(shared: VendorServer) -> None:
    query = "kind=router&kind=switch&status=online,offline&tag=rack-1%7Cedge-1&site_id%5B%5D=" + "&site_id[]=".join(map(str, range(1, 200)))
    answer = call(f"{shared.url}/v1/devices/search?{query}&page_size=200", headers=KEY)
    expected = [
        device
        for device in records("devices")
        if device["kind"] in ("router", "switch")
        and device["status"] in ("online", "offline")
        and {"rack-1", "edge-1"} & set(device["tags"])
        and device["site_id"] < 200
    ]
    assert answer.json()["items"] == expected
    assert expected


# --- document


def operations() -> dict[tuple[str, str], Any]:
    return {
        (method.upper(), f"/v1{path}"): operation
        for path, item in document.build()["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_document_is_served_to_everyone(shared: VendorServer) -> None:
    served = call(f"{shared.url}/openapi.json").json()
    assert served == document.build(origin=shared.url)
    assert served["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["tokenUrl"] == f"{shared.url}/oauth/token"
    assert f'<a href="{shared.url}/openapi.json">' in call(f"{shared.url}/docs").body.decode()


def test_document_describes_every_route_and_no_other(shared: VendorServer) -> None:
    routes = {(route.method, route.template): route.scope for route in shared.vendor.routes if route.template.startswith("/v1/")}
    scopes = {key: operation.get("security", document.build()["security"])[3]["oauth2"][0] for key, operation in operations().items()}
    assert scopes == routes
    names = [operation["operationId"] for operation in operations().values()]
    assert sorted(set(names)) == sorted(names)


def fits(value: Any, schema: Any) -> bool:
    """Whether a value is what a schema of the document says; the few keywords that it uses."""
    if "$ref" in schema:
        return fits(value, document.build()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if value is None:
        return bool(schema.get("nullable", False))
    if "enum" in schema and value not in schema["enum"]:
        return False
    match schema["type"]:
        case "object":
            properties = schema.get("properties", dict.fromkeys(value, schema.get("additionalProperties")))
            known = set(schema.get("required", [])) <= set(value) <= set(properties)
            return known and all(fits(item, properties[name]) for name, item in value.items())
        case "array":
            return all(fits(item, schema["items"]) for item in value)
    return type(value) in {"string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}[schema["type"]]


@pytest.mark.parametrize(
    "path", ["/me", "/devices", "/devices/1", "/tickets", "/sites", "/alerts", "/invoices", "/tags", "/devices/search"]
)
def test_answer_fits_the_schema_of_the_document(shared: VendorServer, path: str) -> None:
    operation = operations()["GET", f"/v1{path.replace('/1', '/{id}')}"]
    assert fits(get(shared, path), operation["responses"]["200"]["content"]["application/json"]["schema"])


def test_records_are_the_same_in_every_process() -> None:
    program = "import json; from demo.vendor import data; print(json.dumps([data.records(7, name) for name in data.COUNTS]))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, check=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert data.records(7, "devices") != data.records(8, "devices")


def test_program_says_which_setting_is_wrong() -> None:
    environment = {**os.environ, "VENDOR_TOKEN_LIFETIME": "soon"}
    done = subprocess.run([sys.executable, "-m", "demo.vendor", "0"], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (1, "VENDOR_TOKEN_LIFETIME is 'soon'. Set it to a whole number.\n")


def test_program_serves_on_the_port_that_it_says() -> None:
    with subprocess.Popen([sys.executable, "-m", "demo.vendor", "0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().removeprefix("Sample vendor: ").strip()
            assert call(f"{url}/v1/tags", headers=KEY).json() == records("tags")
        finally:
            process.terminate()
