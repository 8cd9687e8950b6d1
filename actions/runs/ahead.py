"""Which pages can be asked for before the page in front of them has come (leaf).

Only a list that names its size can be: by a total, or by the link to its last page. What is foreseen is compared with what
the answer then says; the first time that they differ, the list is walked one page at a time from there on.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from actions.pagination import LinkStrategy, Next, PageSeen, PaginationError, Strategy, Token, parse_links, resolve_link
from connections.exchange import Headers


def foreseen(strategy: Strategy, token: Token, *, last_link: str = "") -> Iterator[Token]:
    """The tokens after `token`, if its page and those after it are as full as the largest one so far.

    `last_link` is the URL of the last page where the answers name it. Nothing where the strategy learns the next page only
    from the answer, or where no total is known.
    """
    if isinstance(strategy, LinkStrategy):
        yield from _links(token, last_link)
        return
    while token.get("largest") and (token.get("total") is not None or "pages" in token):
        total = token.get("total")
        count = token["largest"] if total is None else min(token["largest"], total - token["received"])
        if count <= 0:
            return
        try:
            step = strategy.advance(token, PageSeen(200, Headers(), None, "", count))
        except PaginationError:
            return
        if not isinstance(step, Next):
            return
        token = step.token
        yield token


def last_link_of(strategy: Strategy, page: PageSeen) -> str:
    """The URL of the last page by a Link header with rel=last (RFC 8288), "" where there is none."""
    if not isinstance(strategy, LinkStrategy):
        return ""
    for target, params in parse_links(page.headers.get_all("Link")):
        if "last" in params.get("rel", "").lower().split():
            try:
                return resolve_link(target, page.url)
            except PaginationError:
                return ""
    return ""


def _links(token: Token, last: str) -> Iterator[Token]:
    """The links between the one in `token` and `last`, where they differ in one parameter only, and that counts."""
    url = str(token.get("url") or "")
    here, there = urlsplit(url), urlsplit(last)
    if not url or not last or here[:3] != there[:3]:
        return
    mine, its = dict(parse_qsl(here.query)), dict(parse_qsl(there.query))
    different = [name for name in {*mine, *its} if mine.get(name) != its.get(name)]
    if len(different) != 1:
        return
    (name,) = different
    start, end = mine.get(name, ""), its.get(name, "")
    if not (start.isdecimal() and end.isdecimal() and len(end) < 10) or int(start) >= int(end):
        return
    # A counter of records moves by more than one; only what counts pages is foreseen.
    if int(start) != token["number"] and int(start) != token["number"] - 1:
        return
    for number in range(int(start) + 1, int(end) + 1):
        parts = [f"{name}={number}" if piece.partition("=")[0] == name else piece for piece in here.query.split("&")]
        token = {**token, "number": token["number"] + 1, "url": here._replace(query="&".join(parts)).geturl()}
        yield token
