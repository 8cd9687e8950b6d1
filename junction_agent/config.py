"""The one file of an agent (TOML). Every entry is read here, strictly; docs/agent.md has the same table."""

from __future__ import annotations

import ipaddress
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from junction_agent.credentials import Credential
from junction_agent.policy import Policy, Rule

DEFAULT_FILE = "/etc/junction-agent/agent.toml"
_TOP = {"server", "state", "concurrency", "proxy", "ca", "vendor_ca", "insecure_http", "log_level", "allow", "credentials"}
_ALLOW = {"host", "network", "ports", "methods", "paths"}
_CREDENTIAL = {"hosts", "header", "query", "prefix", "username", "value", "value_file", "password", "password_file"}


class ConfigError(Exception):
    """The file cannot be used; the sentence says what to change."""


@dataclass(frozen=True)
class Config:
    """What the file says. `ca` are authorities to trust for Junction, `vendor_ca` those for the servers inside."""

    server: str
    state: Path
    policy: Policy
    credentials: dict[str, Credential]
    concurrency: int = 8
    proxy: str = ""
    ca: str = ""
    vendor_ca: str = ""
    log_level: str = "INFO"


def load(path: Path) -> Config:
    """Read the file. Raises `ConfigError`."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}). The page Agents of Junction shows what to write there, with the code to enrol."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
    _known(found, _TOP, "the file")
    state = Path(_text(found, "state") or "/var/lib/junction-agent").expanduser()
    concurrency = found.get("concurrency", 8)
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or not 1 <= concurrency <= 64:
        raise ConfigError("concurrency is how many requests run at once: a whole number from 1 to 64.")
    level = _text(found, "log_level").upper() or "INFO"
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError("log_level is one of debug, info, warning, error.")
    given = found.get("allow", [])
    if not isinstance(given, list) or not given:
        raise ConfigError("The file allows no host, so the agent could do nothing. Add an [[allow]] with the host of your server.")
    return Config(
        server=_server(_text(found, "server"), insecure=found.get("insecure_http") is True),
        state=state,
        policy=Policy(tuple(_rule(entry, number) for number, entry in enumerate(given, 1))),
        credentials={name: _credential(name, entry) for name, entry in _table(found, "credentials").items()},
        concurrency=concurrency,
        proxy=_proxy(_text(found, "proxy")),
        ca=_file(_text(found, "ca"), "ca"),
        vendor_ca=_file(_text(found, "vendor_ca"), "vendor_ca"),
        log_level=level,
    )


def _server(text: str, *, insecure: bool) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ConfigError('server is the address of Junction, for example server = "https://junction.example.com".')
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and not is_here and not insecure:
        raise ConfigError(
            "server is http://: nobody could forge a request, but anybody in between could read it. Use https://, or set insecure_http = true."
        )
    return text.rstrip("/")


def _rule(entry: Any, number: int) -> Rule:
    where = f"[[allow]] number {number}"
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} is no table.")
    _known(entry, _ALLOW, where)
    host, network = _text(entry, "host").lower().rstrip("."), _text(entry, "network")
    if bool(host) == bool(network):
        raise ConfigError(f"{where} needs a host or a network, and not both.")
    if any(mark in host for mark in "/:@ ") and not _is_address(host):
        raise ConfigError(f"{where}: {host} is no host name. Write it without scheme, port and path; ports have an entry of their own.")
    if "*" in host and (not host.startswith("*.") or "*" in host[1:]):
        raise ConfigError(f"{where}: a star stands only in front, as in *.example.com.")
    try:
        net = ipaddress.ip_network(network) if network else None
    except ValueError:
        raise ConfigError(f"{where}: {network} is no network. Write it as 10.1.0.0/16.") from None
    ports = entry.get("ports", [])
    if not isinstance(ports, list) or not all(isinstance(port, int) and 0 < port < 65536 for port in ports):
        raise ConfigError(f"{where}: ports is a list of numbers, for example ports = [443, 3000].")
    paths = _texts(entry, "paths", where)
    if any(not path.startswith("/") for path in paths):
        raise ConfigError(f'{where}: every path starts with a slash, for example paths = ["/api/*"].')
    return Rule(host, net, tuple(ports), tuple(method.upper() for method in _texts(entry, "methods", where)), tuple(paths))


def _credential(name: str, entry: Any) -> Credential:
    where = f"[credentials.{name}]"
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} is no table.")
    _known(entry, _CREDENTIAL, where)
    hosts = _texts(entry, "hosts", where)
    if not hosts:
        raise ConfigError(f'{where} needs the hosts that may get it, for example hosts = ["redmine.local:3000"].')
    if any(not _is_host_entry(host) for host in hosts):
        raise ConfigError(f"{where}: hosts are names without scheme and path, with the port where it is not the usual one.")
    username = _text(entry, "username")
    kinds = [kind for kind in ("header", "query", "username") if _text(entry, kind)]
    if len(kinds) != 1:
        raise ConfigError(f"{where} needs exactly one of header, query and username.")
    field = "password" if username else "value"
    return Credential(
        name, tuple(host.lower() for host in hosts), _text(entry, "header"), _text(entry, "query"), _text(entry, "prefix"), username,
        _secret(entry, field, where),
    )  # fmt: skip


def _secret(entry: dict[str, Any], field: str, where: str) -> str:
    file = _text(entry, f"{field}_file")
    if bool(file) == bool(_text(entry, field)):
        raise ConfigError(f"{where} needs {field} or {field}_file, and not both.")
    if not file:
        return _text(entry, field)
    try:
        text = Path(file).expanduser().read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: {file} cannot be read ({getattr(error, 'strerror', 'it is no text')}).") from None
    if not text:
        raise ConfigError(f"{where}: {file} is empty.")
    return text


def _proxy(text: str) -> str:
    if text and (urlsplit(text).scheme != "http" or not urlsplit(text).hostname):
        raise ConfigError('proxy is the address of an HTTP proxy, for example proxy = "http://proxy.corp:3128".')
    return text


def _file(text: str, name: str) -> str:
    if text and not Path(text).is_file():
        raise ConfigError(f"{name} names the file {text}, which is not there.")
    return text


def _is_host_entry(text: str) -> bool:
    name, _, port = text.partition(":")
    return bool(name) and not any(mark in text for mark in "/@ ") and (not port or (port.isdigit() and 0 < int(port) < 65536))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _known(found: dict[str, Any], names: set[str], where: str) -> None:
    if unknown := sorted(set(found) - names):
        raise ConfigError(f"{where} has {', '.join(unknown)}, which an agent does not know. It knows {', '.join(sorted(names))}.")


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f"{name} is a text in quotation marks.")
    return value.strip()


def _texts(found: dict[str, Any], name: str, where: str) -> list[str]:
    value = found.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise ConfigError(f"{where}: {name} is a list of texts.")
    return [item.strip() for item in value]


def _table(found: dict[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name, {})
    if not isinstance(value, dict):
        raise ConfigError(f"{name} is a table.")
    return value
