"""The form that says where the options of a mapping come from."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from django import forms

from actions import mapping_options
from connections.mapping import options, tables
from connections.mapping.csv_files import MAX_BYTES
from connections.mapping.models import Mapping
from connections.models import Connection
from integrations.forms import RefusableForm
from integrations.refusals import Invalid

SHOWN_LIST: Final = 2000  # options that are shown as text to be changed; of more only a file makes sense
Source = Mapping.Source


class SetupForm(RefusableForm):
    """Fields are named as the service's errors name them; what belongs to another source than the chosen one is left alone."""

    json_names = {"value_path": "valuePath", "label_path": "labelPath", "listed": "options"}

    source = forms.ChoiceField(
        label="Where do the customers come from?",
        choices=[
            (Source.ACTION, "An action of the integration lists them"),
            (Source.LIST, "A list of mine: typed here, or a CSV file"),
            (Source.TYPED, "Nowhere: I type each customer's id by hand"),
        ],
        widget=forms.RadioSelect,
    )
    action = forms.ChoiceField(
        label="Action", required=False, help_text="Any action whose records are the vendor's customers, paginated or not."
    )
    connection = forms.ChoiceField(
        label="Connection", required=False, help_text="Fetches the options, and is used in runs for organizations that are mapped."
    )
    value_path = forms.CharField(
        label="Path of the value", required=False, max_length=500, help_text="What tells customers apart, for example id or company.number."
    )
    label_path = forms.CharField(label="Path of the name", required=False, max_length=500, help_text="By which people know the customer.")
    inputs = forms.CharField(
        label="Inputs of the action",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false", "placeholder": '{"status": "active"}'}),
        help_text="A JSON object of values by parameter name, where the action needs some.",
    )
    listed = forms.CharField(
        label="Customers, one a line",
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 8, "class": "mono", "spellcheck": "false", "placeholder": "4711,Acme Ltd\n4712,Zenith Dental"}
        ),
        help_text="Value, comma, name. It replaces the whole list.",
    )
    file = forms.FileField(
        label="Or a CSV file",
        required=False,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,text/csv"}),
        help_text="With the columns value and label, or value first. It wins over what is typed above.",
    )

    def __init__(self, *args: Any, mapping: Mapping, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mapping = mapping
        current = mapping.integration.current
        actions = sorted(current.actions.all(), key=lambda one: (not one.paginated, one.position)) if current else []
        choices = [
            ("", "Choose an action"),
            *((str(one.uid), f"{one.name} ({one.method} {one.path})") for one in actions),
        ]
        self.fields["action"] = forms.ChoiceField(choices=choices, **_kept(self.fields["action"]))
        self.connections = {
            str(one.pk): one
            for one in Connection.objects.filter(organization=mapping.organization, integration=mapping.integration).order_by("name")
        }
        own = [(key, one.name) for key, one in self.connections.items()]
        own.insert(0, ("", f"The default of {mapping.organization}"))
        self.fields["connection"] = forms.ChoiceField(choices=own, **_kept(self.fields["connection"]))
        self.initial = {
            "source": mapping.source if mapping.pk and mapping.source else Source.ACTION,
            "action": str(mapping.action or ""),
            "connection": str(mapping.connection_id or ""),
            "value_path": mapping.value_path,
            "label_path": mapping.label_path,
            "inputs": json.dumps(mapping.inputs, ensure_ascii=False, indent=2) if mapping.inputs else "",
            "listed": _shown(mapping),
        }

    def save(self) -> Mapping:
        """Raises `Refusal`."""
        given = self.cleaned_data
        uid = UUID(given["action"]) if given["action"] else None
        if given["source"] == Source.ACTION:
            mapping_options.check_action(self.mapping.integration, uid)
        return tables.set_up(
            mapping=self.mapping,
            source=given["source"],
            connection=self.connections.get(given["connection"]),
            action=uid,
            inputs=self._inputs(),
            value_path=given["value_path"] or "id",
            label_path=given["label_path"] or "name",
            listed=self._listed() if given["source"] == Source.LIST else None,
        )

    def _inputs(self) -> Any:
        text = self.cleaned_data["inputs"].strip()
        if not text:
            return {}
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Invalid(
                {"inputs": [f'This is no JSON ({error}). Write for example {{"status": "active"}}, or leave it empty.']}
            ) from None

    def _listed(self) -> list[options.Pair] | None:
        """The options that were given; None where the list is too long to be shown and no file was chosen: then it stays."""
        file, text = self.cleaned_data["file"], self.cleaned_data["listed"]
        if file is not None:
            if file.size > MAX_BYTES:
                raise Invalid({"file": [f"The file is larger than {MAX_BYTES // 2**20} MB. Split it."]})
            return self._parsed(file.read(), "file")
        if not text.strip() and self.mapping.source == Source.LIST and self.mapping.option_count > SHOWN_LIST:
            return None
        return self._parsed(text.encode(), "options")

    @staticmethod
    def _parsed(data: bytes, where: str) -> list[options.Pair]:
        try:
            found = tables.parsed_list(data)
        except Invalid as refusal:
            told = [
                f"{at[:1].upper()}{at[1:]}: {sentence}" if at.startswith("line") else sentence
                for at, all_ in refusal.errors.items()
                for sentence in all_
            ]
            raise Invalid({where: told}) from None
        if not found:
            raise Invalid({where: ["The list is empty. Enter a customer a line, or choose a file."]})
        return found


def _shown(mapping: Mapping) -> str:
    if mapping.source != Source.LIST or mapping.option_count > SHOWN_LIST:
        return ""
    return tables.list_as_text(mapping)


def _kept(field: forms.Field) -> dict[str, Any]:
    """What a field keeps when its choices become known."""
    return {"label": field.label, "help_text": field.help_text, "required": field.required}
