"""A memory of a fixed size for pages that were seen (leaf): it never forgets one, and hardly ever takes a new one for known."""

from __future__ import annotations

from typing import Final

_BITS: Final = 24  # of an address: 2 MiB, where a hundred thousand pages are mistaken once in ten million questions
_HASHES: Final = 5  # of 24 bits each, out of the 128 of a digest


class Seen:
    """A Bloom filter over hexadecimal digests of 128 bits or more. What it takes for known has to be looked up where it is stored."""

    def __init__(self) -> None:
        self._bits = bytearray(1 << (_BITS - 3))

    def add(self, kind: str, digest: str) -> None:
        for place in _places(kind, digest):
            self._bits[place >> 3] |= 1 << (place & 7)

    def may_hold(self, kind: str, digest: str) -> bool:
        """False for what was never added; True for what was, and by chance for very little else."""
        return all(self._bits[place >> 3] & 1 << (place & 7) for place in _places(kind, digest))


def _places(kind: str, digest: str) -> list[int]:
    # The kinds share the bits: each reads the digest turned by some digits.
    turn = ord(kind[0]) % 16
    value = int(digest[turn:32] + digest[:turn], 16)
    return [value >> _BITS * number & (1 << _BITS) - 1 for number in range(_HASHES)]
