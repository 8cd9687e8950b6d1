"""What every form has in common that hands its values to a service."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.forms.utils import pretty_name
from pydantic.alias_generators import to_camel

from integrations.refusals import Invalid, Refusal
from integrations.storable import flaw


class RefusableForm(forms.Form):
    """A form that can show what a service refused. `json_names` maps fields to JSON fields where camelCase alone is not it."""

    json_names: ClassVar[dict[str, str]] = {}
    json_prefix: ClassVar[str] = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            # Django says of every field that it is required; where nothing better is said, it is said of which.
            if field.error_messages.get("required") == forms.Field.default_error_messages["required"]:
                field.error_messages["required"] = _missing(field, str(field.label or pretty_name(name)))

    def _post_clean(self) -> None:
        """After all cleaning: what came as JSON, or through a widget of ours, may hold what no database takes."""
        super()._post_clean()  # type: ignore[misc]
        for name, value in list(self.cleaned_data.items()):
            if sentence := flaw(value):
                self.add_error(name, sentence)

    def json_name(self, field: str) -> str:
        return self.json_names.get(field, f"{self.json_prefix}{to_camel(field)}")

    def refuse(self, refusal: Refusal) -> None:
        """Put a refusal's sentences on the fields they speak of, the rest above the form."""
        if not isinstance(refusal, Invalid):
            self.add_error(None, refusal.message)
            return
        for where, sentences in refusal.errors.items():
            self.add_error(self._field_at(where), list(sentences))

    def _field_at(self, where: str) -> str | None:
        for name in self.fields:
            at = self.json_name(name)
            if where == at or where.startswith(f"{at}."):
                return name
        return None


def _missing(field: forms.Field, label: str) -> str:
    match field:
        case forms.MultipleChoiceField():
            return "Choose at least one."
        case forms.ChoiceField() | forms.ModelChoiceField():
            return "Choose one."
    return f"{label} is missing."
