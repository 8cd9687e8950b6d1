"""Rows of several inputs each, as one field: placements, connection fields, steps of a login.

A row is a small form. Without a script there is one empty row more than there are values; with one there is a button.
What is wrong with a row stands in it.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString
from pydantic.alias_generators import to_camel


class RowForm(forms.Form):
    """One row. `lead` names the fields that stand in its first line, the others are folded below under `more`. `shape` is a class of that line."""

    lead: tuple[str, ...] = ()
    more = ""
    shape = ""
    use_required_attribute = False

    @property
    def lead_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.lead]

    @property
    def more_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.lead and name != "DELETE"]

    @property
    def more_open(self) -> bool:
        return any(self[name].errors for name in self.fields if name not in self.lead)

    def document(self) -> dict[str, Any] | None:
        """The row as JSON; None for one that is empty or marked as removed. Choices and ticks alone fill no row."""
        if self.cleaned_data.get("DELETE"):
            return None
        typed = [name for name, field in self.fields.items() if not isinstance(field, forms.ChoiceField | forms.BooleanField)]
        if not any(self.cleaned_data.get(name) for name in typed):
            return None
        return {to_camel(name): value for name, value in self.cleaned_data.items() if name != "DELETE" and value is not None}


class FormRows(forms.Widget):
    """Draws the rows; its value is the bound formset."""

    use_fieldset = True

    def __init__(self, form: type[RowForm], *, add: str, most: int) -> None:
        super().__init__()
        self.form = form
        self.add = add
        self.most = most
        self._bound: tuple[int, Any] | None = None

    def formset(self, name: str, data: Any = None, initial: Any = None) -> Any:
        kind = forms.formset_factory(self.form, extra=1, can_delete=True, max_num=self.most, absolute_max=self.most + 50)
        return kind(data, prefix=name, initial=initial)

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> Any:
        if self.value_omitted_from_data(data, files, name):
            return None
        # The same formset each time, so that errors which are put into its rows are still there when it is drawn.
        if self._bound is None or self._bound[0] != id(data):
            self._bound = (id(data), self.formset(name, data))
        return self._bound[1]

    def value_omitted_from_data(self, data: Any, files: MultiValueDict[str, Any], name: str) -> bool:  # noqa: ARG002
        return f"{name}-TOTAL_FORMS" not in data

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:  # noqa: ARG002
        formset = value if isinstance(value, forms.BaseFormSet) else self.formset(name, initial=list(value or []))
        return render_to_string("integrations/object_rows.html", {"name": name, "rows": formset, "add": self.add})


class RowsField(forms.Field):
    """The rows as a list of JSON objects."""

    widget: FormRows

    def __init__(self, form: type[RowForm], *, add: str, most: int = 50, **kwargs: Any) -> None:
        super().__init__(required=False, widget=FormRows(form, add=add, most=most), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return [item.model_dump() if hasattr(item, "model_dump") else item for item in value] if isinstance(value, list) else value

    def clean(self, value: Any) -> list[dict[str, Any]]:
        if value is None:
            return []
        if not value.is_valid():
            told = [str(error) for error in value.non_form_errors()]
            raise ValidationError(told or "Correct the rows that are marked below.")
        found = [(form, form.document()) for form in value.forms if hasattr(form, "cleaned_data")]
        value.kept = [form for form, row in found if row is not None]
        return [row for _, row in found if row is not None]


def refuse_row(bound: forms.BoundField, where: str, sentences: list[str]) -> bool:
    """Put a refusal such as `0.url` into its row. False where there is no such row."""
    number, _, rest = where.partition(".")
    kept = getattr(bound.value(), "kept", [])
    if not number.isdecimal() or int(number) >= len(kept):
        return False
    form = kept[int(number)]
    field = next((name for name in form.fields if rest.split(".")[0] == to_camel(name)), None)
    form.add_error(field, sentences)
    return True
