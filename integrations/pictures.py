"""PNG and JPEG icons: read just far enough to know that it is one, how large it is, and that nothing hangs on its end (leaf).

Notes that cameras and programs leave in a picture (places, names, thumbnails) are not kept.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Final

MAX_BYTES: Final = 256 * 1024  # a tile shows it at 40 pixels
MAX_SIDE: Final = 2048  # pixels; more takes a browser 16 MB to show
PNG_START: Final = b"\x89PNG\r\n\x1a\n"
JPEG_START: Final = b"\xff\xd8\xff"
# Chunks of PNG and segments of JPEG that say how the picture looks.
_PNG_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP"})
_JPEG_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_DROPPED: Final = frozenset({0xE1, *range(0xE3, 0xEE), 0xEF, 0xFE})  # APP1 Exif and XMP, others, comments; APP0, 2 and 14 tell colors
_BROKEN: Final = "The {kind} file is damaged or cut off. Export it again."


def kind_of(data: bytes) -> str:
    """`image/png`, `image/jpeg`, or "" for anything else."""
    if data.startswith(PNG_START):
        return "image/png"
    return "image/jpeg" if data.startswith(JPEG_START) else ""


def check(data: bytes) -> str:
    """The picture as a `data:` URL, ready to be stored. Raises `ValueError` with a sentence."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"The icon is larger than {MAX_BYTES // 1024} KB. Scale it down to 256 x 256 pixels or less.")
    kind = kind_of(data)
    clean, width, height = _png(data) if kind == "image/png" else _jpeg(data)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(f"The icon has {width} x {height} pixels; at most {MAX_SIDE} x {MAX_SIDE} are shown. Scale it down.")
    return f"data:{kind};base64,{base64.b64encode(clean).decode()}"


def opened(stored: str) -> tuple[str, bytes]:
    """Media type and bytes of what `check` gave."""
    head, _, text = stored.partition(",")
    return head.removeprefix("data:").partition(";")[0], base64.b64decode(text)


def _png(data: bytes) -> tuple[bytes, int, int]:
    place, kept, size, ended = len(PNG_START), bytearray(PNG_START), (0, 0), False
    while place + 12 <= len(data) and not ended:
        (length,) = struct.unpack_from(">I", data, place)
        name, whole = data[place + 4 : place + 8], data[place : place + 12 + length]
        if len(whole) < 12 + length or zlib.crc32(whole[4:-4]) != struct.unpack(">I", whole[-4:])[0]:
            raise ValueError(_BROKEN.format(kind="PNG"))
        if len(kept) == len(PNG_START):
            if name != b"IHDR" or length != 13:
                raise ValueError(_BROKEN.format(kind="PNG"))
            size = struct.unpack_from(">II", whole, 8)
        kept += whole if name in _PNG_CHUNKS else b""
        ended = name == b"IEND"
        place += 12 + length
    if not ended:
        raise ValueError(_BROKEN.format(kind="PNG"))
    return bytes(kept), *size


def _jpeg(data: bytes) -> tuple[bytes, int, int]:
    place, kept, size = 2, bytearray(data[:2]), (0, 0)
    while place + 4 <= len(data) and data[place] == 0xFF:
        mark = data[place + 1]
        (length,) = struct.unpack_from(">H", data, place + 2)
        segment = data[place : place + 2 + length]
        if length < 2 or len(segment) < 2 + length:
            break
        if mark in _JPEG_FRAMES and length >= 8:
            height, width = struct.unpack_from(">HH", segment, 5)
            size = (width, height)
        if mark == 0xDA:  # what follows is the picture itself, up to the end mark
            end = data.rfind(b"\xff\xd9")
            if end < place or not size[0]:
                break
            return bytes(kept + data[place : end + 2]), *size
        kept += b"" if mark in _JPEG_DROPPED else segment
        place += 2 + length
    raise ValueError(_BROKEN.format(kind="JPEG"))
