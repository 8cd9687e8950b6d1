"""Pages of connections against the vendor: connect, test before saving, edit, delete, and who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from connections import checking, services
from connections.destinations import default_credentials
from connections.models import Connection
from connections.secrets import open_sealed
from integrations.models import Integration, User
from integrations.services import set_status
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.pages import HTMX, errors, signed_in, text, value
from tests.vendor.server import VendorServer

KEY = "sample-key"
WRONG = "this-key-is-wrong"
APIKEY = {"type": "apikey", "apiKeyName": "X-API-Key", "apiKeyLocation": "header"}
BASIC = {"type": "basic"}


@pytest.fixture
def integration(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    return make_integration(base_uri=vendor.url, auth=APIKEY, ping={"method": "GET", "uri": "/v1/me"})


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration, credentials={"apiKey": KEY})


def connect(integration: Integration) -> str:
    return reverse("connection-new", args=[integration.slug])


def detail(connection: Connection) -> str:
    return reverse("connection-detail", args=[connection.pk])


def values(**changed: str) -> dict[str, str]:
    return {"name": "Production", "credentials.apiKey": KEY, **changed}


def stored(connection: Connection) -> Any:
    connection.refresh_from_db()
    return open_sealed(connection.credential.sealed, context=connection.credential.context)


# --- connect --------------------------------------------------------------------------------------------------------


def test_connect_asks_for_what_the_scheme_needs(integration: Integration, carol: User) -> None:
    answer = signed_in(carol).get(connect(integration))
    assert [bound.name for bound in answer.context["form"].main_fields] == ["name", "credentials.apiKey"]
    key = answer.context["form"]["credentials.apiKey"]
    assert (key.field.widget.input_type, key.field.widget.attrs["autocomplete"]) == ("password", "off")
    assert "1 action" in text(answer)


def test_connect_asks_for_the_address_where_the_definition_leaves_it_open(make_integration: MakeIntegration, carol: User) -> None:
    own = make_integration(base_uri="/api/v1", auth=BASIC)
    fields = [bound.name for bound in signed_in(carol).get(connect(own)).context["form"].main_fields]
    assert fields == ["name", "settings.baseUri", "credentials.username", "credentials.password"]


def test_connect_stores_the_connection_of_the_current_organization(integration: Integration, cast: Cast) -> None:
    client = signed_in(cast.alice, cast.client_b)
    answer = client.post(connect(integration), values())
    connection = Connection.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"{detail(connection)}?test=1")
    assert (connection.organization, connection.name, connection.is_default, connection.created_by) == (
        cast.client_b,
        "Production",
        True,
        cast.alice,
    )
    assert stored(connection) == {"apiKey": KEY}
    page = client.get(answer["Location"])
    assert "Client B is connected to Sample as Production." in text(page)
    assert KEY not in page.content.decode()


def test_connect_by_htmx_leads_on_with_a_header(integration: Integration, carol: User) -> None:
    answer = signed_in(carol).post(connect(integration), values(), headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"{detail(Connection.objects.get())}?test=1"


def test_connect_shows_errors_at_their_fields_and_never_the_secret(integration: Integration, connection: Connection, carol: User) -> None:
    client = signed_in(carol)
    taken = client.post(connect(integration), values(name=connection.name), headers=HTMX)
    assert (taken.status_code, errors(taken)) == (422, {"name": ["There is a connection named Main already. Choose another name."]})
    assert (value(taken, "name"), KEY in taken.content.decode()) == ("Main", False)
    broken = client.post(connect(integration), values(**{"credentials.apiKey": "line\nbreak"}))
    assert errors(broken) == {
        "credentials.apiKey": ["API key holds a line break or another control character. Copy it again, in one line."]
    }
    assert Connection.objects.count() == 1


def test_connect_takes_an_address_as_people_say_it(vendor: VendorServer, make_integration: MakeIntegration, carol: User) -> None:
    own = make_integration(base_uri="/v1", auth=BASIC)
    credentials = {"name": "Own", "credentials.username": "sample", "credentials.password": "sample-password"}
    client = signed_in(carol)
    assert client.post(connect(own), {**credentials, "settings.baseUri": "git.example.com/base"}).status_code == 302
    assert Connection.objects.get().settings == {"baseUri": "https://git.example.com/base"}
    refused = client.post(connect(own), {**credentials, "name": "Other", "settings.baseUri": "ftp://git.example.com"})
    assert ["sample-password" in refused.content.decode(), 'value="sample"' in refused.content.decode()] == [False, False]
    assert list(errors(refused)) == ["settings.baseUri"]
    assert value(refused, "settings.baseUri") == "ftp://git.example.com"


@pytest.mark.parametrize(("status", "seen"), [("hidden", 409), ("draft", 409)])
def test_connect_says_why_an_integration_cannot_be_connected(make_integration: MakeIntegration, cast: Cast, status: str, seen: int) -> None:
    answer = signed_in(cast.alice).get(connect(make_integration(status=status)))
    assert answer.status_code == seen
    assert "Sample cannot be connected." in text(answer)


# --- test before saving ---------------------------------------------------------------------------------------------


def test_try_sends_what_is_in_the_form_and_saves_nothing(integration: Integration, vendor: VendorServer, carol: User) -> None:
    client, url = signed_in(carol), reverse("connection-try", args=[integration.slug])
    good = text(client.post(url, values(name=""), headers=HTMX))
    assert good.startswith("The connection works The vendor accepted the credentials (200). HTTP status 200 ·")
    bad = client.post(url, values(**{"credentials.apiKey": WRONG}), headers=HTMX)
    assert text(bad).startswith("The test failed The vendor refused the credentials (401).")
    assert WRONG not in bad.content.decode()
    assert [request.header("X-API-Key") for request in vendor.requests] == [KEY, WRONG]
    assert Connection.objects.count() == 0


def test_try_says_what_is_missing_before_anything_is_sent(integration: Integration, vendor: VendorServer, carol: User) -> None:
    answer = signed_in(carol).post(reverse("connection-try", args=[integration.slug]), {}, headers=HTMX)
    assert text(answer) == "Nothing could be tested yet API key is missing."
    assert vendor.requests == []


def test_try_calls_the_address_that_was_entered(vendor: VendorServer, make_integration: MakeIntegration, carol: User) -> None:
    own = make_integration(base_uri="/v1", auth=BASIC, ping={"method": "GET", "uri": "/me"})
    form = {"settings.baseUri": vendor.url, "credentials.username": "sample", "credentials.password": "sample-password"}
    answer = signed_in(carol).post(reverse("connection-try", args=[own.slug]), form, headers=HTMX)
    assert text(answer).startswith("The connection works")
    assert vendor.targets() == ["/v1/me"]


def test_test_of_an_unchanged_form_is_remembered(connection: Connection, carol: User) -> None:
    answer = signed_in(carol).post(reverse("connection-test", args=[connection.pk]), {"name": "Main"}, headers=HTMX)
    assert text(answer).startswith("The connection works")
    connection.refresh_from_db()
    assert (connection.state, connection.message) == ("working", "The vendor accepted the credentials (200).")


def test_test_of_a_changed_form_is_not_remembered(connection: Connection, vendor: VendorServer, carol: User) -> None:
    form = {"name": "Main", "credentials.apiKey": WRONG}
    answer = signed_in(carol).post(reverse("connection-test", args=[connection.pk]), form, headers=HTMX)
    assert text(answer).startswith("The test failed")
    connection.refresh_from_db()
    assert (connection.state, stored(connection)) == ("untested", {"apiKey": KEY})


# --- list, edit, delete ---------------------------------------------------------------------------------------------


def test_list_holds_the_organization_and_those_below(connection: Connection, cast: Cast, make_connection: MakeConnection) -> None:
    other = make_connection(connection.integration, organization=cast.client_b, credentials={"apiKey": KEY}, name="Of B")
    url = reverse("connection-list")

    def listed(user: User, organization: Any = None) -> set[Connection]:
        return set(signed_in(user, organization).get(url).context["page"])

    assert listed(cast.alice) == {connection, other}
    assert listed(cast.alice, cast.client_b) == {other}
    assert listed(cast.carol) == {connection}
    assert listed(cast.eve) == set()


def test_edit_keeps_the_secret_that_is_left_empty(connection: Connection, carol: User) -> None:
    client = signed_in(carol)
    page = client.get(detail(connection))
    key = page.context["form"]["credentials.apiKey"].field
    assert (key.required, key.widget.attrs["placeholder"]) == (False, "Stored. Leave empty to keep it.")
    assert KEY not in page.content.decode()
    assert client.post(detail(connection), {"name": "Renamed", "credentials.apiKey": ""}).status_code == 302
    assert (stored(connection), connection.name) == ({"apiKey": KEY}, "Renamed")


def test_edit_replaces_the_secret_and_forgets_what_the_test_said(connection: Connection, carol: User) -> None:
    Connection.objects.update(state="working", message="Fine.")
    signed_in(carol).post(detail(connection), {"name": "Main", "credentials.apiKey": "new-key"})
    assert stored(connection) == {"apiKey": "new-key"}
    assert (connection.state, connection.message) == ("untested", "")


def test_edit_of_the_name_alone_keeps_what_the_test_said(connection: Connection, carol: User) -> None:
    Connection.objects.update(state="working", message="Fine.")
    signed_in(carol).post(detail(connection), {"name": "Renamed"})
    connection.refresh_from_db()
    assert (connection.name, connection.state) == ("Renamed", "working")


def test_new_credentials_are_tested_by_the_page_that_follows(connection: Connection, carol: User) -> None:
    client, url = signed_in(carol), reverse("connection-test", args=[connection.pk])

    def tests_itself(address: str) -> bool:
        return f'hx-post="{url}" hx-trigger="load"' in client.get(address).content.decode()

    changed = client.post(detail(connection), {"name": "Main", "credentials.apiKey": KEY})
    assert (changed["Location"], tests_itself(changed["Location"])) == (f"{detail(connection)}?test=1", True)
    assert tests_itself(detail(connection)) is False
    client.post(url, headers=HTMX)
    assert tests_itself(changed["Location"]) is False
    renamed = client.post(detail(connection), {"name": "Renamed"})
    assert renamed["Location"] == detail(connection)


def test_make_default_moves_the_mark(connection: Connection, make_connection: MakeConnection, carol: User) -> None:
    second = make_connection(connection.integration, name="Second", credentials={"apiKey": KEY})
    signed_in(carol).post(reverse("connection-default", args=[second.pk]))
    assert dict(Connection.objects.values_list("name", "is_default")) == {"Main": False, "Second": True}


def test_delete_asks_first(connection: Connection, carol: User) -> None:
    client, url = signed_in(carol), reverse("connection-delete", args=[connection.pk])
    assert "This cannot be undone." in text(client.get(url))
    assert Connection.objects.count() == 1
    assert client.post(url)["Location"] == reverse("connection-list")
    assert Connection.objects.count() == 0


# --- who may --------------------------------------------------------------------------------------------------------


def addresses(connection: Connection) -> list[tuple[str, str]]:
    """Everything that changes or tests something, as (method, address)."""
    slug, pk = connection.integration.slug, connection.pk
    return [
        ("get", reverse("connection-new", args=[slug])),
        ("post", reverse("connection-new", args=[slug])),
        ("post", reverse("connection-try", args=[slug])),
        ("post", reverse("connection-detail", args=[pk])),
        ("post", reverse("connection-test", args=[pk])),
        ("post", reverse("connection-default", args=[pk])),
        ("get", reverse("connection-delete", args=[pk])),
        ("post", reverse("connection-delete", args=[pk])),
    ]


def test_viewer_sees_connections_and_may_do_nothing_with_them(connection: Connection, vendor: VendorServer, dave: User) -> None:
    client = signed_in(dave)
    page = client.get(detail(connection))
    assert (page.status_code, page.context["may_use"], "credentials.apiKey" in page.content.decode()) == (200, False, False)
    assert [getattr(client, method)(url, values()).status_code for method, url in addresses(connection)] == [403] * 8
    assert (Connection.objects.count(), stored(connection), vendor.requests) == (1, {"apiKey": KEY}, [])


def test_stranger_sees_nothing(connection: Connection, vendor: VendorServer, eve: User) -> None:
    client = signed_in(eve)
    assert client.get(detail(connection)).status_code == 404
    assert [getattr(client, method)(url, values()).status_code for method, url in addresses(connection)] == [404] * 8
    assert (Connection.objects.count(), stored(connection), vendor.requests) == (1, {"apiKey": KEY}, [])


# --- whose secrets go where -----------------------------------------------------------------------------------------

AGAIN = "Enter it again: the address leads to another server, which does not get what is stored."


def test_stored_secrets_do_not_go_to_another_address(
    make_integration: MakeIntegration, make_connection: MakeConnection, carol: User
) -> None:
    own = make_integration(base_uri="/v1", auth=APIKEY)
    connection = make_connection(own, credentials={"apiKey": KEY}, settings={"baseUri": "https://git.example.com"})
    client, moved = signed_in(carol), {"name": "Main", "settings.baseUri": "https://mine.example.net"}
    assert errors(client.post(detail(connection), moved)) == {"credentials.apiKey": [AGAIN]}
    assert AGAIN in text(client.post(reverse("connection-test", args=[connection.pk]), moved, headers=HTMX))
    path = {"name": "Main", "settings.baseUri": "https://git.example.com/base"}
    assert client.post(detail(connection), path).status_code == 302
    assert stored(connection) == {"apiKey": KEY}
    assert client.post(detail(connection), {**moved, "credentials.apiKey": "new-key"}).status_code == 302
    assert (stored(connection), connection.settings) == ({"apiKey": "new-key"}, {"baseUri": "https://mine.example.net"})


@pytest.mark.parametrize(("base_uri", "fields"), [("/v1", []), ("https://api.example.com/v1", ["apiKey"])])
def test_secrets_of_an_integration_do_not_go_to_a_server_that_the_connection_names(
    make_integration: MakeIntegration, base_uri: str, fields: list[str]
) -> None:
    integration = make_integration(base_uri=base_uri, auth=APIKEY)
    services.set_default_credentials(integration=integration, secrets={"apiKey": "of-the-owner"})
    assert list(default_credentials(integration.pk, checking.definition_of(integration))) == fields


def test_connected_organizations_go_on_with_an_integration_that_was_hidden(connection: Connection, cast: Cast) -> None:
    set_status(integration=connection.integration, status="hidden")
    page = reverse("integration-detail", args=[connection.integration.slug])
    run = reverse("action-run", args=[connection.integration.slug, connection.integration.working.actions.get().uid])
    assert [signed_in(cast.carol).get(address).status_code for address in (page, run)] == [200, 200]
    assert signed_in(cast.carol).get(connect(connection.integration)).status_code == 409
    assert signed_in(cast.eve).get(page).status_code == 404
