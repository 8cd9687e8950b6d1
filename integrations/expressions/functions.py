"""The functions that placeholders may call: encodings, hashes, signatures, the time (leaf). Nothing else is executed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from integrations import signing


@dataclass(frozen=True)
class Function:
    work: Callable[..., str]
    least: int
    most: int
    help: str


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_SHIFT = re.compile(r"(-?\d{1,6})([smhd]?)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "days"}


def _hash(algorithm: str, *parts: str) -> bytes:
    return hashlib.new(algorithm, "".join(parts).encode()).digest()


def _mac(algorithm: str, key: str, *parts: str) -> bytes:
    return hmac.new(key.encode(), "".join(parts).encode(), algorithm).digest()


def now(form: str = "iso", shift: str = "0", *, moment: datetime | None = None) -> str:
    found = _SHIFT.fullmatch(shift)
    if not found:
        raise ValueError(f"{shift[:20]!r} is no span of time. Write a number of days, or 90s, 15m, 2h, 7d; with - for the past.")
    moment = (moment or datetime.now(UTC)) + timedelta(**{_UNITS[found[2]]: int(found[1])})
    match form:
        case "iso":
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        case "seconds":
            return str(int(moment.timestamp()))
        case "milliseconds":
            return str(int(moment.timestamp() * 1000))
        case "http":
            return moment.strftime("%a, %d %b %Y %H:%M:%S +0000")
    return moment.strftime(form)


FUNCTIONS: Final[dict[str, Function]] = {
    "base64": Function(lambda *parts: _b64("".join(parts).encode()), 1, 20, "its arguments, joined, as Base64"),
    "base64url": Function(
        lambda *parts: base64.urlsafe_b64encode("".join(parts).encode()).decode().rstrip("="), 1, 20, "the same for URLs, without padding"
    ),
    "urlencode": Function(lambda *parts: quote("".join(parts), safe=""), 1, 20, "percent-encoded"),
    "upper": Function(lambda text: text.upper(), 1, 1, "in capitals"),
    "lower": Function(lambda text: text.lower(), 1, 1, "in small letters"),
    "before": Function(lambda text, mark: text.partition(mark)[0], 2, 2, "the part of a text before a mark"),
    "after": Function(lambda text, mark: text.partition(mark)[2], 2, 2, "the part of a text after a mark"),
    "join": Function(lambda *parts: "".join(parts), 1, 20, "its arguments, joined"),
    "md5Hex": Function(lambda *parts: _hash("md5", *parts).hex(), 1, 20, "MD5 of its arguments, joined, in hexadecimal"),
    "sha1Hex": Function(lambda *parts: _hash("sha1", *parts).hex(), 1, 20, "SHA-1"),
    "sha256Hex": Function(lambda *parts: _hash("sha256", *parts).hex(), 1, 20, "SHA-256"),
    "sha256Base64": Function(lambda *parts: _b64(_hash("sha256", *parts)), 1, 20, "SHA-256 as Base64"),
    "hmacSha1Hex": Function(lambda key, *parts: _mac("sha1", key, *parts).hex(), 2, 20, "HMAC; the first argument is the key"),
    "hmacSha256Hex": Function(lambda key, *parts: _mac("sha256", key, *parts).hex(), 2, 20, "HMAC with SHA-256"),
    "hmacSha256Base64": Function(lambda key, *parts: _b64(_mac("sha256", key, *parts)), 2, 20, "the same as Base64"),
    "hmacSha512Hex": Function(lambda key, *parts: _mac("sha512", key, *parts).hex(), 2, 20, "HMAC with SHA-512"),
    "uuid": Function(lambda: str(uuid.uuid4()), 0, 0, "a random UUID"),
    "now": Function(
        now, 0, 2, 'the time in UTC: "iso", "seconds", "milliseconds", "http" or a strftime format; then what to add, as "7d" or "-90s"'
    ),
    "ed25519Sign": Function(signing.ed25519, 2, 40, "the signature of a text as Base64; the first argument is the private key, PEM"),
    "fingerprint": Function(signing.rsa_fingerprint, 1, 1, "SHA256: and the digest of the public key that belongs to an RSA private key"),
    "awsSigV4": Function(
        signing.aws_v4, 10, 10, "AWS Signature Version 4: access key, secret, region, service, host, method, path, query, body, x-amz-date"
    ),
}
