"""YAML as programs write it, read line by line; everything else is left to `yaml12`, which reads all of YAML.

The events of libyaml alone cost five times what JSON costs. Large YAML documents are written by programs, nearly all of whose lines
are `key: value`, `- value` or text of a block: a regular expression takes such a line in one step. What a line cannot be told to
be (texts of several lines, lists and objects in brackets) is given to `yaml12` as a document of its own; at the first thing that is
more than that (anchors, tags, merges, tabs, keys that occur twice, an error) all of the text is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

from integrations.openapi import yaml12
from integrations.openapi.yaml12 import Bounds

# What a plain scalar starts with: no indicator of YAML, a hyphen only before something else.
_START = r"""(?:[^\s\-?:,\[\]{}\#&*!|>'"%@`]|-(?=\S))"""
_LINE = re.compile(
    rf"""
    (?:[ ]*+(?:\#[^\n]*+)?\n)*+                               # empty lines and comments
    ([ ]*+)                                                   # 1 indentation
    ((?:-[ ]+)*+)                                             # 2 items of lists
    (?:( {_START}[^\n:\#]*+(?:(?::[^\s:\#]|(?<=\S)\#)[^\n:\#]*+)*+  # 3 key
       | '[^'\n]*+' | "[^"\\\n]*+" ):(?=[ \n])[ ]*+(?:\#[^\n]*+)?)?
    (?: ( {_START}[^\n]*+ )                                   # 4 plain scalar
      | '( (?:[^'\n]|'')*+ )'[ ]*+(?=\n)                      # 5, 6 quoted scalars
      | "( [^"\\\n]*+ )"[ ]*+(?=\n)
      | ( \|-? )[ ]*+(?=\n)                                   # 7 literal block
      | ( \[\] | \{{\}} )[ ]*+(?=\n)                          # 8 empty list or object
      | ( [^\n]++ )                                           # 9 anything else
    )?
    \n
    """,
    re.VERBOSE,
)
_KEY, _PLAIN, _SINGLE, _DOUBLE, _BLOCK, _EMPTY, _OTHER = range(3, 10)
_REST = re.compile(r"(?:[ ]*(?:#[^\n]*)?(?:\n|\Z))*+\Z")
_HEAD = re.compile(r"(?:[ ]*(?:#[^\n]*)?\n)*+---[ ]*\n")
_BLOCK_START = re.compile(r"\n*+([ ]+)(?=[^ \n])")
_PLAIN_START = re.compile(_START)
_BREAKS = re.compile(r"\n(\n*)")
_INDENTED_BREAK = re.compile(r"[ ]*\n[ ]*")
_DASH = re.compile("- +")
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = re.compile(r'"(?:[^"\\]|\\[n"\\])*+"\Z')
_FLOW = re.compile(r"\[ *[A-Za-z0-9][A-Za-z0-9_./-]*(?: *, *[A-Za-z0-9][A-Za-z0-9_./-]*)* *\]\Z")
_UNUSUAL = ("\t", "\r", "\x85", "\u2028", "\u2029", "\ufeff")  # libyaml breaks lines at some of them
_MAX_SIMPLE_KEY = 1000  # characters; libyaml refuses keys from 1,024 on
_MAX_COLUMN = 400  # of keys, hyphens and blocks: a pattern is made for each
_SHARED = 60  # scalars up to so many characters are kept and looked up, since most of them occur again and again
_VALUES_OF_LINE = 3  # at most: a key, a value and the object or list that they are the first of; hyphens count by themselves
_MAX_FRAGMENTS = 2_000  # a fragment takes ten times as long as its lines in the whole text would
_UNKNOWN = object()


class _Doubt(Exception):
    """The text holds something that only the whole of YAML explains."""


def load(text: str, bounds: Bounds, *, on_duplicate: Callable[[str, int], None]) -> Any:
    """What `yaml12.load` gives and raises, for text without control characters."""
    lines = text.replace("\r\n", "\n") if "\r" in text else text
    few = lines.count("\n") <= bounds.values // _VALUES_OF_LINE  # else both might read it before it is refused
    if few and not any(character in lines for character in _UNUSUAL):
        with suppress(_Doubt):
            return _Lines(lines, bounds).read()
    return yaml12.load(text, bounds, on_duplicate=on_duplicate)


class _Lines:
    """One text on its way to values."""

    def __init__(self, text: str, bounds: Bounds) -> None:
        self.ends_open = not text.endswith("\n")
        self.text = text + "\n" if self.ends_open else text
        self.bounds = bounds
        self.values = self.fragments = 0
        self.keys: dict[str, str] = {}
        self.scalars: dict[str, Any] = {}
        # The container that is filled, and the column where its keys or hyphens stand; those around it are on the stack.
        self.node: Any = {}
        self.level = -1
        self.stack: list[tuple[Any, int]] = []

    def read(self) -> Any:  # noqa: C901, PLR0912, PLR0915 - one loop for all lines: a call for each would cost as much as the rest
        text, match_line, keys, scalars, stack, depth = self.text, _LINE.match, self.keys, self.scalars, self.stack, self.bounds.depth
        holder = node = self.node
        level = self.level  # this and node are self.level and self.node, which are brought up to date for the methods called
        key, waiting = "", True  # whether the last key has no value yet
        head = _HEAD.match(text)
        position = head.end() if head else 0
        begun = -1  # where the last line starts if its value may go on in the next, or is to come there
        lines = 0
        while (line := match_line(text, position)) is not None or not _REST.match(text, position):
            if line is None:
                raise _Doubt
            kind = line.lastindex or 0
            indent, dashes, written, value = line.group(1, 2, 3, kind)
            column = len(indent)
            if (column > level and not waiting) or (kind != _KEY and not written and not dashes):
                if begun < 0:
                    raise _Doubt
                self.node, self.level = node, level
                position = self._continued(begun, key)
                waiting, begun = False, -1
                continue
            start, position = position, line.end()
            lines += 1
            if dashes:
                self.node, self.level = node, level
                column = self._item(column, dashes, key, waiting=waiting)
                if written:
                    self.node.append({})
                    self._push(self.node[-1], column)
                node, level = self.node, self.level
            elif waiting and column > level:
                if len(stack) >= depth or column > _MAX_COLUMN:
                    raise _Doubt
                stack.append((node, level))
                node[key] = node = {}
                level = column
            else:
                while column < level:
                    node, level = stack.pop()
                if node.__class__ is list:  # whose hyphens stand below the key that it belongs to
                    node, level = stack.pop()
                if column != level or node.__class__ is not dict:
                    raise _Doubt
            waiting, begun = False, -1
            if written:
                key = keys.get(written) or self._key(written)
                if key in node:
                    raise _Doubt
            if kind == _PLAIN:
                made = scalars.get(value, _UNKNOWN)
                if made is _UNKNOWN:
                    made = self._plain(value)
                begun = start
            elif kind == _KEY:
                made, waiting, begun = None, True, start
            elif kind == _SINGLE:
                made = value.replace("''", "'") if "''" in value else value
            elif kind == _DOUBLE:
                made = value
            elif kind == _EMPTY:
                made = [] if value == "[]" else {}
            else:
                self.node, self.level = node, level
                made, position = self._unusual(kind, value, start, position, key if written else None)
            if written:
                node[key] = made
            else:
                node.append(made)
        if self.values + _VALUES_OF_LINE * lines > self.bounds.values or not stack:
            raise _Doubt
        return holder[""]

    def _unusual(self, kind: int, value: str, start: int, position: int, key: str | None) -> tuple[Any, int]:
        """A value that is no scalar of one line, and where it ends."""
        if kind == _BLOCK:
            return self._block(position, value)
        if kind != _OTHER:
            raise _Doubt
        if (made := _one_line(value)) is not None:
            return made, position
        if value[0] == ">" and (folded := self._folded(position, value)):
            return folded
        if value[0] in "\"'>|[{":
            return self._fragment(start, key)
        raise _Doubt

    def _push(self, container: Any, column: int) -> None:
        if len(self.stack) >= self.bounds.depth or column > _MAX_COLUMN:
            raise _Doubt
        self.stack.append((self.node, self.level))
        self.node, self.level = container, column
        self.values += 1

    def _item(self, column: int, dashes: str, key: str, *, waiting: bool) -> int:
        """Enter the list whose hyphen stands at the column, and those that start on the same line; the column behind the hyphens."""
        if waiting and self.level >= 0 and column >= self.level and self.node.__class__ is dict:
            self.node[key] = []
            self._push(self.node[key], column)
        else:
            while column < self.level:
                self.node, self.level = self.stack.pop()
            if column != self.level or self.node.__class__ is not list:
                raise _Doubt
        into: Any = self.node
        *outer, last = _DASH.findall(dashes)
        for dash in outer:
            column += len(dash)
            inner: list[Any] = []
            into.append(inner)
            self._push(inner, column)
            into = inner
        return column + len(last)

    def _key(self, written: str) -> str:
        key = written[1:-1] if written[0] in "'\"" else written
        if not key or len(written) > _MAX_SIMPLE_KEY or written == "<<" or written[-1] == " " or written.startswith(("...", "---")):
            raise _Doubt
        self.keys[written] = key
        return key

    def _plain(self, value: str) -> Any:
        text = value.partition(" #")[0].rstrip(" ")
        if ": " in text or text[-1] == ":" or text.startswith("..."):
            raise _Doubt
        made = yaml12.scalar(text)
        if len(value) <= _SHARED:
            self.scalars[value] = made
        return made

    def _block(self, position: int, header: str) -> tuple[str, int]:
        """A literal block (| or |-) that starts at the position, and where it ends."""
        block, end = self._lines_of_block(position)
        content = block.rstrip("\n")
        return (content if header == "|-" else content + "\n"), end

    def _folded(self, position: int, header: str) -> tuple[str, int] | None:
        """A folded block (> or >-) that starts at the position, and where it ends; None if its lines are not all indented alike."""
        if header.rstrip(" ") not in (">", ">-"):
            return None
        block, end = self._lines_of_block(position)
        if block[0] in " \n" or "\n " in block:
            return None
        content = _BREAKS.sub(_fold, block.rstrip("\n"))
        return (content if header.rstrip(" ") == ">-" else content + "\n"), end

    def _lines_of_block(self, position: int) -> tuple[str, int]:
        """The lines of a block without their indentation, and where it ends."""
        start = _BLOCK_START.match(self.text, position)
        if start is None or (width := len(start.group(1))) <= self.level or width > _MAX_COLUMN:
            raise _Doubt
        end = self._end_of_indented(width, position)
        if end == len(self.text) and self.ends_open:
            raise _Doubt  # the last line has no end that could be kept
        block = self.text[position:end]
        if " \n" in block:
            block = "\n".join([line[width:] for line in block.split("\n")])
        else:
            block = ("\n" + block).replace("\n" + " " * width, "\n")[1:]
        return block, end

    def _continued(self, start: int, key: str) -> int:
        """Put the value of the line at `start`, which goes on in the deeper lines after it, in the place of the last; the end."""
        line = _LINE.match(self.text, start)
        if line is None:
            raise _Doubt
        end = self._end_of_indented(self.level + 1, line.end())
        written = (line.group(_PLAIN) or "") + "\n" + self.text[line.end() : end]
        text = _BREAKS.sub(_fold, _INDENTED_BREAK.sub("\n", written).strip("\n"))
        if ": " in written or ":\n" in written or " #" in written or not _PLAIN_START.match(text):
            made, end = self._fragment(start, key)
        else:
            made = yaml12.scalar(text)
        if self.node.__class__ is list:
            self.node[-1] = made
        else:
            self.node[key] = made
        return end

    def _end_of_indented(self, width: int, position: int) -> int:
        """Where the lines from the position on end that start with so many spaces or are empty."""
        lines = _indented(width).match(self.text, position)
        return lines.end() if lines else position

    def _fragment(self, start: int, key: str | None) -> tuple[Any, int]:
        """The value of the line at `start`, read with the deeper lines after it by `yaml12`, and where it ends; a list's item has no key."""
        line = _LINE.match(self.text, start)
        self.fragments += 1
        if line is None or self.fragments > _MAX_FRAGMENTS:
            raise _Doubt
        end = self._end_of_indented(self.level + 1, line.end())
        if end == len(self.text) and self.ends_open:
            raise _Doubt
        piece = " " * self.level + ("- " if self.node.__class__ is list else "") + self.text[line.end(2) : end]
        flows = line.lastindex == _OTHER and line.group(_OTHER)[0] in "[{"
        if flows and ("&" in piece or "*" in piece or "!" in piece):
            raise _Doubt
        bounds = replace(self.bounds, depth=self.bounds.depth - len(self.stack) + 1)
        try:
            made, values = yaml12.load_counted(piece, bounds, on_duplicate=_doubt)
        except yaml12.YamlError:
            raise _Doubt from None
        self.values += values
        if made.__class__ is not self.node.__class__ or len(made) != 1:
            raise _Doubt
        value = made[0] if made.__class__ is list else made.get(key)
        if not flows and value.__class__ in (dict, list):
            raise _Doubt
        return value, end


def _one_line(value: str) -> Any:
    """A text in double quotes or a list in brackets that is simple and ends on its line; None if it is not so."""
    value = value.rstrip(" ")
    if _ESCAPED.match(value):
        return _ESCAPE.sub(lambda match: _ESCAPES[match.group(1)], value[1:-1])
    if _FLOW.match(value):
        return [yaml12.scalar(item.strip(" ")) for item in value[1:-1].split(",")]
    return None


def _fold(breaks: re.Match[str]) -> str:
    """One line break is a space; of several, the first is dropped."""
    return breaks.group(1) or " "


def _doubt(key: str, line: int) -> None:  # noqa: ARG001
    raise _Doubt


@lru_cache(maxsize=2 * _MAX_COLUMN)
def _indented(width: int) -> re.Pattern[str]:
    """Lines that start with so many spaces, and empty ones."""
    return re.compile(rf"(?:(?:[ ]{{{width}}}[^\n]*+|[ ]*+)\n)*+")
