"""The way to the server: the key of a client certificate, its passphrase, a PFX file, a proxy's password; with a server and a proxy that refuse."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificates
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from actions import runs
from connections import services, trials
from connections.models import Connection, LoggedRequest
from connections.network_settings import network_of
from connections.redaction import MASK
from tests.api.calls import Caller
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.canary.conftest import HARMLESS, Canary
from tests.connections.canary.vendor import answer
from tests.connections.proxy import proxying
from tests.connections.server import Handler, Served, certificate, serving
from tests.integrations.test_auth_forms import as_sent
from tests.pages import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
AUTH: Final = {"type": "apikey", "apiKeyName": "k", "apiKeyLocation": "query"}


def echo(to: Handler) -> None:
    words = json.dumps({**to.server.seen[-1].headers, "path": to.path, "note": HARMLESS})
    answer(to, 403, {"error": words}, words)


@pytest.fixture
def pems(tmp_path: Path) -> tuple[ssl.SSLContext, str, str]:
    """The context of a server that wants a client certificate, which is its own; that certificate, and its key."""
    context, path = certificate(tmp_path)
    context.load_verify_locations(path)
    context.verify_mode = ssl.CERT_REQUIRED
    key, mark, shown = path.read_text().partition("-----END PRIVATE KEY-----\n")
    return context, shown, key + mark


@pytest.fixture
def server(pems: tuple[ssl.SSLContext, str, str]) -> Iterator[Served]:
    with serving(echo, context=pems[0]) as served:
        yield served


def lines_of(canary: Canary, name: str, pem: str) -> str:
    """A key in PEM form, of which each line is a secret."""
    canary.secrets |= {f"{name}, line {number}": line for number, line in enumerate(pem.strip().splitlines()[1:-1]) if len(line) > 30}
    return pem


def ways(canary: Canary, shown: str, key: str) -> dict[str, dict[str, str]]:
    """Secrets of the network as an operator enters them."""
    private = serialization.load_pem_private_key(key.encode(), None)
    phrases = canary.plant("passphrase", "passphrase of the file", "wrong passphrase")
    locked = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(phrases["passphrase"].encode())
    ).decode()
    packed = pkcs12.serialize_key_and_certificates(
        b"x", private, load_pem_x509_certificates(shown.encode())[0], None,  # type: ignore[arg-type]
        serialization.BestAvailableEncryption(phrases["passphrase of the file"].encode()),
    )  # fmt: skip
    file = base64.b64encode(packed).decode()
    canary.secrets |= {"file": file[200:264], "key in a line": "".join(key.splitlines()[1:-1])[10:70]}
    lines_of(canary, "key", key)
    lines_of(canary, "locked key", locked)
    return {
        "key": {"clientKey": key},
        "locked": {"clientKey": locked, "passphrase": phrases["passphrase"]},
        "file": {"pfx": file, "passphrase": phrases["passphrase of the file"]},
    }


def test_secrets_of_the_network_are_found_nowhere(
    canary: Canary,
    cast: Cast,
    pems: tuple[ssl.SSLContext, str, str],
    server: Served,
    make_integration: MakeIntegration,
    make_connection: MakeConnection,
) -> None:
    _, shown, key = pems
    given = ways(canary, shown, key)
    canary.plant("api key", "proxy password", "proxy password that is wrong")
    integration = make_integration(
        name=HARMLESS, base_uri=server.url, auth=AUTH, ping={"uri": "/me"}, actions=[action_values(path="/things")]
    )
    carol, rows = Caller(cast.carol), []
    for name, secrets in given.items():
        own = {"authorities": shown, **({} if name == "file" else {"clientCertificate": shown})}
        body = {
            "integration": integration.slug, "name": name, "credentials": {"apiKey": canary.secrets["api key"]},
            "options": {"network": own}, "networkSecrets": secrets,
        }  # fmt: skip
        canary.hear(carol.ask("POST", "connections/try", body))
        canary.hear(carol.ask("POST", "connections", body, Idempotency_Key=f"{name}-1"))
        rows.append(Connection.objects.get(name=name))
        refusals(canary, carol, cast, rows[-1], body)
    Connection.objects.update(debug_until=timezone.now() + timedelta(hours=1))
    assert [trials.test(connection=row).status for row in rows] == [403, 403, 403], "each certificate is shown, and taken"
    with ExitStack() as stack:
        proxies(canary, carol, rows[0], stack)
    bare = make_connection(integration, name="bare", credentials={"apiKey": canary.secrets["api key"]})
    services.change(connection=bare, options={"network": {"authorities": shown}})
    for row in (*Connection.objects.filter(pk__in=[row.pk for row in rows]).select_related("credential", "integration"), bare):
        drive(canary, cast, carol, row)
    browser = signed_in(cast.carol, cast.client_a)
    keys = LoggedRequest.objects.order_by("-pk").values_list("pk", flat=True)[:12]
    for path in (
        "/connections/",
        "/requests/",
        "/api/requests",
        *(f"/requests/{key}/" for key in keys),
        *(f"/connections/{row.pk}/" for row in rows),
    ):
        canary.hear(browser.get(path))
    for path in ("/audit/", "/audit/export.json", "/audit/export.csv"):
        canary.hear(signed_in(cast.alice, cast.client_a).get(path))
    assert sum(bool(network_of(row).certificate) for row in Connection.objects.select_related("credential")) == 3
    assert canary.leaks() == {}
    assert LoggedRequest.objects.filter(url__contains=MASK).exists(), "the key in the address was masked"


def refusals(canary: Canary, carol: Caller, cast: Cast, row: Connection, body: dict[str, Any]) -> None:
    """What does not fit, over the API and in the form: each time with the secrets in it."""
    path, wrong = f"connections/{row.pk}", canary.secrets["wrong passphrase"]
    secrets: dict[str, str] = body["networkSecrets"]
    key = secrets.get("clientKey", "")
    for change in (
        {"networkSecrets": {**secrets, "passphrase": wrong}},
        {"networkSecrets": {**secrets, "other": wrong}},
        {"networkSecrets": {**secrets, "proxyPassword": {"a": wrong}}},
        {"options": {"network": {"clientCertificate": f"{body['options']['network'].get('clientCertificate', '')}\n{key}"}}},
        {"options": {"network": {"authorities": key or wrong}}},
        {"options": {"network": {"proxy": f"http://user:{canary.secrets['proxy password']}@proxy.example.com"}}},
        {"options": {"network": {"proxy": f"socks5://{wrong}"}}},
    ):
        canary.hear(carol.ask("PATCH", path, change, Idempotency_Key="x"))
    browser = signed_in(cast.carol, cast.client_a)
    sent = as_sent(browser.get(f"/connections/{row.pk}/"))
    sent |= {"options.network.clientCertificate": "nonsense", "networkSecrets.clientKey": key or wrong, "networkSecrets.passphrase": wrong}
    canary.hear(browser.post(f"/connections/{row.pk}/", sent))
    sent["networkSecrets.pfx"] = SimpleUploadedFile("client.pfx", base64.b64decode(secrets.get("pfx", "")) or wrong.encode())
    canary.hear(browser.post(f"/connections/{row.pk}/", sent))


def proxies(canary: Canary, carol: Caller, row: Connection, stack: ExitStack) -> None:
    """Proxies that want another password, refuse, are away, and at last one that lets through."""
    right, wrong = canary.secrets["proxy password"], canary.secrets["proxy password that is wrong"]
    for login, status, password in ((f"user:{right}", 200, wrong), ("", 502, right), (f"user:{right}", 200, right)):
        proxy = stack.enter_context(proxying(login=login, status=status))
        options = {"network": {"proxy": proxy.url.replace("//", "//user@")}}
        credentials = {"apiKey": canary.secrets["api key"]}
        body = {"options": options, "networkSecrets": {"proxyPassword": password}, "credentials": credentials}
        assert canary.hear(carol.ask("PATCH", f"connections/{row.pk}", body)).status_code == 200
        canary.seen.append(repr(trials.test(connection=Connection.objects.get(pk=row.pk))).encode())
    assert proxy.asked, "the last proxy was used"


def drive(canary: Canary, cast: Cast, carol: Caller, row: Connection) -> None:
    """The server takes the certificate, refuses, and repeats what it gets."""
    canary.hear(carol.ask("POST", f"connections/{row.pk}/test"))
    started = runs.start(action=action_of(row.integration), connection=row, user=cast.carol, inputs={}, hand_over=False)
    runs.execute(started.pk)
    browser = signed_in(cast.carol, cast.client_a)
    for path in (f"/runs/{started.pk}/", f"/runs/{started.pk}/ledger.json", f"/runs/{started.pk}/ledger.csv", f"/api/runs/{started.pk}"):
        canary.hear(browser.get(path))
