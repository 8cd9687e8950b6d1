"""Templates: importing catalogues, and starting integrations from what came of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations import services
from integrations.models import Integration, IntegrationTemplate, Organization, User
from integrations.models.integration import LABEL_LENGTH
from integrations.providers import MODES, Converted, convert, read
from integrations.refusals import Invalid

_KEY_LENGTH = 200
_FINE_IN_NAMES = frozenset(" .,-_&'()+/:!®™")


@dataclass(frozen=True)
class Report:
    """What came of a catalogue: an entry each, and for each method how many say everything that their entries say."""

    entries: list[Converted] = field(default_factory=list)

    @property
    def imported(self) -> list[Converted]:
        return [one for one in self.entries if one.definition is not None]

    @property
    def totals(self) -> dict[str, dict[str, Any]]:
        """By method of authentication: entries, those without a loss, their share in percent."""
        number = Counter(one.mode for one in self.entries)
        whole = Counter(one.mode for one in self.imported if not one.losses)
        return {mode: _share(number[mode], whole[mode]) for mode in sorted(number, key=lambda mode: (-number[mode], mode))}

    @property
    def total(self) -> dict[str, Any]:
        """The same for all entries of the methods that Junction knows."""
        known = [one for one in self.entries if one.mode in MODES]
        return _share(len(known), sum(one.definition is not None and not one.losses for one in known))


def _share(entries: int, whole: int) -> dict[str, Any]:
    return {"entries": entries, "withoutLoss": whole, "percent": round(100 * whole / entries, 2) if entries else 100.0}


def import_catalogue(data: bytes, *, source: str, dry_run: bool = False) -> Report:
    """Make templates of a catalogue; those of its keys that are there already are replaced. Raises `CatalogueError`."""
    entries: list[Converted] = []
    for key, values in read(data).items():
        if isinstance(values, str):
            broken = Converted(key, key, "")
            broken.lose(values)
            entries.append(broken)
        else:
            entries.append(convert(key, values))
    report = Report(entries)
    if not dry_run:
        _store(report, source)
    return report


def _store(report: Report, source: str) -> None:
    moment = timezone.now()
    rows = [
        IntegrationTemplate(
            key=one.key[:_KEY_LENGTH],
            name=one.name,
            category_marks=IntegrationTemplate.marked(one.categories),
            content=one.definition.dump(),
            losses=[note.dump() for note in one.losses],
            notes=[note.dump() for note in one.notes],
            source=source[:500],
            imported_at=moment,
        )
        for one in report.imported
        if one.definition is not None
    ]
    with transaction.atomic():
        IntegrationTemplate.objects.bulk_create(
            rows,
            batch_size=200,
            update_conflicts=True,
            unique_fields=["key"],
            update_fields=["name", "category_marks", "content", "losses", "notes", "source", "imported_at"],
        )


def start(*, template: IntegrationTemplate, organization: Organization, user: User, name: str = "") -> Integration:
    """A draft integration with the template's definition. Raises `Invalid` where this installation could not call it."""
    try:
        integration = services.create(
            organization=organization,
            user=user,
            name=name.strip() or name_of(template),
            definition=template.definition,
            category=(template.categories or [""])[0][:LABEL_LENGTH],
        )
    except Invalid as refusal:
        if "name" in refusal.errors:
            raise
        sentences = [sentence for found in refusal.errors.values() for sentence in found]
        raise Invalid({"template": sentences}) from None
    integration.revisions.update(source=f"Template {template.name}"[:2000])
    return integration


def name_of(template: IntegrationTemplate) -> str:
    """The template's name as an integration can have it."""
    name = "".join(char if char.isalnum() or char in _FINE_IN_NAMES else " " for char in template.name)
    return " ".join(name.split())[: services.NAME_LENGTH].strip() or template.key[: services.NAME_LENGTH]


def categories() -> list[str]:
    """Every category that a template has, by the alphabet."""
    marks = IntegrationTemplate.objects.exclude(category_marks="").values_list("category_marks", flat=True).distinct().order_by()
    return sorted({name for one in marks for name in one.split("|") if name})
