"""The built-in rules: ids, severities and remedies. Ids and severities are those of the linter vacuum where it has the rule."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from integrations.openapi.findings import Severity


@dataclass(frozen=True)
class Rule:
    """A rule of the linter: its id, how grave a breach is, and how to mend one."""

    id: str
    severity: Severity
    remedy: str


DESCRIPTION = Rule("info-description", "error", "Add a description under info, or enter one in the details of the integration.")
OPERATION_ID = Rule("operation-operationId", "error", "Add an operationId that is unique in the document.")
OPERATION_ID_UNIQUE = Rule("operation-operationId-unique", "error", "Give each operation an operationId of its own.")
CIRCULAR = Rule("circular-references", "warning", "Remove the $ref that leads back, or accept that the schema is cut there.")
TRAILING_SLASH = Rule(
    "path-keys-no-trailing-slash", "warning", "Remove the slash at the end if the API answers without it; it is sent as written."
)
SCHEMA = Rule("oas-schema-check", "error", "Correct the pattern; a tester for regular expressions shows the place.")
REQUIRED = Rule("oas-schema-check", "error", "Add the field to properties, or remove it from required.")
NO_PATHS = Rule("path-declarations-must-exist", "error", "Add paths to the document, or add actions by hand.")
STRUCTURE = Rule("oas3-schema", "error", "Write it as the OpenAPI specification says, or check the actions that it belongs to.")
STRUCTURE_2 = Rule("oas2-schema", "error", STRUCTURE.remedy)

# Compiling takes some microseconds for each character: longer patterns, and those after so many characters in all, are not checked.
_MAX_PATTERN = 5_000
_MAX_PATTERNS = 300_000
_PROPERTY = re.compile(r"\\([pP])\{([^{}]{1,60})\}")
_WORDS = re.compile(r"(?:(?:gc|General_Category)=)?(?:L[ultmoC]?|N[dlo]?|Letter|Number|Uppercase_Letter|Lowercase_Letter)")
_INSIDE = re.compile(r"(\^?)((?:\\.|[^\]\\])*+)\]", re.DOTALL)  # a character class after its opening bracket


class Patterns:
    """Says what is wrong with patterns, each distinct one compiled once and never run."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._left = _MAX_PATTERNS

    def fault(self, pattern: str) -> str:
        """Why a pattern is no regular expression of JavaScript's kind (ECMA-262), "" if it is one."""
        if pattern not in self._known:
            self._left -= len(pattern)
            self._known[pattern] = _fault(pattern) if len(pattern) <= _MAX_PATTERN and self._left >= 0 else ""
        return self._known[pattern]

    def for_python(self, pattern: str) -> str:
        """A valid pattern as Python reads it: itself, unless it uses what only JavaScript has. It then takes what it took, or more."""
        if self.fault(pattern) or len(pattern) > _MAX_PATTERN:
            return pattern
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what may change its meaning in a later Python
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError):
                return _for_python(pattern)
        return pattern


def _fault(pattern: str) -> str:
    """Python's compiler decides, after what JavaScript writes differently is rewritten.

    The package `regex` is no choice here: it unrolls nested repetitions and can be made to exhaust memory while compiling.
    """
    try:
        re.compile(_for_python(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        message = getattr(error, "msg", "") or "it repeats or nests too often"
        position = getattr(error, "pos", None)
        return f"{message} (at character {position + 1})" if position is not None else message
    return ""


def _for_python(pattern: str) -> str:
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\([aeghijlmoqyzAEGHIJKLMNOQRTUXYZ])", r"\1\2", pattern)  # JavaScript: the letter itself
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\u\{([0-9A-Fa-f]{1,6})\}", lambda match: f"{match.group(1)}\\U{match.group(2):0>8}", text)
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\[cC]([A-Za-z])", lambda match: f"{match.group(1)}\\x{ord(match.group(2)) & 31:02x}", text)
    text = re.sub(r"\(\?<(?![=!])", "(?P<", text)
    text = re.sub(r"(?<!\\)((?:\\\\)*)\\k<([^<>]*)>", r"\1(?P=\2)", text)
    return "".join(_pieces(text))


def _any_of(match: re.Match[str]) -> str:
    """Characters of a property of Unicode, inside a class: letters and digits as such, of others Python knows nothing."""
    return r"\w" if match.group(1) == "p" and _WORDS.fullmatch(match.group(2)) else r"\w\W"


def _pieces(text: str) -> Iterator[str]:
    """The pattern piece by piece, classes rewritten; one pass, however many brackets are never closed."""
    position = 0
    while position < len(text):
        if text[position] == "[":
            inside = _INSIDE.match(text, position + 1)
            if inside is None:
                yield "["  # never closed: the compiler says so
                return
            yield _class_for_python(inside)
            position = inside.end()
        elif found := _PROPERTY.match(text, position):
            yield f"[{_any_of(found)}]"
            position = found.end()
        else:
            length = 2 if text[position] == "\\" else 1
            yield text[position : position + length]
            position += length


def _class_for_python(match: re.Match[str]) -> str:
    r"""Inside a class a hyphen beside \w, \d or \s stands for itself and a bracket needs no escape; [] matches nothing, [^] everything."""
    if not match.group(2):
        return "(?:.|\n)" if match.group(1) else "(?!)"
    inside = re.sub(r"\\\\|" + _PROPERTY.pattern, lambda found: _any_of(found) if found.group(1) else found.group(), match.group(2))
    if match.group(1) and r"\w\W" in inside:
        return r"[\w\W]"  # what is excluded cannot be told
    inside = re.sub(r"(\\[wWdDsS])-", r"\1\\-", inside)
    inside = re.sub(r"(?<!\\)-(\\[wWdDsS])", r"\\-\1", inside)
    inside = re.sub(r"\\.|\[", lambda found: "\\[" if found.group(0) == "[" else found.group(0), inside)
    inside = re.sub(
        r"\\.|(&&|\|\||~~|--)", lambda found: "".join(f"\\{c}" for c in found.group(1)) if found.group(1) else found.group(), inside
    )
    return f"[{match.group(1)}{inside}]"
