"""Fields of settings: a choice, a tick, yes or no, numbers and lines as lists. What is left out is None: the default of the part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from integrations.wizard.inputs import PLAIN, text

PLACES = {
    "query": "A query parameter",
    "body": "The request body, at this path",
    "header": "A request header",
    "path": "The path, at {name}",
}


def option(label: str, choices: Mapping[str, str], help_text: str) -> forms.TypedChoiceField:
    """One of several values; a form that leaves it out chooses the default."""
    return forms.TypedChoiceField(required=False, label=label, choices=list(choices.items()), empty_value=None, help_text=help_text)


def place(label: str) -> forms.TypedChoiceField:
    return option(label, PLACES, "In a body the parameter is a path, for example variables.after or Data.Page.")


def tick(label: str, help_text: str) -> forms.BooleanField:
    return forms.BooleanField(required=False, label=label, help_text=help_text)


class YesNoField(forms.TypedChoiceField):
    """A setting whose default is yes; a tick box could not tell "no" from "left out"."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, choices=[("yes", "Yes"), ("no", "No")], coerce=lambda value: value == "yes", empty_value=None, **kwargs
        )

    def prepare_value(self, value: Any) -> Any:
        return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


class WordsField(forms.CharField):
    """A list of words, such as names of headers, written with commas or blanks between them."""

    def __init__(self, *, placeholder: str, **kwargs: Any) -> None:
        super().__init__(required=False, widget=text(placeholder=placeholder), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(item) for item in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return str(value or "").replace(",", " ").split()

    def validate(self, value: Any) -> None:
        """Any list will do; which words fit is said by the definition."""

    def run_validators(self, value: Any) -> None:
        """None: the base class has those of a text."""


class NumbersField(WordsField):
    """Whole numbers, written in the same way."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(placeholder="404, 416", **kwargs)
        self.widget.attrs["inputmode"] = "numeric"

    def to_python(self, value: Any) -> Any:
        words = super().to_python(value)
        wrong = [word for word in words if not (word.isascii() and word.isdecimal() and len(word) < 10)]
        if wrong:
            raise ValidationError(f"{wrong[0][:50]} is not a number. Write numbers with commas between them, for example 404, 416.")
        return [int(word) for word in words]


class LinesField(forms.CharField):
    """A list with one item a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 2, "class": "mono", **PLAIN}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(str(item) for item in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def validate(self, value: Any) -> None:
        """Any list will do."""

    def run_validators(self, value: Any) -> None:
        """None: the base class has those of a text."""
