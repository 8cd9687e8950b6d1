"""What a connection sets for itself: in the form before and after saving, over the API, and what calls make of it. Rows 94 to 109."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificates
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from actions import finalize
from config.networks import parse_networks
from connections import checking, health, limit_sharing, services, trials
from connections.agents import services as agents
from connections.agents.ways import Way
from connections.exchange import Outgoing, TransportError
from connections.models import Connection, ConnectionEvent
from connections.network_settings import network_of
from connections.opening import client_for, opened
from connections.secrets import MASK
from integrations import services as integrations
from integrations.models import Integration, User
from integrations.refusals import Invalid
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.connections.proxy import proxying
from tests.connections.server import Handler, certificate, serving
from tests.integrations.test_api import Api
from tests.pages import HTMX, errors, signed_in, text

KEY = "sample-key-4711"
APIKEY = {"type": "apikey", "apiKeyName": "X-API-Key"}


class Slack:
    """A vendor that answers 200 whatever happens."""

    ok: bool = True

    def __call__(self, to: Handler) -> None:
        found = {"ok": self.ok, "error": None if self.ok else "invalid_auth", "text": "Token revoked"}
        to.reply(200, json.dumps(found).encode(), Content_Type="application/json")


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.EGRESS_ALLOW = parse_networks("loopback")


@pytest.fixture
def slack() -> Any:
    answer = Slack()
    with serving(answer) as server:
        yield answer, server


@pytest.fixture
def integration(slack: Any, make_integration: MakeIntegration) -> Integration:
    return make_integration(base_uri=slack[1].url, auth=APIKEY, ping={"uri": "/me"})


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration, credentials={"apiKey": KEY})


def fresh(connection: Connection) -> Connection:
    return Connection.objects.select_related("integration", "organization", "credential").get(pk=connection.pk)


def detail(connection: Connection) -> str:
    return reverse("connection-detail", args=[connection.pk])


def form(browser: Browser, address: str) -> dict[str, Any]:
    """What a browser sends back of a form as it was drawn."""
    from tests.integrations.test_auth_forms import as_sent

    return as_sent(browser.get(address))


def get(connection: Connection, path: str = "/x") -> Any:
    row = fresh(connection)
    with client_for(row, checking.definition_of(row.integration)) as client:
        return client.send(Outgoing("GET", f"{client.base}{path}", client.headers))


# --- the test of a connection (rows 94 to 100) ---


def test_a10_94_connection_has_a_meaningful_name(connection: Connection, carol: User) -> None:
    refused = signed_in(carol).post(detail(connection), {"name": " "}, headers=HTMX)
    assert (refused.status_code, list(errors(refused))) == (422, ["name"])


def test_a10_95_96_97_98_99_form_shows_the_integrations_test_and_saves_one_of_the_connections_own(
    connection: Connection, slack: Any, carol: User
) -> None:
    browser = signed_in(carol)
    sent = form(browser, detail(connection))
    assert (sent["options.ping.method"], sent["options.ping.uri"]) == (["GET"], ["/me"])
    assert browser.post(detail(connection), sent).status_code == 302
    assert fresh(connection).options == {}, "a form that is sent back as it was drawn sets nothing"
    own = {
        "options.ping.method": "POST",
        "options.ping.uri": "/auth.test",
        "options.ping.body": '{"a": 1}',
        "options.ping.successPath": "ok",
        "options.ping.successValues": "true\nyes",
        "options.ping.failPath": "error",
        "options.ping.failValues": "invalid_auth",
        "options.ping.errorPath": "text",
        "options.ping.allowArrayForSuccessPath": "on",
    }
    browser.post(detail(connection), {**sent, **own})
    assert fresh(connection).options["ping"] == {
        "method": "POST", "uri": "/auth.test", "alternatives": [], "baseUri": "", "headers": {}, "body": {"a": 1}, "successPath": "ok",
        "successValues": ["true", "yes"], "allowArrayForSuccessPath": True, "failPath": "error", "failValues": ["invalid_auth"], "errorPath": "text",
    }  # fmt: skip
    answer, server = slack
    assert trials.test(connection=fresh(connection)).ok
    answer.ok = False
    result = trials.test(connection=fresh(connection))
    assert (result.ok, result.message) == (False, "The vendor's answer says that it failed (200). It said: Token revoked")
    assert [(seen.method, seen.path, seen.body) for seen in server.seen] == [("POST", "/auth.test", b'{"a":1}')] * 2


def test_a10_98_success_values_need_a_success_path(connection: Connection, carol: User) -> None:
    browser = signed_in(carol)
    refused = browser.post(detail(connection), {**form(browser, detail(connection)), "options.ping.successValues": "true"})
    assert refused.status_code == 422
    assert "Success values are compared with what stands at the success path." in text(refused)


def test_a10_100_connection_is_tested_before_it_is_saved_with_what_is_in_the_form(
    integration: Integration, slack: Any, carol: User
) -> None:
    slack[0].ok = False
    browser, address = signed_in(carol), reverse("connection-try", args=[integration.slug])
    sent = {
        "credentials.apiKey": KEY,
        "options.ping.method": "PUT",
        "options.ping.uri": f"/check?token={KEY}",
        "options.ping.successPath": "ok",
        "options.headers-name": ["X-Tenant"],
        "options.headers-value": ["acme"],
    }
    page = browser.post(address, sent, headers=HTMX)
    seen = slack[1].seen[0]
    assert (seen.method, seen.path, seen.headers["x-tenant"]) == ("PUT", f"/check?token={KEY}", "acme")
    shown = text(page)
    assert shown.startswith(
        "The test failed The answer (200) has another value at ok. The test expects a value there. It said: invalid_auth"
    )
    for part in ("What to do:", "HTTP status 200", "decided by ok = false", "PUT", "X-API-Key: •••", "check?token=•••", "invalid_auth"):
        assert part in shown
    assert (KEY in page.content.decode(), Connection.objects.count()) == (False, 0)


def test_a10_100_api_tests_before_saving_too(integration: Integration, cast: Cast, slack: Any) -> None:
    slack[0].ok = False
    body = {"integration": integration.slug, "credentials": {"apiKey": KEY}, "options": {"ping": {"uri": "/me", "failPath": "error"}}}
    found = Api(cast.carol)("POST", "connections/try", body)
    assert (found["ok"], found["status"], found["cause"], found["decidedBy"], found["blame"]) == (
        False, 200, "fail_path", 'error = "invalid_auth"', "you",
    )  # fmt: skip
    assert found["exchange"]["request"]["headers"][-1] == ["X-API-Key", "•••"]
    assert KEY not in json.dumps(found)


def test_test_of_a_connection_never_sends_secrets_to_a_server_of_its_own(connection: Connection, cast: Cast) -> None:
    body = {"options": {"ping": {"uri": "/me", "baseUri": "https://mine.example.net"}}}
    refused = Api(cast.carol)("PATCH", f"connections/{connection.pk}", body, expect=422)
    assert refused["errors"][0]["message"].startswith("The test of a connection goes to the API's own address.")


# --- headers and formats (rows 104 and 105) ---


def test_a11_105_headers_of_a_connection_go_along_with_every_call(connection: Connection, slack: Any, cast: Cast) -> None:
    api = Api(cast.carol)
    api("PATCH", f"connections/{connection.pk}", {"options": {"headers": {"X-Tenant": "acme", "accept": "text/json"}}})
    get(connection)
    seen = slack[1].seen[-1].headers
    assert (seen["x-tenant"], seen["accept"], seen["x-api-key"]) == ("acme", "text/json", KEY)
    refused = api("PATCH", f"connections/{connection.pk}", {"options": {"headers": {"X Y": "1"}}}, expect=422)
    assert [error["field"] for error in refused["errors"]] == ["options.headers"]


def test_a11_104_formats_of_a_connection_go_before_those_of_the_integration(connection: Connection) -> None:
    services.change(connection=connection, options={"mediaTypes": {"success": "plaintext"}})
    row = fresh(connection)
    with client_for(row, checking.definition_of(row.integration)) as client:
        assert client.definition.media_types.dump() == {"request": "", "success": "plaintext", "error": "", "charset": ""}


# --- TLS and proxy (row 106) ---


def pems(path: Path) -> tuple[str, str]:
    """The certificate and the key of a file."""
    key, mark, rest = path.read_text().partition("-----END PRIVATE KEY-----\n")
    return rest, key + mark


def test_a11_106_own_authority_is_trusted_and_no_other_connection_trusts_it(
    tmp_path: Path, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    context, path = certificate(tmp_path)
    with serving(lambda to: to.reply(200, b"{}"), context=context) as server:
        own = make_integration(base_uri=server.url, auth=APIKEY, ping={"uri": "/me"})
        connection, other = (make_connection(own, name=name, credentials={"apiKey": KEY}) for name in ("One", "Two"))
        services.change(connection=connection, options={"network": {"authorities": pems(path)[0]}})
        assert [trials.test(connection=fresh(row)).cause for row in (connection, other)] == ["", "tls_self_signed"]


@pytest.mark.parametrize("how", ["pem", "passphrase", "pfx"])
def test_a11_106_client_certificate_is_shown_and_its_key_is_stored_encrypted(
    how: str, tmp_path: Path, make_integration: MakeIntegration, make_connection: MakeConnection, carol: User
) -> None:
    context, path = certificate(tmp_path)
    context.load_verify_locations(path)
    import ssl

    context.verify_mode = ssl.CERT_REQUIRED
    shown, key = pems(path)
    private = serialization.load_pem_private_key(key.encode(), None)
    secret: dict[str, Any] = {"networkSecrets.clientKey": key}
    if how == "passphrase":
        locked = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"hush-hush")
        )
        secret = {"networkSecrets.clientKey": locked.decode(), "networkSecrets.passphrase": "hush-hush"}
    if how == "pfx":
        made = pkcs12.serialize_key_and_certificates(
            b"x", private, load_pem_x509_certificates(shown.encode())[0], None, serialization.BestAvailableEncryption(b"hush-hush")  # type: ignore[arg-type]
        )  # fmt: skip
        secret = {"networkSecrets.pfx": SimpleUploadedFile("client.pfx", made), "networkSecrets.passphrase": "hush-hush"}
    with serving(lambda to: to.reply(200, b"{}"), context=context) as server:
        own = make_integration(base_uri=server.url, auth=APIKEY, ping={"uri": "/me"})
        connection = make_connection(own, credentials={"apiKey": KEY})
        services.change(connection=connection, options={"network": {"authorities": shown}})
        assert not trials.test(connection=fresh(connection)).ok
        browser = signed_in(carol)
        sent = {**form(browser, detail(connection)), **({} if how == "pfx" else {"options.network.clientCertificate": shown}), **secret}
        assert browser.post(detail(connection), sent).status_code == 302
        assert trials.test(connection=fresh(connection)).ok
    row = fresh(connection)
    page = browser.get(detail(connection)).content.decode()
    assert key.splitlines()[1] not in page + json.dumps(row.options) + row.credential.network_sealed
    assert row.credential.network_sealed.startswith("v1.")


def test_a11_106_certificate_without_its_key_is_refused(connection: Connection, tmp_path: Path, cast: Cast) -> None:
    shown, key = pems(certificate(tmp_path)[1])
    other = pems(certificate(tmp_path, days=2)[1])[1]
    api, url = Api(cast.carol), f"connections/{connection.pk}"

    def refused(options: dict[str, str], secrets: dict[str, str]) -> list[str]:
        found = api("PATCH", url, {"options": {"network": options}, "networkSecrets": secrets}, expect=422)
        return [error["field"] for error in found["errors"]]

    assert refused({"clientCertificate": shown}, {}) == ["networkSecrets.clientKey"]
    assert refused({}, {"clientKey": key}) == ["options.network.clientCertificate"]
    assert refused({"clientCertificate": shown}, {"clientKey": other}) == ["options.network.clientCertificate"]
    assert refused({"clientCertificate": shown + key}, {"clientKey": key}) == ["options.network.clientCertificate"]
    assert refused({"clientCertificate": "nonsense"}, {"clientKey": key}) == ["options.network.clientCertificate"]
    assert refused({}, {"pfx": base64.b64encode(b"nonsense").decode()}) == ["networkSecrets.pfx"]
    assert refused({}, {"other": "x"}) == ["networkSecrets.other"]
    assert fresh(connection).options == {}


def test_a11_106_smallest_tls_version_is_kept(connection: Connection, tmp_path: Path) -> None:
    import ssl

    context, path = certificate(tmp_path)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(lambda to: to.reply(200, b"{}"), context=context) as server:
        found = []
        for version in ("", "1.2", "1.3"):
            services.change(connection=connection, options={"network": {"authorities": pems(path)[0], "minimumTls": version}})
            row = fresh(connection)
            with client_for(row, checking.definition_of(row.integration)) as client:
                try:
                    found.append(str(client._transport.send(Outgoing("GET", server.url)).status))
                except TransportError as error:
                    found.append(error.cause)
    assert found == ["200", "200", "tls_version"]


def test_a11_106_page_warns_where_nothing_is_verified(connection: Connection, tmp_path: Path, carol: User) -> None:
    context, _ = certificate(tmp_path, days=-1, name="somebody-else.example")
    browser, warning = signed_in(carol), "The server's certificate is not verified"
    assert warning not in text(browser.get(detail(connection)))
    browser.post(detail(connection), {**form(browser, detail(connection)), "options.network.verifyTls": "no"})
    assert warning in text(browser.get(detail(connection)))
    with serving(lambda to: to.reply(200, b"{}"), context=context) as server:
        row = fresh(connection)
        with client_for(row, checking.definition_of(row.integration)) as client:
            assert client._transport.send(Outgoing("GET", server.url)).status == 200


def test_secrets_of_the_owner_do_not_go_where_the_connection_says_whom_to_trust(
    integration: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    services.set_default_credentials(integration=integration, secrets={"apiKey": "of-the-owner"})
    connection = make_connection(integration)
    refused = Api(cast.carol)("PATCH", f"connections/{connection.pk}", {"options": {"network": {"verifyTls": False}}}, expect=422)
    assert [error["field"] for error in refused["errors"]] == ["credentials.apiKey"]
    assert trials.test(connection=fresh(connection)).ok


def test_outbound_proxy_gets_the_address_that_was_checked_and_no_request(connection: Connection, slack: Any) -> None:
    with proxying(login="me:proxy-pass") as proxy:
        services.change(
            connection=connection,
            credentials={"apiKey": KEY},
            options={"network": {"proxy": proxy.url.replace("//", "//me@")}},
            network_secrets={"proxyPassword": "proxy-pass"},
        )
        assert get(connection).status == 200
    assert proxy.asked[-1] == f"127.0.0.1:{slack[1].port}"
    assert "proxy-pass" not in json.dumps(fresh(connection).options)


def test_outbound_proxy_opens_no_way_round_the_address_guard(connection: Connection, settings: Any) -> None:
    with proxying() as proxy:
        services.change(connection=connection, credentials={"apiKey": KEY}, options={"network": {"proxy": proxy.url}})
        row = fresh(connection)
        with client_for(row, checking.definition_of(row.integration)) as client:
            for url in ("https://10.1.2.3/", "https://169.254.169.254/latest", "http://93.184.215.14/"):
                with pytest.raises(Exception) as caught:
                    client._transport.send(Outgoing("GET", url))
                assert getattr(caught.value, "kind", "") in ("address", "plain_http")
            settings.EGRESS_ALLOW = ()
            with pytest.raises(Exception) as caught:
                client._transport.send(Outgoing("GET", "https://93.184.215.14/"))
            assert getattr(caught.value, "kind", "") == "address", "the proxy itself is not public"
    assert proxy.asked == []


def test_proxy_of_the_installation_holds_for_everybody(connection: Connection, slack: Any, settings: Any) -> None:
    with proxying() as proxy:
        settings.EGRESS_PROXY = proxy.url
        assert get(connection).status == 200
    assert proxy.asked[-1] == f"127.0.0.1:{slack[1].port}"


def test_proxy_that_could_read_along_does_not_get_stored_secrets(connection: Connection, cast: Cast, slack: Any) -> None:
    api, url = Api(cast.carol), f"connections/{connection.pk}"
    with proxying() as proxy:
        body: dict[str, Any] = {"options": {"network": {"proxy": proxy.url}}}  # to a vendor without TLS
        refused = api("PATCH", url, body, expect=422)
        assert [error["field"] for error in refused["errors"]] == ["credentials.apiKey"]
        page = signed_in(cast.carol).post(
            reverse("connection-test", args=[connection.pk]), {"name": "Main", "options.network.proxy": proxy.url}
        )
        assert "whoever runs the proxy could read it there" in text(page)
        assert (proxy.asked, fresh(connection).options) == ([], {})
        api("PATCH", url, {**body, "credentials": {"apiKey": KEY}})
        assert (get(connection).status, proxy.asked) == (200, [f"127.0.0.1:{slack[1].port}"])


def test_proxy_sees_no_secret_of_a_vendor_with_tls_and_so_gets_the_stored_ones(
    make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    row = make_connection(make_integration(auth=APIKEY), credentials={"apiKey": KEY})
    services.change(connection=row, options={"network": {"proxy": "http://proxy.example.com"}})
    assert network_of(fresh(row)).proxy == "http://proxy.example.com:3128"
    with pytest.raises(Invalid):
        services.change(connection=fresh(row), options={"network": {"proxy": "http://proxy.example.com", "verifyTls": False}})


def test_owners_secrets_do_not_go_through_an_agent_of_somebody_else(
    make_integration: MakeIntegration, cast: Cast, make_connection: MakeConnection
) -> None:
    integration = make_integration(auth=APIKEY)
    services.set_default_credentials(integration=integration, secrets={"apiKey": "owner's"})
    theirs = agents.create(organization=cast.client_a, user=cast.alice, name="Theirs")
    ours = agents.create(organization=cast.msp, user=cast.alice, name="Ours", is_shared=True)
    common: dict[str, Any] = {"organization": cast.client_a, "user": cast.carol, "integration": integration, "credentials": {}}
    with pytest.raises(Invalid) as refused:
        services.create(**common, name="Theirs", way=Way(theirs))
    assert refused.value.errors == {"credentials.apiKey": ["API key is missing."]}
    row = services.create(**common, name="Ours", way=Way(ours))
    assert opened(fresh(row), checking.definition_of(integration)) == {"apiKey": "owner's"}
    Connection.objects.filter(pk=row.pk).update(agent=theirs)  # as one that was made before this was looked at
    assert opened(fresh(row), checking.definition_of(integration)) == {}


def test_saving_a_form_is_no_agreement_to_a_changed_host(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration(base_uri="https://api.example.com", auth=APIKEY)
    row = make_connection(integration, credentials={"apiKey": KEY})
    integrations.change_definition(integration=integration, api_base_uri="https://evil.example.net")
    finalize.finalize(integration=integration, user=cast.bob)
    for what in (
        {"name": "Renamed", "credentials": {}, "settings": {}},
        {"credentials": {"apiKey": MASK}},
        {"options": {"headers": {"X": "1"}}},
    ):
        services.change(connection=fresh(row), **what)
        assert services.new_destinations(fresh(row)) == ["https://evil.example.net"]
    services.change(connection=fresh(row), credentials={"apiKey": "another, for there"})
    assert services.new_destinations(fresh(row)) == []


def test_another_proxy_does_not_get_the_stored_password(connection: Connection, cast: Cast) -> None:
    services.change(
        connection=connection,
        credentials={"apiKey": KEY},
        options={"network": {"proxy": "http://me@one.example.com"}},
        network_secrets={"proxyPassword": "proxy-pass"},
    )
    body = {"credentials": {"apiKey": KEY}, "options": {"network": {"proxy": "http://me@two.example.com"}}}
    refused = Api(cast.carol)("PATCH", f"connections/{connection.pk}", body, expect=422)
    assert [error["field"] for error in refused["errors"]] == ["networkSecrets.proxyPassword"]
    assert network_of(fresh(connection)).proxy == "http://me:proxy-pass@one.example.com:3128"


# --- concurrency (row 107) ---


@pytest.mark.parametrize(("value", "code"), [(1, 200), (50, 200), (0, 422), (51, 422)])
def test_a11_107_concurrency_is_from_1_to_50(connection: Connection, cast: Cast, value: int, code: int) -> None:
    Api(cast.carol)("PATCH", f"connections/{connection.pk}", {"concurrency": value}, expect=code)


def test_a11_107_concurrency_is_borrowed_from_another_connection(
    connection: Connection, make_connection: MakeConnection, carol: User, cast: Cast
) -> None:
    lender = make_connection(connection.integration, name="Lender", credentials={"apiKey": KEY}, limits={"concurrency": 3})
    browser = signed_in(carol)
    browser.post(detail(connection), {**form(browser, detail(connection)), "sharesLimitOf": str(lender.pk)})
    row = fresh(connection)
    assert row.shares_limit_of == lender
    ours, theirs = (limit_sharing.slots_of(one, holder=str(one.pk)) for one in (row, fresh(lender)))
    try:
        assert (ours.limit, ours.take(2), theirs.take(3)) == (3, 2, 1), "both count together"
    finally:
        ours.release()
        theirs.release()
    api = Api(cast.carol)
    assert api("GET", f"connections/{connection.pk}")["sharesLimitOf"] == str(lender.pk)
    third = make_connection(connection.integration, name="Third", credentials={"apiKey": KEY})
    for pk, to in ((third.pk, connection.pk), (third.pk, third.pk), (lender.pk, third.pk)):
        refused = api("PATCH", f"connections/{pk}", {"sharesLimitOf": str(to)}, expect=422)
        assert [error["field"] for error in refused["errors"]] == ["sharesLimitOf"]
    assert api("PATCH", f"connections/{connection.pk}", {"sharesLimitOf": None})["sharesLimitOf"] is None


def test_limit_of_another_organization_cannot_be_borrowed(connection: Connection, make_connection: MakeConnection, cast: Cast) -> None:
    foreign = make_connection(connection.integration, organization=cast.client_b, user=cast.alice, name="B", credentials={"apiKey": KEY})
    refused = Api(cast.carol)("PATCH", f"connections/{connection.pk}", {"sharesLimitOf": str(foreign.pk)}, expect=422)
    assert refused["errors"][0]["message"] == "There is no such connection. Choose one of your organization."


# --- the regular check ---


def test_health_is_checked_on_a_schedule_and_changes_are_events(
    connection: Connection, slack: Any, carol: User, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    from connections.signals import state_changed

    heard: list[tuple[str, str, str]] = []

    def hear(sender: Any, *, before: str, after: str, reason: str, **kwargs: Any) -> None:
        heard.append((before, after, reason))

    state_changed.connect(hear)
    services.change(connection=connection, options={"ping": {"uri": "/me", "successPath": "ok"}})
    with django_capture_on_commit_callbacks(execute=True):
        trials.test(connection=fresh(connection))
        for ok in (True, False, False, True):
            slack[0].ok = ok
            health.check_batch([connection.pk])
    state_changed.disconnect(hear)
    events = list(ConnectionEvent.objects.order_by("pk").values_list("before", "after", "reason"))
    assert events == heard == [("untested", "working", "test"), ("working", "failing", "schedule"), ("failing", "working", "schedule")]
    page = text(signed_in(carol).get(detail(connection)))
    assert "The regular check" in page
    found = Api(carol)("GET", f"connections/{connection.pk}/events")
    assert [(row["before"], row["after"]) for row in found] == [(before, after) for before, after, _ in reversed(events)]


def test_due_connections_are_handed_out_once_in_batches_and_spread(
    connection: Connection, make_connection: MakeConnection, settings: Any
) -> None:
    from django.utils import timezone

    settings.HEALTH_CHECK_SECONDS = 1000
    rows = [connection, *(make_connection(connection.integration, name=f"c{n}", credentials={"apiKey": KEY}) for n in range(11))]
    Connection.objects.exclude(pk=rows[1].pk).update(state="working")
    assert health.due_batches() == [], "the first time they are only given a time"
    times = [row.check_at for row in Connection.objects.filter(state="working")]
    assert (len(times), len(set(times)), Connection.objects.get(pk=rows[1].pk).check_at) == (11, 11, None)
    Connection.objects.filter(state="working").update(check_at=timezone.now())
    assert [len(batch) for batch in health.due_batches()] == [10, 1]
    assert health.due_batches() == []
    waits = [(row.check_at - timezone.now()).total_seconds() for row in Connection.objects.filter(state="working") if row.check_at]
    assert (min(waits) > 880, max(waits) < 1100) == (True, True)
    settings.HEALTH_CHECK_SECONDS = 0
    Connection.objects.update(check_at=timezone.now())
    assert health.due_batches() == []


def test_connection_without_a_test_is_left_alone(make_integration: MakeIntegration, make_connection: MakeConnection, slack: Any) -> None:
    connection = make_connection(make_integration(base_uri=slack[1].url, auth=APIKEY), credentials={"apiKey": KEY})
    Connection.objects.update(state="working")
    assert health.check_batch([connection.pk]) == {"without a test": 1}
    assert slack[1].seen == []
