"""A webhook as it arrived, and the places in it at which a definition looks (leaf)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connections.exchange import Headers
from integrations import formulas, paths
from integrations.storable import mended


@dataclass(frozen=True)
class Received:
    """`url` is the one that the vendor was given, with the query as it came."""

    method: str
    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type").partition(";")[0].strip().lower()

    @cached_property
    def document(self) -> Any:
        """The body as JSON; of a form its fields; None for anything else."""
        if self.content_type == "application/x-www-form-urlencoded":
            return self.form
        try:
            return mended(json.loads(self.body, parse_constant=str))
        except (ValueError, RecursionError):
            return None

    @cached_property
    def query(self) -> dict[str, str]:
        """Each parameter of the address, of several of one name the first."""
        return _first(urlsplit(self.url).query)

    @cached_property
    def form(self) -> dict[str, str]:
        return _first(self.body.decode("utf-8", "replace")) if self.content_type == "application/x-www-form-urlencoded" else {}

    def at(self, source: str) -> str:
        """The text at a place such as `header:X-Event` or `body:data.id`; "" where there is none."""
        place, _, name = source.partition(":")
        match place:
            case "header":
                return self.headers.get(name)
            case "query":
                return self.query.get(name, "")
            case "form":
                return self.form.get(name, "")
            case "body":
                found = paths.extract(self.document, name)
                return (
                    found if isinstance(found, str) else json.dumps(found) if isinstance(found, int) and not isinstance(found, bool) else ""
                )
        return ""

    def values(self) -> dict[str, Any]:
        """What expressions read. Headers by their names in lower case."""
        return {
            "method": self.method,
            "query": mended(self.query),
            "headers": {name.lower(): mended(value) for name, value in reversed(list(self.headers))},
            "body": self.document,
        }

    def evaluated(self, formula: str) -> Any:
        """What a formula of the definition makes of it. Raises `FormulaError`."""
        return formulas.evaluate(formula, self.values())


def _first(text: str) -> dict[str, str]:
    try:
        return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True, max_num_fields=2000).items()}
    except ValueError:
        return {}
