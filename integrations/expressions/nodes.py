"""What a text with placeholders is read into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from integrations import formulas


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


def paths(node: Node) -> Iterator[Path]:
    """Everything that a node reads."""
    match node:
        case Path():
            yield node
        case Call(arguments=nodes) | Either(nodes=nodes):
            for inner in nodes:
                yield from paths(inner)
        case Formula(source=source):
            yield from (Path(tuple(name.split("."))) for name in formulas.names_in(source))


def varies(node: Node) -> bool:
    """Whether its value differs from one request to the next."""
    match node:
        case Path():
            return node.keys[0] == "request"
        case Call():
            return node.function in ("now", "uuid") or any(map(varies, node.arguments))
        case Either():
            return any(map(varies, node.nodes))
        case Formula():
            return True
    return False
