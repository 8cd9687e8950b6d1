"""The placeholders of a catalogue, `${connectionConfig.region}`, in the words of definitions, `{{settings.region}}`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from integrations import expressions
from integrations.definition.fields import RESERVED
from integrations.providers.entry import Entry, Inexpressible

# Functions whose whole argument is one text.
_OF_ONE_TEXT = frozenset({"base64", "sha256Hex", "sha256Base64", "fingerprint", "md5Hex", "sha1Hex"})
# Functions of a text and, behind the last comma, the key.
_KEYED = frozenset({"hmacSha1Hex", "hmacSha256Hex", "hmacSha256Base64", "hmacSha512Hex", "ed25519Sign"})
# What a request is made of, under the names of both sides.
_REQUEST = {
    "method": "request.method",
    "host": "request.host",
    "path": "request.path",
    "endpoint": "request.target",
    "params": "request.params",
    "urlCanonicalParams": "request.query",
    "bodyCanonicalParams": "request.body",
}
_MAY_BE_EMPTY = frozenset({"request.params", "request.query", "request.body"})
# Formats of dates as moment.js and Day.js write them, and strftime's.
_DATE_PARTS = {
    "YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "DD": "%d", "dddd": "%A", "ddd": "%a",
    "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "A": "%p", "ZZ": "+0000", "Z": "+00:00",
}  # fmt: skip
# Letters that are no token stand for themselves, as T between date and time.
_DATE_TOKEN = re.compile(r"\[([^\]]*)\]|(YYYY|YY|MMMM|MMM|MM|DD|dddd|ddd|HH|hh|mm|ss|A|ZZ|Z)|([YMDdHhmsSaQkWwzXx]+)|(.)", re.DOTALL)
_NOW = re.compile(r"now(?:([+-]\d{1,4}):([A-Za-z]+))?(?::(.+))?", re.DOTALL)
_SPANS = {"s": "s", "second": "s", "m": "m", "minute": "m", "h": "h", "hour": "h", "d": "d", "day": "d"}
_CALLED = re.compile(r"\w{1,40}\(")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*(\.[\w$-]+)*")


@dataclass(frozen=True)
class Code:
    """The inside of a placeholder. `optional` says that a connection need not have its value."""

    text: str
    reads: frozenset[str] = frozenset()
    optional: bool = False


Piece = str | Code


@dataclass(frozen=True)
class Done:
    """A translated text and what it reads."""

    text: str
    reads: frozenset[str] = frozenset()

    @property
    def is_of_the_moment(self) -> bool:
        """Whether it has to be filled in anew for each request, with all that belongs to the same request."""
        return any(path.startswith("request.") or path == "now" for path in self.reads)

    @property
    def is_secret(self) -> bool:
        return any(path == "token" or path.startswith(("credentials.", "token.")) for path in self.reads)


@dataclass
class Scope:
    """What placeholders of one entry may name.

    `credentials` maps the entry's names of credentials to ours; `optional` are paths (`settings.region`) that a connection
    need not have; `fields` the entry's connection fields; `signed` are names that stand for a token which Junction signs. `from_token` collects what has to be
    kept of the token's answer, `steps` what of a step's.
    """

    credentials: dict[str, str] = field(default_factory=dict)
    optional: Collection[str] = frozenset()
    signed: Collection[str] = frozenset()
    fields: Collection[str] = frozenset()
    has_token: bool = False
    random: str = "uuid()"
    from_token: dict[str, str] = field(default_factory=dict)

    def translate(self, text: str, *, whole: bool = True, alternatives: bool = True) -> Done:
        """A text in our words. With `whole` a text whose values need not be there becomes empty without them.

        Raises `Inexpressible`.
        """
        if len(text) > expressions.LONGEST:
            raise Inexpressible(f"A text has at most {expressions.LONGEST:,} characters; this one has {len(text):,}.")
        pieces = list(self._pieces(text))
        rows: list[list[Piece]] = [[]]
        for piece in pieces:
            if isinstance(piece, str) and alternatives and len(pieces) > 1:
                first, *rest = re.split(r"\s*\|\|\s*", piece) if " || " in f" {piece} " and "||" in piece else [piece]
                rows[-1] += [first] if first else []
                rows += [[one] if one else [] for one in rest]
            else:
                rows[-1].append(piece)
        texts = [_joined(row) for row in rows]
        if whole and any(isinstance(piece, Code) and piece.optional for piece in rows[-1]):
            texts[-1] = "{{" + _argument(rows[-1]) + ' || ""}}'
        reads = frozenset(path for row in rows for piece in row if isinstance(piece, Code) for path in piece.reads)
        return Done(" || ".join(dict.fromkeys(texts)), reads)

    def said(self, entry: Entry, key: str, text: str, *, whole: bool = True, alternatives: bool = True) -> Done:
        """The same, where the loss of a text that cannot be said is written down, and nothing stands for it."""
        try:
            return self.translate(text, whole=whole, alternatives=alternatives)
        except Inexpressible as error:
            entry.lose(key, str(error))
            return Done("")

    def said_document(self, entry: Entry, key: str, value: Any) -> Any:
        """JSON values with every text in them translated; None, and the loss written down, where one cannot be said."""
        try:
            return self.document(value)
        except Inexpressible as error:
            entry.lose(key, str(error))
            return None

    def _pieces(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        place = 0
        while (start := text.find("${", place)) >= 0:
            if start > place:
                pieces.append(text[place:start])
            end = _end(text, start + 2)
            pieces.append(self._code(text[start + 2 : end]))
            place = end + 1
        if place < len(text):
            pieces.append(text[place:])
        return pieces

    def _code(self, inside: str) -> Code:
        called = re.fullmatch(r"(\w+)\((.*)\)", inside, re.DOTALL)
        if called:
            return self._call(called[1], called[2])
        if inside == "random":
            return Code(self.random, frozenset({"request.id"} if self.random == "request.id" else ()))
        if moment := _NOW.fullmatch(inside):
            return _now(moment)
        path = self._path(inside)
        if path in _MAY_BE_EMPTY:
            return Code(f'{path} || ""', frozenset({path}))
        reads = frozenset(re.findall(r"[A-Za-z_][\w-]*(?:\.[\w-]+)+|\btoken\b", path))
        return Code(path, reads, optional=any(one in self.optional for one in reads))

    def _call(self, name: str, inside: str) -> Code:
        if name in _OF_ONE_TEXT:
            return self._applied(name, [inside])
        if name in _KEYED:
            message, comma, key = inside.rpartition(",")
            if not comma:
                raise Inexpressible(f"{name} needs a text and a key.")
            return self._applied(name, [key.strip(), message])
        if name == "awsSigV4":
            return self._aws([part.strip() for part in _split(inside)])
        raise Inexpressible(f"{name} is a function that Junction does not have.")

    def _applied(self, name: str, texts: list[str]) -> Code:
        rows = [self._pieces(text) for text in texts]
        codes = [piece for row in rows for piece in row if isinstance(piece, Code)]
        first = [_argument(row) for row in rows[:-1]]
        arguments = ", ".join([*first, *(_literal(piece) for piece in rows[-1])])
        reads = frozenset(path for code in codes for path in code.reads)
        return Code(f"{name}({arguments})", reads, any(code.optional for code in codes))

    def _aws(self, parts: list[str]) -> Code:
        if len(parts) not in (4, 5):
            raise Inexpressible("awsSigV4 needs access key, secret, region and service.")
        host = parts[4] if len(parts) == 5 else f"{parts[3]}.amazonaws.com"
        found = [_argument(self._pieces(part)) for part in (*parts[:4], host)]
        request = ["request.method", "request.path", 'request.query || ""', 'request.body || ""', 'now("%Y%m%dT%H%M%SZ")']
        return Code(f"awsSigV4({', '.join(found + request)})", frozenset({"request.method", "now", "credentials.password"}))

    def _path(self, name: str) -> str:
        """The name of a value in our words."""
        root, _, rest = name.partition(".")
        if name in _REQUEST:
            return _REQUEST[name]
        if not _WORD.fullmatch(name):
            raise Inexpressible(f"${{{name[:60]}}} is a placeholder that Junction does not know.")
        if root == "connectionConfig" and rest:
            return f"settings.{setting_name(rest)}"
        if root in ("credentials", "assertionOption") and rest:
            return self._credential(rest)
        if (step := re.fullmatch(r"step(\d+)", root)) and rest:
            return f"steps.{step[1]}.{rest}"
        if name == "accessToken" and self.has_token:
            return "token"
        if name == "refresh_token":
            return "credentials.refreshToken"
        if name in self.signed:
            return "assertion"
        if name in self.credentials:
            return f"credentials.{self.credentials[name]}"
        if name in self.fields:
            return f"settings.{setting_name(name)}"
        raise Inexpressible(f"${{{name[:60]}}} is a placeholder that Junction does not know.")

    def _credential(self, name: str) -> str:
        if name.startswith("raw."):
            kept = setting_name(name.removeprefix("raw."))
            self.from_token[kept] = name.removeprefix("raw.")
            return f"settings.{kept}"
        if name in self.signed:
            return "assertion"
        if name in self.credentials:
            return f"credentials.{self.credentials[name]}"
        if name == "token" and self.has_token:
            return "token"
        # Keys of the form id:secret are written as one credential with two parts.
        owner, _, part = name.rpartition(".")
        if owner in self.credentials and part in ("id", "secret"):
            return f'{"before" if part == "id" else "after"}(credentials.{self.credentials[owner]}, ":")'
        if _WORD.fullmatch(name) and "." not in name:
            return f"credentials.{name}"
        raise Inexpressible(f"${{credentials.{name[:60]}}} is a placeholder that Junction does not know.")

    def document(self, value: Any) -> Any:
        """JSON values with every text in them translated. Raises `Inexpressible`."""
        match value:
            case str():
                return self.translate(value, alternatives=False).text
            case dict():
                return {str(key): self.document(inner) for key, inner in value.items()}
            case list():
                return [self.document(inner) for inner in value]
        return value


def setting_name(name: str) -> str:
    """The name of a connection field: what a placeholder can hold and nobody else uses."""
    found = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]
    found = found if re.match(r"[A-Za-z]", found) else f"x{found}"[:64]
    return f"{found}_" if found in RESERVED else found


def settings_read(value: Any) -> set[str]:
    """The connection fields that the texts of an entry name, as the entry writes them."""
    match value:
        case str():
            return set(re.findall(r"connectionConfig\.([\w.-]+)", value))
        case dict():
            return {name for inner in value.values() for name in settings_read(inner)}
        case list():
            return {name for inner in value for name in settings_read(inner)}
    return set()


def strftime(form: str) -> str:
    """A format of dates in strftime's words. Raises `Inexpressible`."""
    parts: list[str] = []
    for quoted, known, unknown, other in _DATE_TOKEN.findall(form):
        if unknown:
            raise Inexpressible(f"{unknown} in the date format {form[:40]} is not known here.")
        parts.append(_DATE_PARTS[known] if known else (quoted or other).replace("%", "%%"))
    return "".join(parts)


