"""Bodies of answers, read whole and never beyond the limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from django.conf import settings

from connections.exchange import Headers, TransportError, shown
from connections.transport.encodings import Damaged, TooMuch, decoders_of, unpacked
from connections.transport.failures import broken_off


class Coming(Protocol):
    """An answer whose head is there."""

    status: int
    reason: str
    headers: list[tuple[str, str]]

    @property
    def length(self) -> int | None: ...

    @property
    def is_bodiless(self) -> bool: ...

    def pieces(self, *, wait: Callable[[], float]) -> Iterator[bytes]: ...

    def close(self) -> None: ...


def read(coming: Coming, headers: Headers, url: str, *, wait: Callable[[], float]) -> bytes:
    """The decoded body, at most EGRESS_MAX_BYTES of it; `wait` gives the seconds for each step."""
    limit: int = settings.EGRESS_MAX_BYTES
    try:
        decoders = [] if coming.is_bodiless else decoders_of(headers.get_all("Content-Encoding"), limit)
    except KeyError as unknown:
        raise TransportError(
            f"{shown(url)} answered in the encoding {unknown.args[0]}, which Junction did not ask for and cannot read.",
            kind="malformed",
            sent=True,
            permanent=True,
        ) from None
    if (coming.length or 0) > limit:
        raise _too_large(url, limit)
    body, came = bytearray(), False
    try:
        for packed in coming.pieces(wait=wait):
            came = True
            for piece in unpacked(packed, decoders):
                body += piece
                if len(body) > limit:
                    raise _too_large(url, limit)
    except TooMuch:
        raise _too_large(url, limit) from None
    except Damaged:
        raise broken_off(f"The compressed answer of {shown(url)} is damaged and cannot be unpacked.", "malformed") from None
    if came and not all(decoder.is_whole for decoder in decoders):
        raise broken_off(f"The compressed answer of {shown(url)} ends in the middle and cannot be unpacked.", "malformed")
    return bytes(body)


def _too_large(url: str, limit: int) -> TransportError:
    return TransportError(
        f"The answer of {shown(url)} is larger than {limit / 2**20:g} MiB. Ask for less, for example with a smaller page size.",
        kind="too_large",
        sent=True,
        permanent=True,
    )
