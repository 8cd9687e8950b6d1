"""Digest authentication (RFC 7616)."""

from __future__ import annotations

from typing import Any

import requests
from requests.auth import HTTPDigestAuth


class Digest:
    """Answers to Digest challenges (RFC 7616): learns from the server's challenge, then signs each request."""

    def __init__(self, username: str, password: str) -> None:
        self._auth: Any = HTTPDigestAuth(username, password)  # the state that it keeps per thread is not in its types
        self._auth.init_per_thread_state()

    def challenged(self, header: str) -> bool:
        """Take up a WWW-Authenticate header; False if it is no Digest challenge."""
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() != "digest":
            return False
        self._auth._thread_local.chal = requests.utils.parse_dict_header(rest)  # noqa: SLF001 - there is no public way in
        return True

    def header(self, method: str, url: str) -> str:
        """The Authorization header for a request, "" before the first challenge or for one that cannot be answered."""
        if not self._auth._thread_local.chal:  # noqa: SLF001
            return ""
        return self._auth.build_digest_header(method, url) or ""
