"""The agent's own part: its file, its allow-list, what it keeps to itself."""

from __future__ import annotations

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
        ("GET", "http://localhost:3001/api/users", False),
        ("GET", "http://localhost/api/users", False),
        ("DELETE", "http://127.0.0.2/a%2Fb/../c", True),  # the rule names no paths
        ("GET", "https://127.0.0.2/", True),
        ("GET", "http://127.0.0.2:8080/", False),
        ("GET", "http://127.0.1.9:8080/", True),
        ("GET", "http://127.0.2.9:8080/", False),
        ("GET", "http://user@127.0.0.2/", False),
        ("GET", "ftp://127.0.0.2/", False),
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
