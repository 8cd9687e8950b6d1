"""The agent's own part: its file, its allow-list, what it keeps to itself."""

from __future__ import annotations

import base64
import re
import socket
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from junction_agent.config import ConfigError, load
from junction_agent.credentials import Credential, Mask
from junction_agent.policy import Policy, Refused, Rule
from junction_agent.vendor import ExchangeError, request_of

RULES = Policy(
    (
        Rule(host="localhost", ports=(3000,), methods=("GET",), paths=("/api/*", "/health")),
        Rule(host="127.0.0.2"),
        Rule(host="*.corp.local"),
        Rule(network=__import__("ipaddress").ip_network("127.0.1.0/24"), ports=(8080,)),
    )
)


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("GET", "http://localhost:3000/api/users?page=2", True),
        ("GET", "http://LOCALHOST:3000/health", True),
        ("GET", "http://localhost.:3000/health", True),
        ("POST", "http://localhost:3000/api/users", False),
        ("GET", "http://localhost:3000/admin", False),
        ("GET", "http://localhost:3000/api/../admin", False),
        ("GET", "http://localhost:3000/api/%2e%2e/admin", False),
        ("GET", "http://localhost:3000/api/..%2fadmin", False),
        ("GET", "http://localhost:3000/api/%252e%252e/admin", False),
        ("GET", "http://localhost:3000/api/..\\admin", False),
        ("GET", "http://localhost:3000/api/..;/admin", False),  # Java servers cut off what follows a semicolon
        ("GET", "http://localhost:3000/api/..;x=1/admin", False),
        ("GET", "http://localhost:3000/api/%2e%2e;/admin", False),
        ("GET", "http://localhost:3000/api/%c0%ae%c0%ae/admin", False),  # dots in a form that is no UTF-8
        ("GET", "http://localhost:3000/api/.%09./admin", False),
        ("GET", "http://localhost:3000/api/users;sort=name", True),
        ("GET", "http://localhost:3001/api/users", False),
        ("GET", "http://localhost/api/users", False),
        ("DELETE", "http://127.0.0.2/a%2Fb/../c", True),  # the rule names no paths
        ("GET", "https://127.0.0.2/", True),
        ("GET", "http://127.0.0.2:8080/", False),
        ("GET", "http://127.0.1.9:8080/", True),
        ("GET", "http://127.0.2.9:8080/", False),
        ("GET", "http://user@127.0.0.2/", False),
        ("GET", "ftp://127.0.0.2/", False),
        ("GET", "http://localhost:3000@127.0.9.9/api/users", False),
        ("GET", "http://127.0.9.9#@127.0.0.2/", False),
        ("GET", "http://127.0.9.9\\@127.0.0.2/", False),
        ("GET", "http://2130706434/", False),  # 127.0.0.2 as a number: no rule names it so
        ("GET", "http://[::1]/", False),
        ("GET", "http://[::ffff:127.0.1.9]:8080/", True),  # the network's address in another form
        ("GET", "http://[::ffff:127.0.2.9]:8080/", False),
        ("GET", "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54:3000/health", False),
        ("GET", "http://evilcorp.local/", False),
        ("GET", "http://169.254.169.254/", False),
        ("GET", "file:///etc/passwd", False),
    ],
)
def test_allow_list_lets_pass_what_it_names_and_nothing_else(method: str, url: str, allowed: bool) -> None:
    try:
        found = bool(RULES.targets(method, url))
    except Refused:
        found = False
    assert found is allowed


@pytest.mark.parametrize(
    ("method", "headers", "allowed"),
    [
        ("GET", [("Host", "localhost:3000")], True),
        ("GET", [("Host", "LOCALHOST.")], True),
        ("GET", [("host", "127.0.0.2")], False),  # allowed as a host, but on another port
        ("GET", [("Host", "admin.local")], False),  # another site of the same web server
        ("GET", [("Host", "localhost:3000"), ("Host", "admin.local")], False),
        ("GET", [("Host", "localhost:3000, admin.local")], False),
        ("GET", [("Host", "localhost@admin.local")], False),
        ("GET", [("Host", "")], False),
        ("GET", [("X-HTTP-Method-Override", "delete")], False),
        ("GET", [("x-http-method", "POST")], False),
        ("GET", [("X-Method-Override", " get ")], True),
    ],
)
def test_headers_lead_to_no_other_host_and_no_other_method(method: str, headers: list[tuple[str, str]], allowed: bool) -> None:
    try:
        found = bool(RULES.targets(method, "http://localhost:3000/api/users", headers))
    except Refused:
        found = False
    assert found is allowed


