"""The form of a schedule: that of a run, and before it when it fires."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import available_timezones

from django import forms

from actions.models import Schedule
from actions.pages.run_forms import RunForm
from actions.schedules.timing import LONGEST_MINUTES, Timing

RHYTHMS: Final = (("every", "Every so many minutes"), ("cron", "By a cron expression"))


class ScheduleForm(RunForm):
    """`schedule` is the one that is changed, None for a new one."""

    def __init__(self, *args: Any, schedule: Schedule | None = None, **kwargs: Any) -> None:
        super().__init__(*args, again=schedule, **kwargs)
        timing = schedule.timing if schedule else Timing(minutes=60)
        own = {
            "name": forms.CharField(
                label="Name",
                required=False,
                max_length=200,
                initial=schedule.name if schedule else "",
                help_text="What it is for. Empty: the name of the action.",
            ),
            "rhythm": forms.ChoiceField(
                label="When", choices=RHYTHMS, widget=forms.RadioSelect, initial="cron" if timing.cron else "every"
            ),
            "everyMinutes": forms.IntegerField(
                label="Minutes",
                required=False,
                initial=timing.minutes,
                widget=forms.NumberInput(attrs={"min": 1, "max": LONGEST_MINUTES}),
                help_text="60 is every hour, 1440 every day, 10080 every week. Counted from the moment you save.",
            ),
            "cron": forms.CharField(
                label="Cron expression",
                required=False,
                initial=timing.cron,
                widget=forms.TextInput(attrs={"class": "mono", "placeholder": "0 6 * * 1-5", "autocomplete": "off", "spellcheck": "false"}),
                help_text="Minute, hour, day of the month, month, day of the week: 0 6 * * 1-5 is six o'clock from Monday to Friday.",
            ),
            "timezone": forms.ChoiceField(
                label="Time zone", required=False, choices=[(name, name) for name in _zones(timing.zone)], initial=timing.zone
            ),
        }
        self.fields = {**own, **self.fields}

    @property
    def timing(self) -> Timing:
        """As it was entered; whether it is a time is said by the service."""
        values = self.cleaned_data
        if values["rhythm"] == "cron":
            return Timing(cron=" ".join(values["cron"].split()) or " ", zone=values["timezone"] or "UTC")
        return Timing(minutes=values["everyMinutes"] or 0)


def _zones(present: str) -> list[str]:
    return ["UTC", *sorted((available_timezones() | {present}) - {"UTC"})]
