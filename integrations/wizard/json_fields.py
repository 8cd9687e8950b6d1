"""Fields for objects: JSON as it is written, and pairs with one on each line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from integrations.wizard.inputs import lines


class JsonObjectField(forms.CharField):
    """A JSON object; empty is an empty one, or None where `nothing` is None."""

    def __init__(self, *, nothing: Any = (), placeholder: str = "{}", **kwargs: Any) -> None:
        self.nothing = {} if nothing == () else nothing
        super().__init__(required=False, widget=lines(placeholder=placeholder), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
        return value

    def to_python(self, value: Any) -> Any:
        written = str(value or "").strip()
        if not written:
            return self.nothing
        try:
            found = json.loads(written)
        except ValueError as error:
            where = f" in line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise ValidationError(f"This is not valid JSON{where}. Texts stand in double quotes.") from None
        if not isinstance(found, dict):
            raise ValidationError('Enter a JSON object, for example {"user": "{{credentials.username}}"}.')
        return found

    def validate(self, value: Any) -> None:
        """Any object will do; what fits is said by the definition."""

    def run_validators(self, value: Any) -> None:
        """None: the base class has those of a text."""


class LinePairsField(forms.CharField):
    """Pairs, one a line, name and value with `mark` between them."""

    def __init__(self, *, mark: str, placeholder: str, **kwargs: Any) -> None:
        self.mark = mark
        super().__init__(required=False, widget=lines(placeholder=placeholder, rows="2"), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            glue = f"{self.mark} " if self.mark == ":" else f" {self.mark} "
            return "\n".join(f"{name}{glue}{text}" for name, text in value.items())
        return value

    def to_python(self, value: Any) -> Any:
        found: dict[str, str] = {}
        for line in filter(None, map(str.strip, str(value or "").splitlines())):
            name, mark, rest = line.partition(self.mark)
            if not mark or not name.strip():
                raise ValidationError(f"Write a name, {self.mark} and a value on each line. This line has no {self.mark}: {line[:80]}")
            if name.strip() in found:
                raise ValidationError(f"{name.strip()} stands in the list twice. Keep one line of each name.")
            found[name.strip()] = rest.strip()
        return found

    def validate(self, value: Any) -> None:
        """Any pairs will do."""

    def run_validators(self, value: Any) -> None:
        """None: the base class has those of a text."""
