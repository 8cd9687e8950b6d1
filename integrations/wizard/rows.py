"""Pairs of name and value as rows of inputs: headers, parameters of a token request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString

EMPTY_ROWS = 2  # to fill without a script; with one there is a button


class PairRows(forms.Widget):
    """Rows of two inputs, of which empty ones are ignored. The value is a list of (name, value)."""

    use_fieldset = True

    def __init__(self, *, name_label: str = "Name", value_label: str = "Value", add: str = "Add a row") -> None:
        super().__init__()
        self.texts = {"name_label": name_label, "value_label": value_label, "add": add}

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> list[tuple[str, str]]:  # noqa: ARG002
        many = data.getlist if hasattr(data, "getlist") else lambda key: data.get(key, [])
        pairs = zip(many(f"{name}-name"), many(f"{name}-value"), strict=False)
        return [(key.strip(), text.strip()) for key, text in pairs if key.strip() or text.strip()]

    def value_omitted_from_data(self, data: Any, files: MultiValueDict[str, Any], name: str) -> bool:  # noqa: ARG002
        return f"{name}-name" not in data

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:  # noqa: ARG002
        pairs = list(value.items()) if isinstance(value, Mapping) else list(value or [])
        rows = [*pairs, *[("", "")] * EMPTY_ROWS]
        return render_to_string(
            "integrations/rows.html", {"name": name, "rows": rows, "invalid": "aria-invalid" in (attrs or {}), **self.texts}
        )


class PairsField(forms.Field):
    """Pairs as a dict. A name that stands twice is refused, because a dict would silently drop one of them."""

    def clean(self, value: list[tuple[str, str]] | Mapping[str, str] | None) -> dict[str, str]:
        pairs = list(value.items()) if isinstance(value, Mapping) else list(value or [])
        names = [name.lower() for name, _ in pairs]
        twice = sorted({name for name, _ in pairs if names.count(name.lower()) > 1})
        if twice:
            raise ValidationError(f"{', '.join(twice)} stands in the list twice. Keep one row of each name.")
        return dict(pairs)
