"""Content encodings (RFC 9110 8.4.1) unpacked piece by piece: a small answer which unpacks to gigabytes costs no memory and little time."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK: Final = 64 * 1024
_MOST_LAYERS: Final = 3  # encodings of one body; servers use one
_BEFORE_BEGINNING: Final = 1024 * 1024  # bytes that a layer may give while only the beginning is wanted


class Damaged(Exception):
    """What came cannot be unpacked, or ends in the middle."""


class TooMuch(Exception):
    """A layer unpacks to more than may be."""


class Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` unpacks to, CHUNK bytes at a time or a little more. Raises `Damaged`."""

    @property
    def is_whole(self) -> bool:
        """Whether what came so far ends where its encoding says."""


class _Framed:
    """An encoding of frames one after the other, of which most bodies have one. What is none after the first is passed over."""

    def __init__(self, make: Callable[[], Any], mark: bytes, failure: type[Exception]) -> None:
        self._make, self._mark, self._failure = make, mark, failure
        self._frame: Any = make()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._frame.eof:
                if not data.startswith(self._mark):
                    return
                self._frame = self._make()
            try:
                yield from self._unpacked(data)
            except self._failure:
                raise Damaged from None
            data = self._frame.unused_data if self._frame.eof else b""

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        yield self._frame.decompress(data, CHUNK)
        while not self._frame.eof and not self._frame.needs_input:
            yield self._frame.decompress(b"", CHUNK)

    @property
    def is_whole(self) -> bool:
        return bool(self._frame.eof)


class _Gzip(_Framed):
    def __init__(self) -> None:
        super().__init__(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16), b"\x1f\x8b", zlib.error)

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        yield self._frame.decompress(data, CHUNK)
        while not self._frame.eof and (rest := self._frame.unconsumed_tail):
            yield self._frame.decompress(rest, CHUNK)


class _Deflate(_Gzip):
    """deflate, which many servers send without the header of two bytes that RFC 1950 gives it."""

    def __init__(self) -> None:
        super().__init__()
        self._start = b""
        self._is_open = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if not self._is_open:
            data = self._start = self._start + data
            if len(data) < 2:
                return
            has_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0
            self._frame, self._is_open = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS), True
        yield from super().feed(data)


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            if self._stream.is_finished():
                return
            piece = self._stream.process(data, output_buffer_limit=CHUNK)
            # It takes one more look to see that a stream which met the limit has ended.
            while piece or not self._stream.can_accept_more_data():
                yield piece
                if self._stream.is_finished():
                    return
                piece = self._stream.process(b"", output_buffer_limit=CHUNK)
        except brotli.error:
            raise Damaged from None

    @property
    def is_whole(self) -> bool:
        return bool(self._stream.is_finished())


class _Bounded:
    """A decoder with an end. What a layer gives to the next one counts, too: that one may make nothing of gigabytes, and for hours."""

    def __init__(self, decoder: Decoder, most: int) -> None:
        self._decoder, self._left = decoder, most

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in self._decoder.feed(data):
            self._left -= len(piece)
            if self._left < 0:
                raise TooMuch
            yield piece

    @property
    def is_whole(self) -> bool:
        return self._decoder.is_whole


_KNOWN: Final[Mapping[str, Callable[[], Decoder]]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": lambda: _Framed(zstd.ZstdDecompressor, b"\x28\xb5\x2f\xfd", zstd.ZstdError),
}
ASKED_FOR: Final = "gzip, deflate, br, zstd"


def decoders_of(encodings: Iterable[str], most: int) -> list[Decoder]:
    """What unpacks a body with these values of Content-Encoding, outermost first, each to at most so many bytes.

    Raises `KeyError` with the name of an unknown one, and for more of them than anybody uses.
    """
    names = [name for value in encodings for part in value.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(names) > _MOST_LAYERS:
        raise KeyError(f"{', '.join(names[:_MOST_LAYERS])} and so on, {len(names)} times over")
    return [_Bounded(_KNOWN[name](), most) for name in reversed(names)]


def unpacked(data: bytes, decoders: list[Decoder]) -> Iterator[bytes]:
    """What a piece of a body unpacks to, in small pieces. Raises `Damaged` and `TooMuch`."""
    if not decoders:
        yield data
        return
    for piece in decoders[0].feed(data):
        yield from unpacked(piece, decoders[1:])


def beginning(packed: bytes, encoding: str, most: int) -> bytes:
    """The first bytes, at most so many, of a body of which the beginning is there; b"" where it cannot be unpacked."""
    found = bytearray()
    try:
        for piece in unpacked(packed, decoders_of([encoding], max(most, _BEFORE_BEGINNING))):
            found += piece
            if len(found) >= most:
                break
    except (KeyError, Damaged, TooMuch):
        return bytes(found[:most])
    return bytes(found[:most])