def test_host_header_may_name_another_host_that_the_file_allows_at_that_address() -> None:
    policy = Policy((Rule(host="127.0.0.2"), Rule(host="git.corp.local"), Rule(network=__import__("ipaddress").ip_network("127.0.1.0/24"))))
    assert policy.targets("GET", "http://127.0.0.2/", [("Host", "git.corp.local")])[0].host == "127.0.0.2"
    with pytest.raises(Refused) as caught:
        policy.targets("GET", "http://127.0.0.2/", [("Host", "wiki.corp.local")])
    assert str(caught.value) == "127.0.0.2 leads to an address that no [[allow]] of the agent's file covers, so the agent does not connect."
    # Who allows a network allows every site there.
    assert policy.targets("GET", "http://127.0.1.9/", [("Host", "wiki.corp.local")])[0].host == "127.0.1.9"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET /admin HTTP/1.1", []),
        ("GET", [("Transfer-Encoding ", "chunked")]),
        ("GET", [("X Y", "1")]),
        ("GET", [("X", "1\r\n\tTransfer-Encoding: chunked")]),
        ("GET", [("X", "1\nHost: admin.local")]),
    ],
)
def test_request_that_could_be_read_as_two_is_not_made(method: str, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(ExchangeError) as caught:
        request_of({"method": method, "url": "http://localhost:3000/api?key=secret", "headers": headers}, b"")
    assert (caught.value.kind, caught.value.sent, str(caught.value)) == (
        "invalid", False, "A request to http://localhost:3000/api cannot be made: the URL, the method or a header is not valid.",
    )  # fmt: skip


def test_allow_list_compares_the_address_that_a_name_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that is not the operator's own could lead a name to a cloud machine's metadata."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, 0, 0, "", ("169.254.169.254", 80))])
    with pytest.raises(Refused) as caught:
        RULES.targets("GET", "http://git.corp.local/")
    assert (
        str(caught.value)
        == "git.corp.local leads to an address that no [[allow]] of the agent's file covers, so the agent does not connect."
    )


# --- the file ---------------------------------------------------------------------------------------------------------

GOOD = 'server = "https://junction.example.com"\n[[allow]]\nhost = "git.local"\n'


def test_file_has_defaults_for_everything_but_server_and_hosts(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(GOOD)
    found = load(file)
    assert (found.server, str(found.state), found.concurrency, found.policy) == (
        "https://junction.example.com", "/var/lib/junction-agent", 8, Policy((Rule(host="git.local"),)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('server = "https://junction.example.com"\n', "The file allows no host"),
        (GOOD.replace("https://", "http://"), "anybody in between could read it"),
        (GOOD.replace("https://junction", "junction"), "server is the address of Junction"),
        (GOOD + 'ports = ["443"]\n', "ports is a list of numbers"),
        (GOOD + 'paths = ["api"]\n', "every path starts with a slash"),
        (GOOD + 'network = "10.0.0.0/8"\n', "needs a host or a network, and not both"),
        (GOOD.replace("git.local", "https://git.local"), "is no host name"),
        (GOOD.replace("git.local", "git.*"), "a star stands only in front"),
        (GOOD + "speed = 3\n", "has speed, which an agent does not know"),
        (GOOD + '[credentials.git]\nheader = "X-Key"\nvalue = "v"\n', "needs the hosts that may get it"),
        (GOOD + '[credentials.git]\nhosts = ["git.local"]\nvalue = "v"\n', "needs exactly one of header, query and username"),
        (GOOD + '[credentials.git]\nhosts = ["git.local"]\nheader = "X-Key"\n', "needs value or value_file"),
        ("server = \n", "is not valid TOML"),
    ],
)
def test_file_that_cannot_be_used_says_what_to_change(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        load(file)


# --- credentials ------------------------------------------------------------------------------------------------------


def test_credential_replaces_what_came_of_its_name() -> None:
    header = Credential("a", ("h",), header="X-Key", value="new")
    query = Credential("b", ("h",), query="key", value="n w")
    basic = Credential("c", ("h",), username="ann", value="pass")
    bearer = Credential("d", ("h",), header="Authorization", prefix="Bearer", value="tok")
    assert header.put_on("http://h/", [("x-key", "old"), ("A", "1")]) == ("http://h/", [("A", "1"), ("X-Key", "new")])
    assert query.put_on("http://h/?key=old&a=1", []) == ("http://h/?a=1&key=n+w", [])
    assert basic.put_on("http://h/", [("Authorization", "x")]) == ("http://h/", [("Authorization", "Basic YW5uOnBhc3M=")])
    assert bearer.put_on("http://h/", []) == ("http://h/", [("Authorization", "Bearer tok")])
    assert "new" not in repr(header)


@pytest.mark.parametrize(
    "written",
    [
        "p&ss/w\u00f6rd",
        '{"key": "p&ss/w\\u00f6rd"}',
        "?key=p%26ss%2Fw%C3%B6rd",
        "?key=p%26ss%2fw%c3%b6rd",
        "<b>p&amp;ss/w\u00f6rd</b>",
        *(
            base64.b64encode(f"{before}p&ss/w\u00f6rd:{after}".encode()).decode()
            for before in ("", "a", "ab", "abc")
            for after in ("", "x", "yz")
        ),
        base64.urlsafe_b64encode("user:p&ss/w\u00f6rd".encode()).decode(),
    ],
)
def test_mask_hides_a_secret_in_every_form(written: str) -> None:
    credential = Credential("a", ("h",), username="user", value="p&ss/w\u00f6rd")
    hidden = Mask(credential.secrets).text(written)
    assert "***" in hidden
    decoded = hidden.replace("***", "")
    assert not any(form in decoded for form in ("p&ss", "w\u00f6rd", "%26ss", "ss%2F", "ss%2f", "amp;ss"))


@given(
    st.lists(st.sampled_from([b"key-1", b"ke", b"y-1", b"key-", b"1", b"other", b"YW5u", b"x"]), max_size=30),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_mask_hides_a_secret_wherever_the_stream_is_cut(words: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(words)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    mask = Mask(["key-1", "YW5u"])
    pieces = [mask.piece(whole[start:end]) for start, end in pairwise(edges)]
    came = b"".join([*pieces, mask.piece(b"", last=True)])
    assert (len(came), came) == (len(whole), whole.replace(b"key-1", b"*****").replace(b"YW5u", b"****"))
