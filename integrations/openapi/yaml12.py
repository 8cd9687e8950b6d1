"""YAML read by YAML 1.2's core schema as JSON-compatible values.

PyYAML's own loaders follow YAML 1.1: dates become objects, `on` becomes true, and the composer recurses in C. This
module takes only the events of libyaml and builds the values itself, so that depth and aliases stay bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import AliasEvent, DocumentEndEvent, MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,400}\Z")
_OCT = re.compile(r"0o[0-7]{1,400}\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,400}\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
# The characters that a plain scalar other than a string can start with; all other scalars skip the patterns.
_TYPED_START = frozenset("0123456789+-.~nNtTfF")


class YamlError(ValueError):
    """The text is no YAML. `line` and `column` count from 1; 0 where unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line, self.column = line, column


class YamlTooDeep(YamlError):
    """The text nests deeper than allowed."""


class YamlBomb(YamlError):
    """Aliases would multiply the text beyond the allowed number of values."""


class YamlTooLong(YamlError):
    """The text holds more values than allowed."""


@dataclass(frozen=True)
class Bounds:
    """What a text may hold: values in all, values that aliases stand for, levels of nesting."""

    values: int
    alias_expansions: int
    depth: int


def scalar(text: str) -> Any:
    """A plain (unquoted) scalar by the core schema; numbers that JSON cannot hold stay text."""
    if not text:
        return None
    if text[0] not in _TYPED_START:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        return int(text)
    if _OCT.match(text) or _HEX.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def load(text: str, bounds: Bounds, *, on_duplicate: Callable[[str, int], None]) -> Any:
    """The first document of `text`; one that is no object is not read to its end. Raises YamlError.

    `on_duplicate(key, line)` hears of keys that occur twice in an object (the last one wins).
    """
    return load_counted(text, bounds, on_duplicate=on_duplicate)[0]


def load_counted(text: str, bounds: Bounds, *, on_duplicate: Callable[[str, int], None]) -> tuple[Any, int]:
    """What `load` gives and raises, with the number of values."""
    builder = _Builder(bounds, on_duplicate)
    try:
        next_event = yaml.CSafeLoader(text).get_event
        while (event := next_event()) is not None and event.__class__ is not DocumentEndEvent:
            if event.__class__ is SequenceStartEvent and not builder.stack:
                return [], 0
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise YamlError(error.problem or error.context or "it is not YAML", *where) from None
    except yaml.YAMLError as error:
        raise YamlError(str(error).splitlines()[0]) from None
    return builder.root, builder.values


class _Builder:
    """Builds values from events with a stack of its own: no recursion, however deep the text nests."""

    def __init__(self, bounds: Bounds, on_duplicate: Callable[[str, int], None]) -> None:
        self.root: Any = None
        self.bounds, self.on_duplicate = bounds, on_duplicate
        self.stack: list[tuple[Any, Any, int, str | None, Any]] = []
        self.node: Any = None  # the container that is being filled
        self.key: Any = None  # its pending key
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.values = 0
        self.expanded = 0
        self.most = bounds.values  # and what aliases stand for

    def take(self, event: Any) -> None:
        kind = event.__class__
        if kind is ScalarEvent:
            self.values += 1
            if self.values > self.most:
                raise YamlTooLong("it holds too many values", event.start_mark.line + 1, event.start_mark.column + 1)
            node = self.node
            if node.__class__ is dict and self.key is None and event.anchor is None:
                self.key = (event.value, event)  # text, spelled as in the file: a response code 200 becomes "200"
                return
            value = scalar(event.value) if event.implicit[0] else _tagged(event)
            if event.anchor is not None:
                self.anchors[event.anchor] = (value, 1)
            elif node.__class__ is dict and self.key[0] not in node:  # what `add` does, for nine of ten values
                node[self.key[0]] = value
                self.key = None
                return
            self.add(value, event)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            self.values += 1
            if len(self.stack) >= self.bounds.depth:
                raise YamlTooDeep("it nests too deeply", event.start_mark.line + 1, event.start_mark.column + 1)
            if self.node.__class__ is dict and self.key is None:
                raise YamlError("a list or an object stands as a key", event.start_mark.line + 1, event.start_mark.column + 1)
            self.stack.append((self.node, self.key, self.values, event.anchor, event))
            self.node, self.key = ({} if kind is MappingStartEvent else []), None
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            done = self.node
            self.node, self.key, before, anchor, start = self.stack.pop()
            if anchor:
                self.anchors[anchor] = (done, self.values - before + 1)
            self.add(done, start)
        elif kind is AliasEvent:
            self.add(self.alias(event), event)

    def alias(self, event: Any) -> Any:
        """The anchored value, shared and not copied. Its size counts, since whoever walks the document meets it again."""
        if event.anchor not in self.anchors:
            raise YamlError(f"the alias *{event.anchor} has no anchor before it", event.start_mark.line + 1, event.start_mark.column + 1)
        value, size = self.anchors[event.anchor]
        self.expanded += size
        self.most += size
        self.values += size
        if self.expanded > self.bounds.alias_expansions:
            raise YamlBomb("its aliases multiply too far", event.start_mark.line + 1, event.start_mark.column + 1)
        return value

    def add(self, value: Any, event: Any) -> None:
        node = self.node
        if node is None:
            self.root = value
        elif node.__class__ is list:
            node.append(value)
        elif self.key is None:
            self.key = (value if value.__class__ is str else _key(value, event), event)
        else:
            key, where = self.key
            self.key = None
            if key == "<<" and isinstance(value, dict | list) and getattr(where, "implicit", (False,))[0]:
                for source in value if isinstance(value, list) else [value]:
                    for name, item in source.items() if isinstance(source, dict) else ():
                        node.setdefault(name, item)
                return
            if key in node:
                self.on_duplicate(key, where.start_mark.line + 1)
            node[key] = value


def _tagged(event: Any) -> Any:
    """A quoted scalar is text; so is one with a tag, except the core schema's own tags."""
    if event.tag and event.tag.startswith("tag:yaml.org,2002:") and event.style is None:
        value = scalar(event.value)
        wanted = event.tag.rpartition(":")[2]
        if (wanted, type(value)) in {("int", int), ("float", float), ("bool", bool), ("null", type(None))}:
            return value
        if wanted == "float" and isinstance(value, int):
            return float(value)
    return event.value


def _key(value: Any, event: Any) -> str:
    """Keys are text in JSON: a response code 200 becomes "200", spelled as in the file."""
    if isinstance(value, dict | list):
        raise YamlError("a list or an object stands as a key", event.start_mark.line + 1, event.start_mark.column + 1)
    return str(getattr(event, "value", value))
