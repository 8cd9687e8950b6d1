"""JSONata (https://docs.jsonata.org) in placeholders: for what a plain path cannot say. Bounded in time, depth and size (leaf).

An expression reads the given values and nothing else: no names of Python, no files, no network. A regular expression
that runs away ends like everything else does.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Any, Final

import jsonata
import regex
from jsonata.regex_engine import RegexFlags

LONGEST: Final = 4000  # characters
MILLISECONDS: Final = 1000  # of one evaluation, which takes less than one; a busy machine may take its time
DEEPEST: Final = 100  # calls inside calls
MOST_TEXT: Final = 1_000_000  # characters that a text may be padded or repeated to
_PATTERN_SECONDS: Final = 0.1
_KEPT: Final = 256  # compiled expressions of one thread

_NAMES: Final = re.compile(r"""(?<![\w$."'])([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)(?![\w(])""")
_TEXTS: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_WORDS: Final = frozenset({"and", "or", "in", "true", "false", "null", "function"})


class FormulaError(Exception):
    """An expression could not be evaluated; the message says why."""


class NoFormula(ValueError):
    """A text is no expression; `why` says where it ends to be one."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"{source[:80]} is no JSONata expression: {why}.")
        self.why = why


class _Pattern:
    """What JSONata asks of a regular expression, with an end."""

    def __init__(self, pattern: str, flags: RegexFlags) -> None:
        chosen = (regex.IGNORECASE if flags.case_insensitive else 0) | (regex.MULTILINE if flags.multiline else 0)
        self._compiled = regex.compile(pattern, chosen)

    def search(self, string: str) -> Any:
        return self._compiled.search(string, timeout=_PATTERN_SECONDS)

    def finditer(self, string: str) -> Any:
        return self._compiled.finditer(string, timeout=_PATTERN_SECONDS)

    def sub(self, repl: Any, string: str, count: int = 0) -> Any:
        return self._compiled.sub(repl, string, count, timeout=_PATTERN_SECONDS)

    def split(self, string: str, maxsplit: int = 0) -> Any:
        return self._compiled.split(string, maxsplit, timeout=_PATTERN_SECONDS)


class _Compiled(threading.local):
    """A compiled expression keeps state while it is evaluated, so each thread has its own."""

    def __init__(self) -> None:
        self.kept: OrderedDict[str, jsonata.Jsonata] = OrderedDict()


_compiled = _Compiled()


def check(source: str) -> None:
    """Raise `ValueError` with a sentence for what is no expression."""
    _of(source)


def evaluate(source: str, values: Any) -> Any:
    """The value of an expression as JSON, None where there is none. Raises `FormulaError`."""
    try:
        compiled = _of(source)
        # The library counts the time from when the bounds are set; and a name that an expression sets stays in its frame, the empty one.
        compiled.environment.set_runtime_bounds(MILLISECONDS, DEEPEST)
        found = compiled.evaluate(values, {})
    except (ValueError, TimeoutError, RecursionError, ArithmeticError, MemoryError, jsonata.JException) as error:
        raise FormulaError(f"The expression {source[:80]} cannot be evaluated: {_said(error)}.") from None
    except Exception as error:  # an expression is anybody's text, and the library raises whatever Python does; the cause goes along
        raise FormulaError(f"The expression {source[:80]} cannot be evaluated: {_said(error)}.") from error
    return _plain(found)


def names_in(source: str) -> list[str]:
    """The dotted names that an expression reads, by its text: all of them, and perhaps some that it does not."""
    found = _NAMES.findall(_TEXTS.sub('""', source))
    return list(dict.fromkeys(first + rest for first, rest in found if first not in _WORDS))


def _of(source: str) -> jsonata.Jsonata:
    found = _compiled.kept.get(source)
    if found is None:
        if len(source) > LONGEST:
            raise ValueError(f"An expression has at most {LONGEST:,} characters; this one has {len(source):,}.")
        try:
            found = jsonata.Jsonata(source, _Pattern)
        except (jsonata.JException, RecursionError) as error:
            raise NoFormula(source, _said(error)) from None
        found.register_lambda("pad", _pad)
        found.register_lambda("eval", _no_eval)
        _compiled.kept[source] = found
        while len(_compiled.kept) > _KEPT:
            _compiled.kept.popitem(last=False)
    return found


def _pad(text: str | None, width: float, fill: str = " ") -> str | None:
    if text is None:
        return None
    if abs(width) > MOST_TEXT:
        raise ValueError("the text would become too long")
    missing = int(abs(width)) - len(text)
    added = (fill or " ") * (missing // len(fill or " ") + 1) if missing > 0 else ""
    return text + added[: max(missing, 0)] if width > 0 else added[: max(missing, 0)] + text


def _no_eval(*_: Any) -> Any:
    raise ValueError("$eval is not offered")


def _said(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.strip().rstrip(".")[:200]


def _plain(value: Any) -> Any:
    """JSON values without the library's own kinds of lists and functions."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if value is None or isinstance(value, str | int | float | bool) else None
