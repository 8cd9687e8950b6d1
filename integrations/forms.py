"""What every form has in common that hands its values to a service."""

from __future__ import annotations

from typing import ClassVar

from django import forms
from pydantic.alias_generators import to_camel

from integrations.refusals import Invalid, Refusal
from integrations.storable import flaw


class RefusableForm(forms.Form):
    """A form that can show what a service refused. `json_names` maps fields to JSON fields where camelCase alone is not it."""

    json_names: ClassVar[dict[str, str]] = {}
    json_prefix: ClassVar[str] = ""

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
