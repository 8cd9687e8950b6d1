"""The form of a trigger: which events, and a text for each input of the action, in which the event can be read."""

from __future__ import annotations

import json
from typing import Any, Final

from django import forms
from django.utils.html import strip_tags
from django.utils.text import Truncator

from actions.inputs import is_given
from actions.models import Trigger
from actions.requests import BODY, labelled
from actions.runs import Plan
from connections.bodies import text_of
from integrations.forms import RefusableForm

INPUTS: Final = "inputs."
_PLAIN: Final = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off", "class": "mono"}
MOST_SHOWN: Final = 8  # optional inputs; more of them are folded away


class TriggerForm(RefusableForm):
    def __init__(self, data: Any = None, *, plan: Plan, trigger: Trigger | None) -> None:
        super().__init__(data)
        given: dict[str, Any] = trigger.inputs if trigger else {}
        self.plan = plan
        self.fields["eventTypes"] = forms.CharField(
            label="Kinds of events",
            required=False,
            max_length=5000,
            initial="\n".join(trigger.event_types) if trigger else "",
            widget=forms.Textarea(attrs={"rows": 2, "placeholder": "invoice.paid\ninvoice.*", **_PLAIN}),
            help_text="One a line; invoice.* stands for all that begin so. Empty: every event that arrives.",
        )
        for label, parameter in labelled(plan.operation).items():
            required = parameter.required and not is_given(parameter.default)
            self.fields[INPUTS + label] = forms.CharField(
                label=label,
                required=required,
                initial=_shown(given.get(label)),
                strip=False,
                widget=forms.TextInput(attrs={"placeholder": "{{event.body.id}}" if required else "", **_PLAIN}),
                help_text=Truncator(" ".join(strip_tags(parameter.description).split())).chars(300),
            )
        if plan.operation.body:
            self.fields[INPUTS + BODY] = forms.CharField(
                label="Body",
                required=plan.operation.body.required,
                initial=_shown(given.get(BODY)),
                strip=False,
                widget=forms.Textarea(attrs={"rows": 6, "placeholder": '{"id": "{{event.body.id}}"}', **_PLAIN}),
                help_text=f"Sent as {plan.operation.body.content_type or 'application/json'}. As JSON, with placeholders in its texts; one that stands "
                "alone in a text becomes the value itself.",
            )

    def json_name(self, field: str) -> str:
        return field

    @property
    def inputs(self) -> dict[str, Any]:
        """What was entered; what was left empty is not given."""
        values = {
            name.removeprefix(INPUTS): value for name, value in self.cleaned_data.items() if name.startswith(INPUTS) and value.strip()
        }
        if BODY in values and self.plan.operation.body:
            values[BODY] = _parsed(values[BODY])
        return values

    @property
    def event_types(self) -> list[str]:
        return str(self.cleaned_data["eventTypes"]).splitlines()

    def required_inputs(self) -> list[forms.BoundField]:
        return [field for field in self._inputs() if field.field.required]

    def optional_inputs(self) -> list[forms.BoundField]:
        return [field for field in self._inputs() if not field.field.required]

    def shows_optional(self) -> bool:
        """Whether the optional inputs are few, or one of them is filled in."""
        found = self.optional_inputs()
        return len(found) <= MOST_SHOWN or any(field.errors or is_given(field.value()) for field in found)

    def _inputs(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(INPUTS)]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, dict | list) else text_of(value) if is_given(value) else ""
