"""Bodies of answers, unpacked piece by piece and never beyond the limit."""

from __future__ import annotations

import sys
import zlib
from typing import Any, Final

import brotli
import urllib3
from django.conf import settings

from connections.exchange import TransportError, shown
from connections.transport.failures import broken_off

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK: Final = 64 * 1024
# What can be unpacked, piece by piece, so that a small answer which unpacks to gigabytes ends at the limit. urllib3 would hand
# on what it cannot unpack as it is.
_ENCODINGS: Final = frozenset({"", "identity", "deflate", *urllib3.HTTPResponse.CONTENT_DECODERS})
ASKED_FOR: Final = ", ".join(name for name in ("gzip", "deflate", "br", "zstd") if name in _ENCODINGS)


def read(response: urllib3.HTTPResponse, url: str) -> bytes:
    """The decoded body, at most EGRESS_MAX_BYTES of it."""
    limit: int = settings.EGRESS_MAX_BYTES
    unknown = {part.strip().lower() for part in response.headers.get("Content-Encoding", "").split(",")} - _ENCODINGS
    if unknown:
        raise TransportError(
            f"{shown(url)} answered in the encoding {', '.join(sorted(unknown))}, which Junction did not ask for and cannot read.",
            kind="malformed",
            sent=True,
            permanent=True,
        )
    declared = response.length_remaining or 0
    body = bytearray()
    while declared <= limit and len(body) <= limit:
        chunk = response.read(CHUNK, decode_content=True)
        if not chunk:
            if response.tell() and _is_cut(response):
                raise broken_off(f"The compressed answer of {shown(url)} ends in the middle and cannot be unpacked.", "malformed")
            return bytes(body)
        body += chunk
    raise TransportError(
        f"The answer of {shown(url)} is larger than {limit / 2**20:g} MiB. Ask for less, for example with a smaller page size.",
        kind="too_large",
        sent=True,
        permanent=True,
    )


def _is_cut(response: urllib3.HTTPResponse) -> bool:
    """Whether a packed body ended before its own end: urllib3 hands on the beginning as if it were all."""
    packed: Any = getattr(getattr(response, "_decoder", None), "_obj", None)
    if hasattr(packed, "is_finished"):
        return not packed.is_finished()
    return getattr(packed, "eof", True) is False


def beginning(packed: bytes, encoding: str, most: int) -> bytes:
    """The first bytes, at most so many, of a body of which the beginning is there; b"" where it cannot be unpacked."""
    try:
        match encoding.strip().lower():
            case "" | "identity":
                return packed[:most]
            case "gzip" | "x-gzip" | "deflate":
                return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(packed, most)
            case "br":
                return brotli.Decompressor().process(packed, output_buffer_limit=most)[:most]
            case "zstd":
                return zstd.ZstdDecompressor().decompress(packed, most)
    except (zlib.error, brotli.error, zstd.ZstdError):
        pass
    return b""
