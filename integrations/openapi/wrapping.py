"""What stands round a document or spoils its lines: code fences, an assignment or a call in JavaScript, comments, tabs, odd spaces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

_FENCE = re.compile(r"\s*(`{3,}|~{3,})[\w-]*[ \t]*\r?\n(.*?)\r?\n?\1\s*", re.DOTALL)
# Possessive, because a hostile file may hold a million beginnings of comments.
_REMARK = r"//[^\n]*+|/\*(?>[^*]+|\*(?!/))*+(?:\*/|\Z)"
_CODE = re.compile(
    rf"(?>\s+|{_REMARK})*+(?:(?:var|let|const|export\s+default|module\.exports)\b|[\w$.]{{1,100}}\s*[=(])[^{{\"'\n]{{0,200}}(?=\{{)"
)
_COMMENT = re.compile(rf'"(?>[^"\\]+|\\.)*+"?|({_REMARK})', re.DOTALL)
_INDENT = re.compile(r"^[ ]*[\t\u00a0][ \t\u00a0]*(?=[^\s#])", re.MULTILINE)
_MAX_CODE = 2_000_000  # characters of a file that are looked through for code; with comments alone that takes a second
_TAB_WIDTHS = (2, 4, 8)
_SHORTEST = 20  # characters of a document
_PATH_NAMES = ("path", "url", "uri", "route", "endpoint")
_HOLDERS = 5  # levels of objects round a document


def unfenced(text: str) -> str:
    """The text inside a Markdown code fence; the text itself where there is none."""
    found = _FENCE.fullmatch(text) if len(text) <= _MAX_CODE else None
    return _lines(text[: found.start(2)]) + found.group(2) if found else text


def bare_json(text: str) -> str:
    """JSON-like text without the JavaScript round it and without comments; "" if it has neither."""
    if len(text) > _MAX_CODE:
        return ""
    start = _CODE.match(text)
    inside = text[start.end() :] if start else text
    if not start and not re.match(r"\s*(?://|/\*|[{\[])", text):
        return ""
    if start:
        inside = inside[: inside.rfind("}") + 1]
    plain = _COMMENT.sub(lambda match: _lines(match.group()) or " " if match.group(1) else match.group(), inside)
    if plain.lstrip()[:1] not in ("{", "[") or plain == text:
        return ""
    return _lines(text[: start.end()] if start else "") + plain


def _lines(text: str) -> str:
    """What keeps the numbers of the lines behind a text that is left out."""
    return "\n" * text.count("\n")


def indented(text: str) -> Iterator[str]:
    """The text with spaces for the tabs and odd spaces that lines are indented by, once for each usual width of a tab; nothing if none are."""
    if len(text) > _MAX_CODE or not _INDENT.search(text):
        return
    for width in _TAB_WIDTHS:
        yield _INDENT.sub(partial(_spaced, width=width), text)


def _spaced(match: re.Match[str], *, width: int) -> str:
    return match.group().replace("\t", " " * width).replace("\u00a0", " ")


def is_indented_oddly(text: str) -> bool:
    """Whether lines are indented by spaces that YAML takes for letters."""
    return len(text) <= _MAX_CODE and any("\u00a0" in found.group() for found in _INDENT.finditer(text))


def unwrapped(root: Any) -> tuple[Any, str]:
    """The document inside lists of one and objects that hold nothing else of its kind, with the pointer of where it stood ("" for the root)."""
    node, place = root, ""
    for _ in range(_HOLDERS):
        if isinstance(node, dict) and not _is_document(node):
            inside = [(key, value) for key, value in list(node.items())[:50] if isinstance(value, dict) and _is_document(value)]
        elif isinstance(node, list) and len(node) == 1:
            inside = [("0", node[0])]
        else:
            break
        if len(inside) != 1:
            break
        place += "/" + str(inside[0][0]).replace("~", "~0").replace("/", "~1")
        node = inside[0][1]
    return (node, place) if isinstance(node, dict) and _is_document(node) else (root, "")


def _is_document(node: dict[str, Any]) -> bool:
    return ("openapi" in node or "swagger" in node) and isinstance(node.get("paths", {}), dict)


def text_inside(root: Any, is_document: Callable[[bytes], bool]) -> tuple[str, str] | None:
    """The text of a document that a JSON string holds, the root or the one such string of an object, and its pointer; None if there is none."""
    if isinstance(root, str):
        return (root, "") if is_document(root.encode("utf-8", "replace")) else None
    if not isinstance(root, dict) or _is_document(root):
        return None
    found = [
        (value, "/" + str(key).replace("~", "~0").replace("/", "~1"))
        for key, value in list(root.items())[:50]
        if isinstance(value, str) and len(value) > _SHORTEST and is_document(value.encode("utf-8", "replace"))
    ]
    return found[0] if len(found) == 1 else None


def path_items(entry: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The paths that an entry of a list of paths stands for, each with its path item."""
    if not isinstance(entry, dict):
        return
    named = next((entry[key] for key in _PATH_NAMES if isinstance(entry.get(key), str) and entry[key].startswith("/")), "")
    if not named:
        yield from ((key, item) for key, item in entry.items() if isinstance(key, str) and key.startswith("/") and isinstance(item, dict))
        return
    rest = {key: value for key, value in entry.items() if key not in _PATH_NAMES}
    method = rest.pop("method", rest.pop("httpMethod", None))
    if isinstance(method, str):
        yield named, {method.strip().lower(): rest}
    else:
        yield named, rest
