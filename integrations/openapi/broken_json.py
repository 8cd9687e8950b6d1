"""JSON that no reader takes, mended where that needs no guess: missing and superfluous commas, brackets that are never closed, spaces that
are none to JSON, typographic quotes, text behind the end.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

# Each mend reads the text once more, at about 40 MB a second: small files get many mends, large ones a few.
_MAX_MENDS = 100
_MAX_CHARACTERS = 30_000_000
_ENDS_VALUE = frozenset('"}]0123456789elE')  # the last character of a string, object, list, number, true, false or null
_CLOSING = {"{": "}", "[": "]"}
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"?|[][{}]', re.DOTALL)
_ODD = frozenset("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u202f\u205f\u2060\u3000\ufeff")
_ODD_SPACES = re.compile(rf'"(?:[^"\\]|\\.)*"?|([{"".join(sorted(_ODD))}]+)', re.DOTALL)
_QUOTES = frozenset("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02")  # as word processors write them
_QUOTED = re.compile(rf'"(?:[^"\\]|\\.)*"?|[{"".join(_QUOTES)}]((?:[^{"".join(_QUOTES)}"\\\n]|\\.)*)[{"".join(_QUOTES)}"]', re.DOTALL)
_STARTS_VALUE = frozenset('"{[-0123456789tfn')


@dataclass(frozen=True)
class Mended:
    """The values, the text that they stand in, and what was wrong with it: where commas were missing as (line, column), and the
    line in which text starts that lies behind the end of the document (0 for none), where brackets were missing as (line, column,
    bracket), in how many places stood spaces that JSON does not know, and how many strings stood in typographic quotes. All count from 1.
    """

    values: Any
    text: str
    added: list[tuple[int, int]]
    rest: int = 0
    closed: list[tuple[int, int, str]] = field(default_factory=list)
    spaces: int = 0
    quotes: int = 0


def mended(text: str) -> Mended | None:
    """The text as JSON after it was mended; None if something else is wrong with it.

    A comma is added only where two values meet that cannot be one: two strings in one line may be a string with a stray quote.
    """
    added: list[tuple[int, int]] = []
    closed: list[tuple[int, int, str]] = []
    rest = spaces = quotes = 0
    for _ in range(max(2, min(_MAX_MENDS, _MAX_CHARACTERS // max(len(text), 1)))):
        try:
            return Mended(json.loads(text, strict=False), text, added, rest, closed, spaces, quotes)
        except json.JSONDecodeError as error:
            if error.msg == "Extra data":
                text, rest = text[: error.pos], error.lineno
                continue
            if not spaces and text[error.pos : error.pos + 1] in _ODD:
                text, spaces = _with_plain_spaces(text)
                continue
            if not quotes and text[error.pos : error.pos + 1] in _QUOTES:
                text, quotes = _with_plain_quotes(text)
                continue
            changed = _without_comma(text, error.pos) or _with_comma(text, error.pos, added) or _with_bracket(text, error.pos, closed)
            if not changed:
                return None
            text = changed
        except (ValueError, RecursionError):
            return None
    return None


def _without_comma(text: str, position: int) -> str:
    """The text without the comma before a closing bracket, "" if none stands there; Python 3.13 points at the comma, earlier ones behind it."""
    comma = position if text[position : position + 1] == "," else _end_of_value(text, position) - 1
    if comma < 0 or text[comma] != "," or text[comma + 1 :].lstrip()[:1] not in ("}", "]"):
        return ""
    return f"{text[:comma]} {text[comma + 1 :]}"


def _with_comma(text: str, position: int, added: list[tuple[int, int]]) -> str:
    """The text with a comma between the value that ends before the position and the one that starts there, "" if they may be one."""
    end = _end_of_value(text, position)
    before, after = text[end - 1 : end], text[position : position + 1]
    if before not in _ENDS_VALUE or after not in _STARTS_VALUE:
        return ""
    if "\n" not in text[end:position] and before not in "}]" and after not in "{[":
        return ""
    added.append((text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)))
    return f"{text[:end]},{text[end:]}"


def _with_bracket(text: str, position: int, closed: list[tuple[int, int, str]]) -> str:
    """The text with the innermost list or object closed before the position, "" if it need not be.

    It was never closed where the bracket of one around it closes, and where in an object within a list the next object starts.
    """
    found = text[position : position + 1]
    if found not in ("}", "]", "{"):
        return ""
    opened: list[str] = []
    for token in _TOKENS.findall(text[:position]):
        if token in _CLOSING:
            opened.append(token)
        elif token in ("}", "]") and opened:
            opened.pop()
    if not opened or (len(opened) > 1 and opened[-1] == opened[-2]):
        return ""
    end = _end_of_value(text, position)
    if found == "{" and opened[-2:] == ["[", "{"] and text[end - 1] == ",":
        end -= 1  # before the comma
    elif len(opened) < 2 or found != _CLOSING[opened[-2]] or text[end - 1] not in _ENDS_VALUE:
        return ""
    closed.append((text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position), _CLOSING[opened[-1]]))
    return f"{text[:end]}{_CLOSING[opened[-1]]}{text[end:]}"


def _with_plain_spaces(text: str) -> tuple[str, int]:
    """The text with plain spaces for others outside of its strings, and in how many places those stood."""
    count = 0

    def plain(match: re.Match[str]) -> str:
        nonlocal count
        count += match.group(1) is not None
        return " " * len(match.group()) if match.group(1) else match.group()

    return _ODD_SPACES.sub(plain, text), count


def _with_plain_quotes(text: str) -> tuple[str, int]:
    """The text with plain quotes for typographic ones round strings, and how many there were. Those inside of strings stay."""
    count = 0

    def plain(match: re.Match[str]) -> str:
        nonlocal count
        if match.group(1) is None:
            return match.group()
        count += 1
        return f'"{match.group(1)}"'

    return _QUOTED.sub(plain, text), count


def _end_of_value(text: str, position: int) -> int:
    return len(text[:position].rstrip())
