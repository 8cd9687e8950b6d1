"""JSON that no reader takes, mended where that needs no guess: missing and superfluous commas, text behind the end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

# Each mend reads the text once more, at about 40 MB a second: small files get many mends, large ones a few.
_MAX_MENDS = 100
_MAX_CHARACTERS = 30_000_000
_ENDS_VALUE = frozenset('"}]0123456789elE')  # the last character of a string, object, list, number, true, false or null
_STARTS_VALUE = frozenset('"{[-0123456789tfn')


@dataclass(frozen=True)
class Mended:
    """The values, the text that they stand in, and what was wrong with it: where commas were missing as (line, column), and the
    line in which text starts that lies behind the end of the document (0 for none). All count from 1.
    """

    values: Any
    text: str
    added: list[tuple[int, int]]
    rest: int = 0


def mended(text: str) -> Mended | None:
    """The text as JSON after it was mended; None if something else is wrong with it.

    A comma is added only where two values meet that cannot be one: two strings in one line may be a string with a stray quote.
    """
    added: list[tuple[int, int]] = []
    rest = 0
    for _ in range(max(2, min(_MAX_MENDS, _MAX_CHARACTERS // max(len(text), 1)))):
        try:
            return Mended(json.loads(text, strict=False), text, added, rest)
        except json.JSONDecodeError as error:
            if error.msg == "Extra data":
                text, rest = text[: error.pos], error.lineno
                continue
            changed = _without_comma(text, error.pos) or _with_comma(text, error.pos, added)
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


def _end_of_value(text: str, position: int) -> int:
    return len(text[:position].rstrip())