def _now(found: re.Match[str]) -> Code:
    amount, unit, form = found[1], found[2], found[3]
    named = {None: "iso", "X": "seconds", "x": "milliseconds"}
    arguments = [_quoted(named[form] if form in named else strftime(form))]
    if amount:
        span = _SPANS.get(unit if len(unit) == 1 else unit.lower().rstrip("s"))
        if span is None:
            raise Inexpressible(f"A span of {unit} is not known here.")
        arguments.append(_quoted(amount.lstrip("+") + span))
    return Code(f"now({', '.join(arguments)})", frozenset({"now"}))


def _end(text: str, place: int, depth: int = 0) -> int:
    """Where the `}` of a placeholder stands; others may stand in it. A call ends with `)}`, so that its text may hold braces."""
    if depth > expressions.DEEPEST:
        raise Inexpressible(f"More than {expressions.DEEPEST} placeholders stand in one another.")
    closing = ")}" if _CALLED.match(text, place) else "}"
    while place < len(text):
        if text.startswith("${", place):
            place = _end(text, place + 2, depth + 1) + 1
        elif text.startswith(closing, place):
            return place + len(closing) - 1
        else:
            place += 1
    raise Inexpressible("A placeholder is not closed by }.")


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, char in enumerate(text):
        depth += char in "({"
        depth -= char in ")}"
        if char == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _joined(row: list[Piece]) -> str:
    # What would open a placeholder of ours, and is none, is written as one that holds it.
    return "".join("{{" + piece.text + "}}" if isinstance(piece, Code) else piece.replace("{{", '{{"{{"}}') for piece in row)


def _argument(row: list[Piece]) -> str:
    """A row as one argument of a function."""
    if len(row) == 1:
        return _literal(row[0])
    return f"join({', '.join(map(_literal, row))})" if row else '""'


def _literal(piece: Piece) -> str:
    return piece.text if isinstance(piece, Code) else _quoted(piece)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'
