"""A text that was read, and its rendering."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.expressions.evaluating import evaluate
from integrations.expressions.nodes import MissingValue, Node, Text, paths


@dataclass(frozen=True)
class Template:
    """A parsed text: alternatives, each a row of texts and placeholders."""

    source: str
    alternatives: tuple[tuple[Node, ...], ...]

    @property
    def paths(self) -> frozenset[str]:
        """The dotted names of everything that it reads."""
        return frozenset(path.name for nodes in self.alternatives for node in nodes for path in paths(node))

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
                    value = evaluate(node, values)
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
