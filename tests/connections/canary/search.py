"""Where secrets are looked for, and in which forms."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import quote, quote_plus

import redis
from django.apps import apps
from django.conf import settings
from django.db.models import BinaryField

from actions.models import Run
from connections.rotation import sealed_models

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_KEYS: Final = "key"  # files of an installation that hold its own keys have this in their names


def found(kept: Iterable[bytes], secrets: Mapping[str, str]) -> dict[str, list[bytes]]:
    """By name, the surroundings of each secret that stands somewhere: in clear, escaped, URL-encoded, or in Base64 at any offset."""
    everything = b"\n\0\n".join(kept)
    return {name: places for name, secret in secrets.items() if (places := list(_places(everything, secret)))}


def _places(everything: bytes, secret: str) -> Iterator[bytes]:
    for form in forms(secret):
        at = everything.find(form)
        if at >= 0:
            yield everything[max(0, at - 160) : at + 160]


def forms(secret: str) -> set[bytes]:
    """What a secret looks like."""
    texts = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], secret.replace("&", "&amp;")}
    whole = {text.encode() for text in texts}
    for offset in range(3):
        core = base64.b64encode(b"\0" * offset + secret.encode())[(0, 2, 3)[offset] : (offset + len(secret)) * 8 // 6]
        whole |= {core, core.translate(bytes.maketrans(b"+/", b"-_")), quote(core.decode(), safe="").encode()}
    return whole


def kept_everywhere() -> Iterator[bytes]:
    """Database, broker, files."""
    yield from stored()
    yield from cached()
    yield from files()


def stored() -> Iterator[bytes]:
    """Every value of every row."""
    assert sealed_models()
    for model in apps.get_models():
        for row in model._default_manager.all():
            for field in model._meta.concrete_fields:
                value = getattr(row, field.attname)
                if isinstance(field, BinaryField):
                    yield bytes(value or b"")
                else:
                    yield str(value).encode()
                    if not isinstance(value, str):
                        yield json.dumps(value, default=str, ensure_ascii=False).encode()


def cached() -> Iterator[bytes]:
    """What lies in the broker."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for key in client.keys("*"):
            yield bytes(key)
            match client.type(key):
                case b"list":
                    yield from client.lrange(key, 0, -1)
                case b"hash":
                    yield from (part for pair in client.hgetall(key).items() for part in pair)
                case b"zset" | b"set" as kind:
                    yield from client.zrange(key, 0, -1) if kind == b"zset" else client.smembers(key)
                case b"string":
                    yield client.get(key) or b""


def files() -> Iterator[bytes]:
    """Every file that an installation keeps: results unpacked, logs, and the database with its journal where it is one."""
    pieces = 0
    for path in sorted(settings.DATA_DIR.rglob("*")):
        if path.is_file() and _KEYS not in path.name:
            content = path.read_bytes()
            yield content
            with suppress(zstd.ZstdError):
                yield zstd.decompress(content)
                pieces += 1
    assert pieces or not Run.objects.filter(record_count__gt=0).exists(), "the records of runs were found"
