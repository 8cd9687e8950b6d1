"""Where secrets are looked for, and in which forms."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import pytest
import redis
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import BinaryField

from actions.models import Run
from connections.rotation import sealed_models

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_KEYS: Final = "key"  # files of an installation that hold its own keys have this in their names


def planted(name: str) -> str:
    """A secret of this name: with characters that each encoding writes in another way, and halves that tell whose they are."""
    digits = hashlib.sha256(name.encode()).hexdigest()
    return f"cnry/{digits[:10]}+&{name}=~{digits[10:20]}+/?{digits[20:24]}"


_BETWEEN: Final = b"\n\0\n"


def found(kept: Iterable[bytes], secrets: Mapping[str, str]) -> dict[str, list[bytes]]:
    """By name, where each secret stands and what is round it, in plain writing; also one of which somebody cut off a half.

    It is found in clear, escaped as in JSON and HTML, URL-encoded, once or twice, and in Base64 of both alphabets at any offset.
    """
    everything = plain(_BETWEEN.join(kept))
    return {name: places for name, secret in secrets.items() if (places := list(_places(everything, secret)))}


def _places(everything: bytes, secret: str) -> Iterator[bytes]:
    middle = len(secret) // 2
    # What holds all of it, in whatever form, holds both halves in that form.
    for form in sorted(forms(secret[:middle]) | forms(secret[middle:])):
        at = everything.find(form)
        if at >= 0:
            begin = everything.rfind(_BETWEEN, 0, at) + len(_BETWEEN)
            yield everything[begin : begin + 80] + b" ... " + everything[max(begin, at - 160) : at + 160]


def plain(text: bytes) -> bytes:
    """A text with its escapes undone, in small letters, blanks as +, and - and _ as the other alphabet of Base64 has them.

    So much is done once, to all that is searched, rather than a search for each way of writing each secret.
    """
    text = text.lower()
    for escaped, meant in _ESCAPES:
        text = text.replace(escaped, meant)
    return text.translate(_ALIKE)


_ALIKE: Final = bytes.maketrans(b"-_ ", b"+/+")
_ESCAPES: Final = [
    (b"%25", b"%"),
    *((b"%" + f"{ord(mark):02x}".encode(), mark.encode()) for mark in "+/=&~?:;,@!$'()*[]#- "),
    *((b"\\u" + f"{ord(mark):04x}".encode(), mark.encode()) for mark in "&<>'"),
    (b"\\/", b"/"),
    (b"&amp;", b"&"),
    (b"&#x27;", b"'"),
]


def forms(secret: str) -> set[bytes]:
    """What a secret looks like in plain writing: itself, and Base64 of it at each offset."""
    whole = {plain(secret.encode())}
    for offset in range(3):
        raw = b"\0" * offset + secret.encode()
        # Where a byte of a neighbour shares a character with one of ours, that character is unknown.
        whole.add(plain(base64.b64encode(raw)[(0, 2, 3)[offset] : len(raw) * 8 // 6]))
    return whole


def kept_everywhere() -> Iterator[bytes]:
    """Database, broker, files."""
    yield from stored()
    yield from cached()
    yield from files()


def stored() -> Iterator[bytes]:
    """Every value of every row; of a session what it holds, which is packed and signed."""
    assert sealed_models()
    yield from (f"Session {row.get_decoded()}".encode() for row in Session.objects.all())
    for model in apps.get_models():
        for row in model._default_manager.all():
            for field in model._meta.concrete_fields:
                value, place = getattr(row, field.attname), f"{model.__name__}.{field.attname} ".encode()
                if isinstance(field, BinaryField):
                    yield place + bytes(value or b"")
                else:
                    yield place + str(value).encode()
                    if not isinstance(value, str):
                        yield place + json.dumps(value, default=str, ensure_ascii=False).encode()


def cached() -> Iterator[bytes]:
    """What lies in the broker: waiting tasks, limits, what agents and web processes tell each other."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for key in client.keys("*"):
            yield bytes(key)
            match client.type(key):
                case b"list":
                    yield from client.lrange(key, 0, -1)
                case b"hash":
                    yield from (part for pair in client.hgetall(key).items() for part in pair)
                case b"zset":
                    yield from client.zrange(key, 0, -1)
                case b"set":
                    yield from client.smembers(key)
                case b"string":
                    yield client.get(key) or b""
                case b"none":
                    pass  # it ended meanwhile
                case kind:
                    raise AssertionError(f"Nobody looks into keys of the kind {kind!r}.")


def files() -> Iterator[bytes]:
    """Every file that an installation keeps: results unpacked, logs, and the database with its journal where it is one."""
    pieces = 0
    for path in sorted(settings.DATA_DIR.rglob("*")):
        if path.is_file() and _KEYS not in path.name:
            # A process that opens and closes SQLite's file gives up its own locks on it (POSIX), so that another one reads it.
            content = (
                subprocess.run(["cat", path], capture_output=True, check=True).stdout if ".sqlite3" in path.name else path.read_bytes()
            )
            yield f"{path.name} ".encode() + content
            with suppress(zstd.ZstdError):
                yield f"{path.name} ".encode() + zstd.decompress(content)
                pieces += 1
    assert pieces or not Run.objects.filter(record_count__gt=0).exists(), "the records of runs were found"


def said(caplog: pytest.LogCaptureFixture) -> Iterator[bytes]:
    """Tracebacks of what was logged with one."""
    for record in caplog.records:
        if record.exc_info and record.exc_info[0]:
            yield b"traceback " + "".join(traceback.format_exception(*record.exc_info)).encode()
