"""When a schedule fires: every so many minutes, or by a cron expression of five fields in a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from celery.schedules import ParseException, crontab

LONGEST_MINUTES: Final = 31 * 24 * 60
FIELDS: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")


@dataclass(frozen=True)
class Timing:
    """`minutes` from 1 to a month; or `cron` ("" if minutes count) in `zone`, a name of the IANA database such as Europe/Berlin."""

    minutes: int | None = None
    cron: str = ""
    zone: str = "UTC"

    @property
    def fields(self) -> dict[str, str]:
        return dict(zip(FIELDS, self.cron.split(), strict=True))

    @property
    def in_words(self) -> str:
        if self.minutes is None:
            return f"cron {self.cron} ({self.zone})"
        for unit, name in ((1440, "day"), (60, "hour"), (1, "minute")):
            if self.minutes % unit == 0:
                count = self.minutes // unit
                return f"every {name}" if count == 1 else f"every {count} {name}s"
        return ""


def problems(timing: Timing) -> dict[str, str]:
    """What is wrong, a sentence for each of minutes, cron and timezone."""
    if (timing.minutes is None) == (not timing.cron):
        return {"everyMinutes": "Say either every how many minutes it runs, or a cron expression."}
    if timing.minutes is not None:
        fits = 1 <= timing.minutes <= LONGEST_MINUTES
        return {} if fits else {"everyMinutes": f"Enter a whole number from 1 to {LONGEST_MINUTES:,}."}
    found = {}
    try:
        ZoneInfo(timing.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        found["timezone"] = f"{timing.zone[:60]} is no time zone. Write a name such as UTC or Europe/Berlin."
    if sentence := _cron_problem(timing.cron):
        found["cron"] = sentence
    return found


def _cron_problem(cron: str) -> str:
    words = cron.split()
    if len(words) != len(FIELDS):
        return f"A cron expression has five fields: minute, hour, day of the month, month, day of the week. This one has {len(words)}."
    never = f"{cron[:60]!r} never happens. Choose a day that exists."
    try:
        schedule = crontab(**dict(zip(FIELDS, words, strict=True)))
        schedule.remaining_estimate(datetime.now(tz=ZoneInfo("UTC")))
    except RuntimeError:  # no such day within years
        return never
    except (ParseException, ValueError, KeyError, TypeError) as error:
        if "never occurs" in str(error):  # Celery's words, the only sign of it
            return never
        return f"{cron[:60]!r} is no cron expression. 0 6 * * 1-5 is six o'clock from Monday to Friday."
    return ""
