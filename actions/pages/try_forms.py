"""The form of Try it: what is asked for, with which inputs, and as whom."""

from __future__ import annotations

import json
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from actions.models import Action
from connections.forms import CREDENTIALS, SETTINGS, ConnectionForm
from connections.models import Connection
from integrations.definition import LARGEST_PAGE_SIZE, Definition
from integrations.operation import Operation
from integrations.wizard.inputs import text

PREFIX: Final = "try"
MOST_LISTED: Final = 500  # actions of the drop-down


class TryForm(ConnectionForm):
    """The credentials' fields are those of a connection; they are sent and forgotten. `fixed` is the action whose form the panel belongs to."""

    def __init__(
        self, data: Any = None, *, definition: Definition, connections: list[Connection], actions: list[Action], fixed: bool = False
    ) -> None:
        super().__init__(data, prefix=PREFIX, definition=definition)
        self.by_id = {str(connection.pk): connection for connection in connections}
        entered = {name: self.fields[name] for name in self.fields if name.startswith((CREDENTIALS, SETTINGS))}
        self.fields.clear()
        if not fixed:
            if actions:
                self.fields["action"] = forms.ChoiceField(
                    required=False,
                    label="Action",
                    choices=[*((str(action.uid), f"{action.name} ({action.path})") for action in actions), ("", "A path that I enter")],
                )
            self.fields["path"] = forms.CharField(
                required=False,
                label="Path of a list",
                widget=text(placeholder="/users"),
                help_text="Relative to the base URI. It is asked for with GET." + (" Only if no action is chosen." if actions else ""),
            )
        self.fields["inputs"] = forms.CharField(
            required=False,
            label="Inputs",
            widget=forms.Textarea(attrs={"rows": 2, "class": "mono", "spellcheck": "false", "placeholder": '{"id": 42}'}),
            help_text="What the request needs besides the pagination, as a JSON object; the body under body. Leave it empty if it needs nothing.",
        )
        self.fields["page_size"] = forms.IntegerField(
            required=False,
            min_value=1,
            max_value=LARGEST_PAGE_SIZE,
            label="Page size",
            widget=forms.NumberInput(attrs={"min": 1, "max": LARGEST_PAGE_SIZE}),
            help_text="A small one, such as 5, makes several pages of a short list. Empty: the default page size.",
        )
        if connections:
            self.fields["connection"] = forms.ChoiceField(
                required=False,
                label="As",
                choices=[
                    *((pk, f"{connection.name} ({connection.organization})") for pk, connection in self.by_id.items()),
                    ("", "The credentials that I enter here"),
                ],
            )
        for field in entered.values():
            field.required = False
        self.fields |= entered

    def clean_inputs(self) -> dict[str, Any]:
        written = self.cleaned_data["inputs"].strip()
        try:
            inputs = json.loads(written) if written else {}
        except (ValueError, RecursionError):
            raise ValidationError('This is not valid JSON. Write an object, for example {"id": 42}.') from None
        if not isinstance(inputs, dict):
            raise ValidationError('Inputs are an object in braces, for example {"id": 42}.')
        return inputs

    def clean_path(self) -> str:
        path = self.cleaned_data["path"]
        if not path and not self.data.get(self.add_prefix("action")):
            raise ValidationError("Enter the path of a list, for example /users.")
        try:
            return Operation(name="Try it", path=path).path if path else ""
        except ValueError:
            raise ValidationError("The path is relative to the base URI, for example /users. Leave out scheme and host.") from None

    @property
    def connection(self) -> Connection | None:
        """The stored connection that was chosen; None for entered credentials."""
        return self.by_id.get(self.cleaned_data.get("connection", ""))

    @property
    def credential_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith((CREDENTIALS, SETTINGS))]

    @property
    def plain_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name in ("action", "path", "page_size", "connection")]
