"""What an environment variable may hold: each kind reads one text strictly, and says what is wrong with it in one sentence."""

import os
import re
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")


def variable(name: str, default: str, parse: Callable[[str], T]) -> T:
    """Read one environment variable strictly; an empty one counts as unset."""
    try:
        return parse(os.environ.get(name) or default)
    except (ValueError, ImproperlyConfigured) as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"{text!r} is not a port. Give a number from 1 to 65535.")
    return int(text)


def flag(text: str) -> bool:
    if text.lower() not in {"0", "1", "false", "true", "no", "yes", "off", "on"}:
        raise ValueError(f"{text!r} is not a yes or no. Give 1 or 0.")
    return text.lower() in {"1", "true", "yes", "on"}


def origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"{text!r} is not an origin. Give scheme, host and port only, for example https://junction.example.com")
    return text.rstrip("/")


def url(text: str) -> str:
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname):
        raise ValueError(f"{text!r} is not a URL. Write it whole, from https:// on.")
    return text


def proxy(text: str) -> str:
    if text and (urlsplit(text).scheme != "http" or not urlsplit(text).hostname or urlsplit(text).path.strip("/")):
        raise ValueError("Write it as http://proxy.example.com:3128, with user:password@ before the host if the proxy wants them.")
    return text


def mail_server(text: str) -> dict[str, Any]:
    """Django's EMAIL_ settings for a server; none where mail is not sent."""
    if not text:
        return {}
    if urlsplit(text).scheme not in ("smtp", "smtp+tls", "smtp+ssl") or not urlsplit(text).hostname:
        raise ValueError("Write it as smtp+tls://user:password@host:587, smtp+ssl://… or smtp://….")
    found: dict[str, Any] = environ.Env.email_url_config(text)
    return {name: value for name, value in found.items() if name.startswith("EMAIL_") and name != "EMAIL_FILE_PATH"}


def seconds(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"{text!r} is not a number of seconds. Give a whole number from 1 on.")
    return int(text)


def count(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is not in the range. Give a whole number from {least} to {most}.")
        return int(text)

    return parse


def data_folder(text: str) -> Path:
    """Make the folder of everything that this installation keeps; only its owner may look into it."""
    folder = Path(text).expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} cannot be used as a folder ({error.strerror}). Name one that you may write to.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{folder} cannot be written to. Name a folder that you own.")
    return folder


def socket_in(folder: Path) -> str:
    """Where the embedded Valkey listens: in `folder`, if a socket's address can hold it.

    That address has at most 107 bytes, and letters that mean something in a URL would need escapes which clients read
    differently. Any other folder's socket lies in a private one under the system's temporary folder.
    """
    path = folder / "valkey.sock"
    if len(str(path)) <= 100 and re.fullmatch(r"[A-Za-z0-9/._-]+", str(path)):
        return str(path)
    private = Path(tempfile.gettempdir()) / f"junction-{os.getuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.is_symlink() or private.stat().st_uid != os.getuid():
        raise ImproperlyConfigured(f"{private} belongs to somebody else. Remove it, or set DATA_DIR to a shorter path of plain letters.")
    return str(private / f"{sha256(os.fsencode(folder)).hexdigest()[:16]}.sock")


def database(text: str) -> dict[str, Any]:
    if urlsplit(text).scheme not in ("postgres", "postgresql", "sqlite"):
        raise ValueError("Write it as postgres://user:password@host:5432/name, or as sqlite:////folder/file.")
    found: dict[str, Any] = environ.Env.db_url_config(text)
    return found


def redis(text: str) -> str:
    if urlsplit(text).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("Write it as redis://host:6379/0, rediss://… for TLS, or unix:///folder/socket.")
    return text
