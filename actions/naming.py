"""Rename many texts at once with a regular expression, as the dialog Regex Replace does."""

from __future__ import annotations

import time
from collections.abc import Iterable
from math import prod
from typing import Literal

import regex

# Seconds for all texts together; an honest pattern needs milliseconds.
TIME_LIMIT = 1.0
LONGEST_PATTERN = 500
LONGEST_RESULT = 20_000_000  # characters of all texts together; 22,000 descriptions of real operations have a tenth of it
# Of one {count}: compiling writes the repeated part out that often, and a large number takes all the memory there is.
MOST_REPEATS = 250
_COUNT = regex.compile(r"\{(\d*),?(\d*)\}")
# Recursion takes gigabytes within the time limit.
_RECURSION = regex.compile(r"\(\?(?:R|[+-]?\d|&|P>)")

# What a replacement may hold: $$ \\ $1 ${1} ${name} \1 \g<1> \g<name> $& and $0 for the whole match.
_REFERENCE = regex.compile(
    r"(?P<dollar>\$\$)|(?P<slash>\\\\)|(?P<whole>\$&)|\$\{(?P<brace>\w+)\}|\\g<(?P<angle>\w+)>|\$(?P<number>\d{1,2})|\\(?P<back>\d{1,2})"
)


class PatternError(Exception):
    """The pattern or the replacement (`field`) cannot be used; the message says why and where."""

    def __init__(self, message: str, *, field: Literal["pattern", "replacement"] = "pattern") -> None:
        super().__init__(message)
        self.field = field


def rename(texts: Iterable[str], pattern: str, replacement: str) -> list[tuple[str, str]]:
    """Each text before and after, in the given order, every match replaced.

    Groups are written \\1, \\g<name>, $1, ${1} or ${name}, a dollar sign $$. A group that took no part in a match is
    empty. Raises PatternError.
    """
    if len(replacement) > LONGEST_PATTERN:
        raise PatternError(f"The replacement is longer than {LONGEST_PATTERN} characters. Shorten it.", field="replacement")
    compiled = _compile(pattern)
    parts = _parse(replacement, compiled)

    def replaced(match: regex.Match[str]) -> str:
        return "".join(part if isinstance(part, str) else (match[part[0]] or "") for part in parts)

    renamed: list[tuple[str, str]] = []
    left = LONGEST_RESULT
    end = time.monotonic() + TIME_LIMIT
    for text in texts:
        try:
            renamed.append((text, compiled.sub(replaced, text, timeout=max(end - time.monotonic(), 0.001))))
        except (TimeoutError, MemoryError):
            raise PatternError(
                "The pattern takes too long on these texts. Avoid repetition inside repetition such as (.*)* and name what you look for."
            ) from None
        left -= len(renamed[-1][1])
        if left < 0:
            raise PatternError("The replacement makes the texts far too long. Refer to the match less often.", field="replacement")
    return renamed


def _compile(pattern: str) -> regex.Pattern[str]:
    if not pattern:
        raise PatternError("Enter a pattern to look for.")
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"The pattern is longer than {LONGEST_PATTERN} characters. Shorten it.")
    bare = regex.sub(r"\\.|\s", "", pattern)
    if _RECURSION.search(bare):
        raise PatternError("The pattern calls itself or one of its groups, which is not offered here. Write the part out.")
    counts = [int(digits) for pair in _COUNT.findall(bare) for digits in pair if digits]
    if max(counts, default=0) > MOST_REPEATS or prod(counts) > MOST_REPEATS**2:
        raise PatternError(
            f"The pattern repeats too often. Use numbers up to {MOST_REPEATS} in braces, and few of them inside one another."
        )
    try:
        return regex.compile(pattern)
    except regex.error as error:
        where = f" at character {error.pos + 1}" if error.pos is not None else ""
        raise PatternError(f"The pattern is not a valid regular expression: {error.msg}{where}.") from None
    except RecursionError:
        raise PatternError("The pattern is nested too deeply. Use fewer parentheses.") from None


def _parse(replacement: str, pattern: regex.Pattern[str]) -> list[str | tuple[str | int]]:
    """A replacement as literals and one-element tuples that hold a group."""
    parts: list[str | tuple[str | int]] = []
    done = 0
    for found in _REFERENCE.finditer(replacement):
        parts.append(replacement[done : found.start()])
        done = found.end()
        if found["dollar"] or found["slash"]:
            parts.append("$" if found["dollar"] else "\\")
        elif found["whole"]:
            parts.append((0,))
        elif name := found["brace"] or found["angle"]:
            parts.append((_group(int(name) if name.isdecimal() else name, pattern),))
        else:
            digits = found["number"] or found["back"]
            # As in JavaScript and Perl, $12 is group 12 if there is one, else group 1 and the digit 2.
            length = 2 if int(digits) <= pattern.groups else 1
            parts += [(_group(int(digits[:length]), pattern),), digits[length:]]
    parts.append(replacement[done:])
    return parts


def _group(group: str | int, pattern: regex.Pattern[str]) -> str | int:
    if isinstance(group, int) and group <= pattern.groups:
        return group
    if isinstance(group, str) and group in pattern.groupindex:
        return group
    names = [*map(str, range(1, pattern.groups + 1)), *pattern.groupindex]
    there = f"It has {', '.join(names)}." if names else "It has none; put parentheses round the part to keep."
    raise PatternError(f"The replacement uses group {group}, which the pattern does not have. {there}", field="replacement")
