"""The address guard on every way out that somebody's settings lead: none reaches a server on a private network that the operator has not named.

The server is real and listens, on an address that is allowed while things are set up, and not any more when they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actions import fetching
from config.networks import parse_networks
from connections.client import Client
from connections.exchange import Outgoing
from connections.network import Network
from connections.ping import ping
from connections.tokens import stores
from connections.transport import Transport, TransportError
from connections.webhooks import public_keys
from connections.webhooks.verification import Unverified
from integrations.definition import Definition
from integrations.refusals import Refusal
from tests.connections.proxy import proxying
from tests.connections.server import Served, certificate, serving


@pytest.fixture
def inside(settings: Any) -> Iterator[Served]:
    """A server inside; from now on nothing inside may be called."""
    settings.EGRESS_ALLOW = ()
    with serving(lambda to: to.reply(200, b'{"access_token": "t"}', Content_Type="application/json")) as server:
        yield server


def pinged(definition: dict[str, Any], settings: dict[str, Any], network: Network | None) -> str:
    whole = Definition.model_validate(definition)
    store = stores.MemoryTokens(whole.auth)
    values = {"username": "u", "password": "p", "apiKey": "k", "clientId": "c", "clientSecret": "s"}
    with Client(definition=whole, credentials=values, settings=settings, store=store, network=network) as client:
        result = ping(client)
    assert not result.ok
    return result.cause


def at(url: str) -> str:
    return url.replace("http://localhost", "https://127.0.0.1")


KEY = {"type": "apikey", "apiKeyName": "X-Key"}
WAYS: dict[str, Callable[[str], tuple[dict[str, Any], dict[str, Any]]]] = {
    "base URI": lambda url: ({"apiBaseUri": url, "auth": KEY}, {}),
    "address of a connection": lambda url: ({"apiBaseUri": "/", "auth": KEY}, {"baseUri": url}),
    "placeholder in the host": lambda url: (
        {"apiBaseUri": "https://{{settings.host}}", "auth": KEY, "connectionFields": [{"name": "host"}]},
        {"host": url.partition("://")[2]},
    ),
    "base URI of the test": lambda url: (
        {"apiBaseUri": "https://api.example.com", "auth": KEY, "ping": {"baseUri": url, "uri": "/me"}},
        {},
    ),
    "token URL": lambda url: (
        {
            "apiBaseUri": "https://api.example.com",
            "auth": {"type": "oauth2", "grantType": "client_credentials", "tokenUri": f"{url}/token"},
        },
        {},
    ),
    "login step": lambda url: (
        {"apiBaseUri": "https://api.example.com", "auth": {"type": "login", "steps": [{"url": f"{url}/login"}]}},
        {},
    ),
}


@pytest.mark.parametrize("network", ["as usual", "own authority", "nothing verified", "smallest version"])
@pytest.mark.parametrize("way", WAYS)
def test_no_setting_leads_to_a_private_address_whatever_is_trusted(way: str, network: str, inside: Served, tmp_path: Any) -> None:
    public = certificate(tmp_path)[1].read_text().partition("-----END PRIVATE KEY-----\n")[2]
    networks = {
        "as usual": None, "own authority": Network(authorities=public), "nothing verified": Network(verifies=False), "smallest version": Network(minimum_tls="1.3"),
    }  # fmt: skip
    assert (pinged(*WAYS[way](at(inside.url)), networks[network]), inside.seen) == ("address", [])


def test_no_proxy_leads_to_a_private_address_and_is_none_itself(inside: Served, settings: Any) -> None:
    with proxying() as proxy:
        for url in (inside.url, at(inside.url)):
            with Transport(network=Network(proxy=proxy.url)) as transport, pytest.raises(TransportError) as caught:
                transport.send(Outgoing("GET", url))
            assert caught.value.kind == "address"
        # With the proxy allowed it is still told no address that is not.
        settings.EGRESS_ALLOW = parse_networks("127.0.0.1/32")
        settings.EGRESS_PROXY = proxy.url
        for url in ("https://10.0.0.7/", "https://169.254.169.254/latest/meta-data", "https://[fd00:ec2::254]/", "https://168.63.129.16/"):
            with Transport() as transport, pytest.raises(TransportError) as caught:
                transport.send(Outgoing("GET", url))
            assert caught.value.kind == "address"
    assert (proxy.asked, inside.seen) == ([], [])


@pytest.mark.parametrize(
    "target", ["https://10.0.0.7/", "https://169.254.169.254/latest/meta-data", "http://[::ffff:10.0.0.7]/", "http://2130706434:1/"]
)
def test_no_redirect_leads_to_a_private_address(target: str, settings: Any) -> None:
    with serving(lambda to: to.reply(302, Location=target)) as server, Transport() as transport:
        settings.EGRESS_ALLOW = parse_networks("127.0.0.1/32")  # the server that redirects, and nothing else
        with pytest.raises(TransportError) as caught:
            transport.send(Outgoing("GET", server.url.replace("localhost", "127.0.0.1")))
    assert caught.value.kind == "address"


def test_documents_and_public_keys_are_fetched_from_no_private_address(inside: Served) -> None:
    with pytest.raises(Refusal) as caught:
        fetching.fetch(at(inside.url) + "/openapi.json")
    assert "which is not a public address" in str(caught.value)
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.c2ln"
    with pytest.raises(Unverified, match="which is not a public address"):
        public_keys.keys_for(at(inside.url) + "/jwks", token)
    assert inside.seen == []
