"""The form of a webhook of runs."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from actions.models import RunWebhook, Schedule
from integrations.forms import RefusableForm
from integrations.models import Integration, Organization


class RunWebhookForm(RefusableForm):
    """`webhook` is the one that is changed, None for a new one."""

    json_names: ClassVar[dict[str, str]] = {"is_enabled": "enabled", "below": "includeBelow"}

    name = forms.CharField(label="Name", max_length=200, help_text="Who gets these calls, for example the warehouse or the on-call team.")
    url = forms.CharField(
        label="URL",
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/runs", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Gets a POST for each run that ends. Whoever has this address and the secret can tell that a call is ours.",
    )
    heard = forms.ChoiceField(label="Which runs", choices=RunWebhook.Heard.choices, widget=forms.RadioSelect, initial=RunWebhook.Heard.ALL)
    integration = forms.ChoiceField(label="Integration", required=False)
    schedule = forms.ChoiceField(label="Schedule", required=False, help_text="With one, only the runs that it starts.")
    below = forms.BooleanField(
        label="Also runs of organizations below", required=False, initial=True, help_text="Those that are added later, too."
    )
    is_enabled = forms.BooleanField(label="Switched on", required=False, initial=True)

    def __init__(
        self,
        data: Any,
        *,
        organization: Organization,
        integrations: list[Integration],
        schedules: list[Schedule],
        webhook: RunWebhook | None,
    ) -> None:
        initial: dict[str, Any] = {}
        if webhook:
            initial = {
                "name": webhook.target.name,
                "url": webhook.target.url,
                "heard": webhook.heard,
                "integration": str(webhook.integration_id or ""),
                "schedule": str(webhook.schedule_id or ""),
                "below": webhook.below,
                "is_enabled": webhook.target.is_enabled,
            }
        super().__init__(data, initial=initial)
        self.integrations = {str(one.pk): one for one in integrations}
        self.schedules = {str(one.pk): one for one in schedules}
        self._field("integration").choices = [("", "Every integration"), *((key, str(one)) for key, one in self.integrations.items())]
        shown = [(key, _told_apart(one, organization)) for key, one in self.schedules.items()]
        self._field("schedule").choices = [("", "Whoever starts them"), *shown]
        if not self.schedules:
            del self.fields["schedule"]
        if webhook is None:
            del self.fields["is_enabled"]

    def _field(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        if not isinstance(field, forms.ChoiceField):
            raise TypeError(name)
        return field

    @property
    def values(self) -> dict[str, Any]:
        """As the service takes them."""
        given = self.cleaned_data
        found = {
            "name": given["name"],
            "url": given["url"],
            "heard": given["heard"],
            "below": given["below"],
            "integration": self.integrations.get(given["integration"]),
            "schedule": self.schedules.get(given.get("schedule", "")),
        }
        return found | ({"is_enabled": given["is_enabled"]} if "is_enabled" in given else {})


def _told_apart(schedule: Schedule, here: Organization) -> str:
    """A schedule with its rhythm, since many have the name of their action; with its organization where that is another one."""
    parts = [schedule.timing.in_words, *([str(schedule.organization)] if schedule.organization != here else [])]
    return f"{schedule} ({', '.join(parts)})"
