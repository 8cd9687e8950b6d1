"""Placeholders in texts: `{{settings.region}}`, `${credentials.apiKey}`, `{{base64(credentials.username, ":", credentials.password)}}`.

Both spellings mean the same. Inside stands a path into the given values, a quoted text, a call of one of FUNCTIONS, or
alternatives of these split by `||`, of which the first that has a value counts. A whole text may offer alternatives too:
`https://{{settings.host}}/token || https://example.com/token` is the first of the two whose placeholders all have values.

What is neither of these is a JSONata expression (`{{$uppercase(context.name)}}`, see `formulas`); `${…}` has none.

Nothing is executed: a text is parsed into values and calls of the functions below. Parsing raises `ValueError` with a
sentence; evaluating raises `MissingValue`, which names the placeholder. Where the values hold `request.moment` (a
`datetime`), `now` is that instant, so that a date and the signature over it agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from integrations import formulas
from integrations.expression_functions import FUNCTIONS, now

LONGEST: Final = 20_000  # characters of one text
DEEPEST: Final = 8  # calls inside calls


class MissingValue(Exception):
    """A placeholder has no value; `name` is what stands in it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has no value.")
        self.name = name


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Path:
    """Keys into the values, and how they were written."""

    keys: tuple[str, ...]

    @property
    def name(self) -> str:
        return ".".join(self.keys)


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """The first of these that has a value."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Formula:
    """A JSONata expression."""

    source: str


Node = Text | Path | Call | Either | Formula


@dataclass(frozen=True)
class Template:
    """A parsed text: alternatives, each a row of texts and placeholders."""

    source: str
    alternatives: tuple[tuple[Node, ...], ...]

    @property
    def paths(self) -> frozenset[str]:
        """The dotted names of everything that it reads."""
        return frozenset(path.name for nodes in self.alternatives for node in nodes for path in _paths(node))

    @property
    def is_plain(self) -> bool:
        """Whether it holds no placeholder at all."""
        return all(isinstance(node, Text) for nodes in self.alternatives for node in nodes)

    def render(self, values: Mapping[str, Any], *, escape: Callable[[str, str, str], str] | None = None) -> str:
        """The text with its values. `escape(value, before, after)` writes a value for its place: after the text so far, and
        before a written text, "" where none follows.

        Raises `MissingValue` for the last alternative.
        """
        missing: MissingValue | None = None
        for nodes in self.alternatives:
            try:
                done = ""
                for node, following in zip(nodes, [*nodes[1:], None], strict=True):
                    value = _evaluate(node, values)
                    if escape is not None and not isinstance(node, Text):
                        # What another placeholder brings is not known: it could go on with the host.
                        after = "" if following is None else following.value if isinstance(following, Text) else "{"
                        value = escape(value, done, after)
                    done += value
            except MissingValue as error:
                missing = error
            else:
                return done
        raise missing or MissingValue(self.source)


def render(text: str, values: Mapping[str, Any]) -> str:
    """A text with its values. Raises `ValueError` for one that cannot be read and `MissingValue`."""
    return parse(text).render(values)


def render_url(text: str, values: Mapping[str, Any]) -> str:
    """A URL with its values, each percent-encoded for its place.

    A value at the very start may be an origin or a whole URL; one inside the host is letters, digits, dots, hyphens and
    a port only, so that it cannot lead elsewhere; one in the path keeps its slashes, but has no `..`.
    """
    return parse(text).render(values, escape=_for_url).strip()


def render_all(document: Any, values: Mapping[str, Any]) -> Any:
    """JSON values with every text in them rendered."""
    match document:
        case str():
            return render(document, values)
        case dict():
            return {key: render_all(value, values) for key, value in document.items()}
        case list():
            return [render_all(value, values) for value in document]
    return document


MISSING: Final = object()


def value_of(text: str, values: Mapping[str, Any]) -> Any:
    """What a text stands for: the value itself, of whatever kind, where it is one placeholder and nothing else; otherwise a text.

    `MISSING` where a placeholder has no value. Raises `ValueError`.
    """
    nodes = parse(text).alternatives
    if len(nodes) == 1 and len(nodes[0]) == 1 and isinstance(nodes[0][0], Path | Formula):
        node = nodes[0][0]
        found = _found(node, values) if isinstance(node, Path) else _formula(node, values)
        return MISSING if found is None else found
    try:
        return render(text, values)
    except MissingValue:
        return MISSING


def filled(document: Any, values: Mapping[str, Any]) -> Any:
    """JSON values with their texts filled in by `value_of`; members and items that have no value are left out. `MISSING` for nothing."""
    match document:
        case str():
            return value_of(document, values)
        case dict():
            return {key: found for key, value in document.items() if (found := filled(value, values)) is not MISSING}
        case list():
            return [found for value in document if (found := filled(value, values)) is not MISSING]
    return document


def texts(document: Any) -> Iterator[str]:
    """Every text in JSON values."""
    match document:
        case str():
            yield document
        case dict():
            for value in document.values():
                yield from texts(value)
        case list():
            for value in document:
                yield from texts(value)


def paths_of(document: Any) -> frozenset[str]:
    """The dotted names of everything that the texts in JSON values read."""
    return frozenset(path for text in texts(document) for path in parse(text).paths)


def varies(document: Any) -> bool:
    """Whether the texts in JSON values come out otherwise from one request to the next: they read it, or the time, or chance."""
    return any(_varies(node) for text in texts(document) for nodes in parse(text).alternatives for node in nodes)


def open_host(url: str, fixed: Sequence[str] = ()) -> bool:
    """Whether the values choose the server of a URL: its host ends in a placeholder, or begins with one that may be an origin.

    A host that ends in a written domain, as `{{settings.name}}.example.com`, stays with that domain. `fixed` names paths
    whose values come from a list that the integration's owner wrote.
    """
    for nodes in parse(url).alternatives:
        authority, seen_scheme = [], False
        for node in nodes:
            text = node.value if isinstance(node, Text) else None
            if text is not None and not seen_scheme and "://" in text:
                seen_scheme, text = True, text.partition("://")[2]
            if text is None:
                authority.append("" if _within(node, fixed) else "{}")
                continue
            host, slash, _ = _cut(text)
            authority.append(host)
            if slash:
                break
        joined = re.sub(r":\d*$", "", "".join(authority))
        if "{}" in joined and not re.search(r"\.[A-Za-z0-9-]+\.?[A-Za-z0-9-]*$", joined.rpartition("{}")[2]):
            return True
    return False


def sample(text: str, value: str = "x") -> str:
    """The text with `value` for every placeholder, to check what stands round them. Only the first alternative counts."""
    return "".join(node.value if isinstance(node, Text) else value for node in parse(text).alternatives[0])


# --- reading --------------------------------------------------------------------------------------------------------

_TOKENS = re.compile(
    r"""\s*(?:(?P<either>\|\|)|(?P<mark>[(),+])|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<word>[A-Za-z_$][\w$@:/-]*(?:\.[\w$@:/-]+|\[\d+\])*)|(?P<number>\d+))"""
)
_JSONATA = re.compile(r"[$&?=<>\[{^%*:]|\s(?:and|or|in)\s")
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


# --- evaluating -----------------------------------------------------------------------------------------------------


def _paths(node: Node) -> Iterator[Path]:
    match node:
        case Path():
            yield node
        case Call(arguments=nodes) | Either(nodes=nodes):
            for inner in nodes:
                yield from _paths(inner)
        case Formula(source=source):
            yield from (Path(tuple(name.split("."))) for name in formulas.names_in(source))


def _varies(node: Node) -> bool:
    match node:
        case Path():
            return node.keys[0] == "request"
        case Call():
            return node.function in ("now", "uuid") or any(map(_varies, node.arguments))
        case Either():
            return any(map(_varies, node.nodes))
        case Formula():
            return True
    return False


def _within(node: Node, fixed: Sequence[str]) -> bool:
    return all(path.name in fixed for path in _paths(node))


def _evaluate(node: Node, values: Mapping[str, Any]) -> str:
    match node:
        case Text():
            return node.value
        case Path():
            return _look_up(node, values)
        case Call():
            arguments = [_evaluate(argument, values) for argument in node.arguments]
            if node.function == "now":
                return now(*arguments, moment=(values.get("request") or {}).get("moment"))
            return FUNCTIONS[node.function].work(*arguments)
        case Formula():
            return _text(_formula(node, values), node.source)
    missing: MissingValue | None = None
    for one in node.nodes:
        try:
            return _evaluate(one, values)
        except MissingValue as error:
            missing = missing or error
    raise missing or MissingValue("it")


def _look_up(path: Path, values: Mapping[str, Any]) -> str:
    return _text(_found(path, values), path.name)


def _found(path: Path, values: Mapping[str, Any]) -> Any:
    found: Any = values
    for key in path.keys:
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            found = None
    return found


def _text(found: Any, name: str) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    if found is None or found == "" or isinstance(found, Mapping | list):
        raise MissingValue(name)
    return str(found)


def _formula(node: Formula, values: Mapping[str, Any]) -> Any:
    """Raises `ValueError` with a sentence."""
    try:
        return formulas.evaluate(node.source, {name: value for name, value in values.items() if name != "request"})
    except formulas.FormulaError as error:
        raise ValueError(str(error)) from None


def _cut(text: str) -> tuple[str, str, str]:
    found = re.search(r"[/?#]", text)
    return (text, "", "") if not found else (text[: found.start()], found[0], text[found.end() :])


def _for_url(value: str, before: str, after: str) -> str:
    value = value.strip()
    scheme, mark, rest = before.partition("://")
    rest = rest if mark else scheme
    if not re.search(r"[/?#]", rest):
        at_the_start = not rest
        whole = at_the_start and (not after or after[0] in "/?#")
        if whole and not mark:
            return value  # an origin or a URL of its own
        if at_the_start:
            value = re.sub(r"^https?://", "", value).rstrip("/")
        if not re.fullmatch(r"[A-Za-z0-9._-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?" if whole else r"[A-Za-z0-9._-]+(:\d{1,5})?", value):
            raise ValueError(f"{value[:60]!r} cannot be part of a host name. Enter letters, digits, dots and hyphens only.")
        return value
    if "?" in rest or "#" in rest:
        return quote(value, safe="")
    if any(part in (".", "..") for part in value.split("/")):
        raise ValueError("A value that stands in a path has no . or .. parts.")
    return quote(value, safe="/:@,;=+$!*'()~")
