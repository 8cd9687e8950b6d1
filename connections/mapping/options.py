"""The customers of a vendor that can be chosen: replace them as a whole, search them, check what was chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from connections.mapping.matching import folded
from connections.mapping.models import LABEL_LENGTH, VALUE_LENGTH, Mapping, MappingOption
from integrations.refusals import Invalid
from integrations.storable import flaw

MAX_OPTIONS: Final = 100_000
BATCH: Final = 1000  # rows written in one transaction, so that nobody waits long for the database
FOUND: Final = 20
Pair = tuple[str, str]


def options_of(mapping: Mapping) -> Any:
    """The options that count, in their order; none where there never were any."""
    return MappingOption.objects.filter(mapping=mapping, batch=mapping.batch) if mapping.batch else MappingOption.objects.none()


def search(mapping: Mapping, text: str) -> Any:
    """Options with every word of the text in their value or label, whatever its case and accents."""
    rows = options_of(mapping)
    for word in folded(text).split()[:10]:
        rows = rows.filter(folded__contains=word)
    return rows


def found(mapping: Mapping, text: str, limit: int = FOUND) -> list[MappingOption]:
    """The first options for a text: the one with exactly this value before all others."""
    rows = list(search(mapping, text)[:limit])
    exact = options_of(mapping).filter(value=text.strip()).first() if text.strip() else None
    return [exact, *(row for row in rows if row.pk != exact.pk)][:limit] if exact else rows


def labels(mapping: Mapping, values: Iterable[str]) -> dict[str, str]:
    """The labels of those of the values that are options."""
    wanted = list(dict.fromkeys(filter(None, values)))
    known: dict[str, str] = {}
    for start in range(0, len(wanted), BATCH):
        known |= dict(options_of(mapping).filter(value__in=wanted[start : start + BATCH]).values_list("value", "label"))
    return known


def problem_of(value: str, label: str) -> str:
    """What is wrong with an option, "" if nothing."""
    if not value:
        return "The value is empty."
    if len(value) > VALUE_LENGTH:
        return f"A value has at most {VALUE_LENGTH} characters; this one has {len(value):,}."
    if len(label) > LABEL_LENGTH:
        return f"A label has at most {LABEL_LENGTH} characters; this one has {len(label):,}."
    return flaw([value, label]) or ""


def replace(mapping: Mapping, pairs: Iterable[Pair], *, only_if: dict[str, Any] | None = None, **changes: Any) -> int | None:
    """Put these in place of all options, and change the mapping along; how many there are. Values that come twice count once.

    Readers see the old list until the new one is whole. With `only_if` nothing is replaced, and None comes back, where the
    mapping is no longer as it says. Raises `Invalid` for more than MAX_OPTIONS.
    """
    batch, seen, waiting = uuid4(), set[str](), list[MappingOption]()
    try:
        for value, label in pairs:
            if value in seen:
                continue
            seen.add(value)
            if len(seen) > MAX_OPTIONS:
                raise Invalid(
                    {"options": [f"There are more than {MAX_OPTIONS:,} options. Narrow the list down, with an input of the action."]}
                )
            waiting.append(
                MappingOption(
                    mapping=mapping,
                    batch=batch,
                    position=len(seen),
                    value=value,
                    label=label,
                    folded=f"{folded(value)} {folded(label)}"[:1000],
                )
            )
            if len(waiting) == BATCH:
                MappingOption.objects.bulk_create(waiting)
                waiting = []
        MappingOption.objects.bulk_create(waiting)
    except BaseException:  # also the end of the process: half a batch would stay. It is raised again, and logged with the task or request
        MappingOption.objects.filter(mapping=mapping, batch=batch).delete()
        raise
    new = {"batch": batch, "option_count": len(seen), "refreshed_at": timezone.now(), **changes}
    if not Mapping.objects.filter(pk=mapping.pk, **(only_if or {})).update(**new):
        MappingOption.objects.filter(mapping=mapping, batch=batch).delete()
        return None
    with transaction.atomic():
        # The new labels count from now on; what is no longer among the options stays as it was.
        MappingOption.objects.filter(mapping=mapping).exclude(batch=batch).delete()
    for field, value in new.items():
        setattr(mapping, field, value)
    return len(seen)
