"""From a text to a template: alternatives of texts and placeholders."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from integrations import formulas
from integrations.expressions.functions import FUNCTIONS
from integrations.expressions.nodes import Call, Either, Formula, Node, Path, Text
from integrations.expressions.template import Template

LONGEST: Final = 20_000  # characters of one text
DEEPEST: Final = 8  # calls inside calls
_TOKENS = re.compile(
    r"""\s*(?:(?P<either>\|\|)|(?P<mark>[(),+])|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<word>[A-Za-z_$][\w$@:/-]*(?:\.[\w$@:/-]+|\[\d+\])*)|(?P<number>\d+))"""
)
_JSONATA = re.compile(r"[$&?=<>\[{^%*:]|\s(?:and|or|in|[-+/])\s")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NEWLINES = {"n": "\n", "t": "\t", "r": "\r"}


@lru_cache(maxsize=2048)
def parse(text: str) -> Template:
    """Read a text with placeholders. Raises `ValueError` with a sentence."""
    if len(text) > LONGEST:
        raise ValueError(f"A text with placeholders has at most {LONGEST:,} characters; this one has {len(text):,}.")
    if "{{" not in text and "${" not in text:
        return Template(text, ((Text(text),),))
    alternatives: list[tuple[Node, ...]] = []
    nodes: list[Node] = []
    place = 0
    while place < len(text):
        starts = [start for start in (text.find("{{", place), text.find("${", place)) if start >= 0]
        start = min(starts, default=len(text))
        *before, rest = text[place:start].split(" || ")
        for piece in before:
            alternatives.append((*nodes, Text(piece)))
            nodes = []
        if rest:
            nodes.append(Text(rest))
        if start == len(text):
            break
        closing = "}}" if text.startswith("{{", start) else "}"
        end = _end(text, start + 2, closing)
        nodes.append(_read(text[start + 2 : end], text[start : end + len(closing)]))
        place = end + len(closing)
    alternatives.append(tuple(nodes))
    return Template(text, tuple(alternatives))


def _end(text: str, place: int, closing: str) -> int:
    quoted, depth = "", 0
    while place < len(text):
        char = text[place]
        if quoted:
            place += char == "\\"
            quoted = "" if char == quoted else quoted
        elif char in "\"'":
            quoted = char
        elif char == "}" and depth:
            depth -= 1  # of an object that JSONata makes
        elif text.startswith(closing, place):
            return place
        else:
            depth += char == "{"
        place += 1
    raise ValueError(f"A placeholder is not closed. It begins with {{{{ and ends with }}}}: {text[:80]}")


def _read(inside: str, shown: str) -> Node:
    """A path or a call, which take the short way; otherwise JSONata, if it has its marks: a misspelt function is none."""
    try:
        return _Reader(inside, shown).read()
    except ValueError:
        if not shown.startswith("{{") or not _JSONATA.search(inside):
            raise
    source = inside.strip()
    try:
        formulas.check(source)
    except formulas.NoFormula as error:
        raise ValueError(f"{{{{{source[:80]}}}}} is neither a name nor a JSONata expression: {error.why}.") from None
    return Formula(source)


class _Reader:
    """Reads what stands inside one placeholder."""

    def __init__(self, inside: str, shown: str) -> None:
        self.shown = shown
        self.tokens: list[tuple[str, str]] = []
        place = 0
        inside = inside.strip()
        while place < len(inside):
            match = _TOKENS.match(inside, place)
            if not match or match.lastgroup is None:
                raise self.wrong("a name such as settings.region, a quoted text or a function is expected")
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            place = match.end()
        self.place = 0

    def wrong(self, what: str) -> ValueError:
        return ValueError(f"The placeholder {self.shown[:100]} cannot be read: {what}.")

    def read(self) -> Node:
        node = self.either(0)
        if self.place < len(self.tokens):
            raise self.wrong("there is something after its end")
        return node

    def either(self, depth: int) -> Node:
        nodes = [self.value(depth)]
        while self.take("either"):
            nodes.append(self.value(depth))
        return nodes[0] if len(nodes) == 1 else Either(tuple(nodes))

    def value(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.wrong(f"more than {DEEPEST} functions stand in one another")
        if self.place >= len(self.tokens):
            raise self.wrong("something is missing in it")
        kind, text = self.tokens[self.place]
        self.place += 1
        if kind in ("double", "single"):
            return Text(_ESCAPE.sub(lambda found: _NEWLINES.get(found[1], found[1]), text))
        if kind == "number":
            return Text(text)
        if kind != "word":
            raise self.wrong("a name such as settings.region, a quoted text or a function is expected")
        if self.take("mark", "("):
            return self.call(text, depth)
        return Path(tuple(re.sub(r"\[(\d+)\]", r".\1", text).split(".")))

    def call(self, name: str, depth: int) -> Node:
        function = FUNCTIONS.get(name)
        if function is None:
            raise self.wrong(f"{name} is no function; there are {', '.join(FUNCTIONS)}")
        arguments: list[Node] = []
        if not self.take("mark", ")"):
            while True:
                arguments.append(self.either(depth + 1))
                if self.take("mark", ")"):
                    break
                if not (self.take("mark", ",") or self.take("mark", "+")):
                    raise self.wrong("its arguments are split by commas and end with )")
        if not function.least <= len(arguments) <= function.most:
            raise self.wrong(f"{name} takes {function.least} to {function.most} arguments")
        return Call(name, tuple(arguments))

    def take(self, kind: str, text: str = "") -> bool:
        found = self.place < len(self.tokens) and self.tokens[self.place][0] == kind and (not text or self.tokens[self.place][1] == text)
        self.place += found
        return found
