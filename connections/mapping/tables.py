"""What can be done with a mapping: set up where options come from, map organizations, import and export. Says no with a `Refusal`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Items
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, FilteredRelation, Q, QuerySet

from connections.mapping import csv_files, options
from connections.mapping.matching import Matcher
from connections.mapping.models import MappedOrganization, Mapping
from connections.models import Connection
from integrations import audit, paths
from integrations.models import Integration, Organization, User
from integrations.organizations.choices import named
from integrations.refusals import Conflict, Invalid

SHOWN_ERRORS: Final = 50  # lines of an import that are told of
Source = Mapping.Source


@dataclass
class Saved:
    """How many organizations were mapped anew or otherwise, and how many are mapped no more."""

    mapped: int = 0
    cleared: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        parts = [f"{self.mapped:,} mapped"]
        parts += [f"{self.cleared:,} no longer mapped"] if self.cleared else []
        parts += [f"{self.unchanged:,} as before"] if self.unchanged else []
        return ", ".join(parts)


@dataclass
class Suggestions:
    """For each organization that has none yet: the option that fits and its score, or the several that fit equally well. A single one
    that is ambiguous fits several organizations equally well."""

    clear: dict[UUID, tuple[str, str, int]] = field(default_factory=dict)
    ambiguous: dict[UUID, list[options.Pair]] = field(default_factory=dict)
    none: int = 0


def mapping_of(organization: Organization, integration: Integration) -> Mapping:
    """The mapping of an organization for an integration; one that is not stored where nothing was ever set up or mapped."""
    rows = Mapping.objects.filter(organization=organization, integration=integration)
    return rows.select_related("connection", "organization", "integration").first() or Mapping(
        organization=organization, integration=integration
    )


def children(mapping: Mapping, text: str = "", *, unmapped: bool = False) -> QuerySet[Any]:
    """The organizations below, by name, each with `value` and `label` (None where it is not mapped). `text` is looked for in name and slug."""
    below = Organization.objects.below([mapping.organization]).exclude(pk=mapping.organization.pk)
    rows: QuerySet[Any] = named(below, text).annotate(
        mine=FilteredRelation("mapped_in", condition=Q(mapped_in__mapping=mapping.pk)), value=F("mine__value"), label=F("mine__label")
    )
    return (rows.filter(value=None) if unmapped else rows).select_related("parent").order_by("name", "pk")


def set_up(
    *,
    mapping: Mapping,
    source: Any,
    connection: Connection | None = None,
    action: UUID | None = None,
    inputs: Any = None,
    value_path: Any = "id",
    label_path: Any = "name",
    listed: Iterable[options.Pair] | None = None,
) -> Mapping:
    """Say where the options come from. `listed` are those of a list; None leaves them as they are. Raises `Invalid`.

    That the action can be run has been checked by the caller, who knows actions.
    """
    values = _checked_source(mapping, source, connection, action, inputs, value_path, label_path)
    with transaction.atomic():
        mapping = stored(mapping)
        before = facts(mapping)
        if values["source"] != mapping.source:
            values |= {"batch": None, "option_count": 0, "refreshed_at": None}
        if any(getattr(mapping, name) != value for name, value in values.items()):
            values |= {"state": Mapping.State.IDLE, "message": "", "run": None}
        for name, value in values.items():
            setattr(mapping, name, value)
        mapping.save(update_fields=list(values))
        _record(mapping, "mapping set up", before=before, after=facts(mapping))
        if listed is not None and source == Source.LIST:
            options.replace(mapping, listed, message="")
    return mapping


def stored(mapping: Mapping) -> Mapping:
    """The row as it is now, held until the transaction ends; made where there is none."""
    organization = Organization.objects.select_for_update(no_key=True).get(pk=mapping.organization.pk)
    found = Mapping.objects.select_for_update(of=("self",)).select_related("organization", "integration", "connection")
    row = found.filter(organization=organization, integration=mapping.integration).first()
    return row or Mapping.objects.create(organization=organization, integration=mapping.integration)


def facts(mapping: Mapping) -> dict[str, Any]:
    """What the log keeps of where the options come from."""
    return {
        "source": mapping.source,
        "connection": mapping.connection.name if mapping.connection else None,
        "action": str(mapping.action) if mapping.action else None,
        "valuePath": mapping.value_path,
        "labelPath": mapping.label_path,
    }


def save(*, mapping: Mapping, changes: Items[UUID, options.Pair], user: User | None) -> Saved:
    """Map organizations below to (value, label) each; an empty value takes the mapping away, and whoever is not named stays as it is.

    All or nothing. Where there are options the label is that of the option. Raises `Invalid` with sentences by `mappings.<id>`.
    """
    result = Saved()
    with transaction.atomic():
        mapping = stored(mapping)
        names = dict(children(mapping).filter(pk__in=list(changes)).values_list("pk", "name"))
        old = {row.organization_id: row for row in MappedOrganization.objects.filter(mapping=mapping, organization__in=list(changes))}
        wanted = {key: (" ".join(value.split()), " ".join(label.split())) for key, (value, label) in changes.items()}
        new = {key: pair for key, pair in wanted.items() if key not in old or (old[key].value, old[key].label) != pair}
        has_options = mapping.source != Source.TYPED
        known = options.labels(mapping, (value for value, _ in new.values())) if has_options else {}
        errors: dict[str, list[str]] = {}
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        rows: list[MappedOrganization] = []
        gone: list[int] = []
        for key, (value, label) in wanted.items():
            row = old.get(key)
            where = f"mappings.{key}"
            if key not in names:
                errors[where] = [f"There is no such organization below {mapping.organization}."]
                continue
            if not value:
                if row:
                    before[names[key]], after[names[key]] = row.value, None
                    gone.append(row.pk)
                result.cleared += row is not None
                result.unchanged += row is None
                continue
            if has_options and not (row and row.value == value) and value not in known:
                errors[where] = [f"{value[:80]} is not among the options. Choose one of them, or refresh them if it is new at the vendor."]
                continue
            called = known.get(value, row.label if row and has_options else label)
            if problem := options.problem_of(value, called):
                errors[where] = [problem]
                continue
            if row and (row.value, row.label) == (value, called):
                result.unchanged += 1
                continue
            before[names[key]], after[names[key]] = row.value if row else None, value
            rows.append(MappedOrganization(mapping=mapping, organization_id=key, value=value, label=called, updated_by=user))
        if errors:
            raise Invalid(errors)
        result.mapped = len(rows)
        MappedOrganization.objects.filter(pk__in=gone).delete()
        MappedOrganization.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["mapping", "organization"],
            update_fields=["value", "label", "updated_by", "updated_at"],
            batch_size=500,
        )
        if after:
            _record(mapping, "mapped", before=before, after=after)
    return result


def suggest(*, mapping: Mapping, text: str = "") -> Suggestions:
    """What fits the names of the organizations that are not mapped; nothing is saved. Raises `Conflict` where there are no options."""
    rows = list(options.options_of(mapping).values_list("value", "label"))
    if not rows:
        raise Conflict("There is nothing to suggest from. Set up where the options come from, and refresh them.")
    matcher = Matcher([label for _, label in rows])
    taken = set(children(mapping).exclude(value=None).values_list("value", flat=True))
    found = Suggestions()
    for key, name in children(mapping, text, unmapped=True).values_list("pk", "name"):
        best = matcher.suggest(name)
        # Who is another organization already is hardly this one as well.
        match [rows[number] for number in best.options if rows[number][0] not in taken]:
            case []:
                found.none += 1
            case [only]:
                found.clear[key] = (*only, best.score)
            case several:
                found.ambiguous[key] = several
    _keep_the_best(found)
    return found


def _keep_the_best(found: Suggestions) -> None:
    """Of several organizations that an option fits, only the one that it fits best has it suggested; where they are equal, none has."""
    by_value: dict[str, list[UUID]] = {}
    for key, (value, _, _) in found.clear.items():
        by_value.setdefault(value, []).append(key)
    for keys in by_value.values():
        best = max(found.clear[key][2] for key in keys)
        first = [key for key in keys if found.clear[key][2] == best]
        for key in keys:
            if len(first) == 1 and key == first[0]:
                continue
            value, label, score = found.clear.pop(key)
            if score == best:
                found.ambiguous[key] = [(value, label)]
            else:
                found.none += 1


def export(mapping: Mapping) -> Iterator[str]:
    """The mapping as lines of a CSV file, those included that are not mapped yet."""
    rows = children(mapping).values_list("slug", "name", "value", "label")
    return csv_files.written((slug, name, value or "", label or "") for slug, name, value, label in rows.iterator(chunk_size=1000))


def import_csv(*, mapping: Mapping, data: bytes, user: User | None) -> Saved:
    """Map by the lines of a file as `export` writes it. All or nothing. Raises `Invalid` with sentences by `line <number>`."""
    try:
        lines = csv_files.read_rows(data)
    except csv_files.CsvError as error:
        raise Invalid({"file": [str(error)]}) from None
    if not lines:
        raise Invalid({"file": ["The file has no line below its heads, so nothing would change."]})
    found = _Children(mapping)
    errors: dict[str, list[str]] = {}
    changes: dict[UUID, options.Pair] = {}
    at: dict[UUID, int] = {}
    for row in lines:
        try:
            key = found.key_of(row)
        except ValueError as error:
            errors[f"line {row.line}"] = [str(error)]
            continue
        if key in at:
            errors[f"line {row.line}"] = [f"{row.organization or row.name} stands in line {at[key]} already. Keep one of them."]
            continue
        at[key] = row.line
        changes[key] = (row.value, found.label_of(key, row.value) if row.label is None else row.label)
    try:
        with transaction.atomic():
            saved = save(mapping=mapping, changes=changes, user=user)
            if errors:
                raise Invalid({})
    except Invalid as refusal:
        for where, sentences in refusal.errors.items():
            errors[f"line {at[UUID(where.removeprefix('mappings.'))]}"] = sentences
        raise Invalid(_first(errors)) from None
    return saved


class _Children:
    """The organizations below, found by what a line names: the slug, else the id, else the name where only one has it."""

    def __init__(self, mapping: Mapping) -> None:
        self._owner = mapping.organization
        self._by_slug: dict[str, UUID] = {}
        self._by_name: dict[str, list[UUID]] = {}
        self._stored: dict[UUID, options.Pair] = {}
        for key, slug, name, value, label in children(mapping).values_list("pk", "slug", "name", "value", "label"):
            self._by_slug[slug] = self._by_slug[str(key)] = key
            self._by_name.setdefault(" ".join(name.casefold().split()), []).append(key)
            self._stored[key] = (value or "", label or "")

    def key_of(self, row: csv_files.Row) -> UUID:
        if row.organization:
            if found := self._by_slug.get(row.organization.lower()):
                return found
            raise ValueError(f"There is no organization “{row.organization[:80]}” below {self._owner}. Use its slug, as the export has it.")
        several = self._by_name.get(row.name.casefold(), [])
        if not row.name:
            raise ValueError("The line names no organization.")
        if not several:
            raise ValueError(f"There is no organization named “{row.name[:80]}” below {self._owner}.")
        if len(several) > 1:
            raise ValueError(f"{len(several)} organizations are named {row.name[:80]}. Add a column organization with the slug.")
        return several[0]

    def label_of(self, key: UUID, value: str) -> str:
        """The label that is stored with this value; a file without labels changes none."""
        stored, label = self._stored[key]
        return label if stored == value else ""


def _first(errors: dict[str, list[str]]) -> dict[str, list[str]]:
    """The first lines with errors, in the order of the file, and how many there are."""
    ordered = dict(sorted(errors.items(), key=lambda item: int(item[0].partition(" ")[2])))
    shown = dict(list(ordered.items())[:SHOWN_ERRORS])
    if len(ordered) > len(shown):
        shown["file"] = [f"{len(ordered) - len(shown):,} more lines have something wrong."]
    return shown


def list_as_text(mapping: Mapping) -> str:
    """The options as text that `parsed_list` reads."""
    return csv_files.written_options(options.options_of(mapping).values_list("value", "label"))


def parsed_list(data: bytes) -> list[options.Pair]:
    """A list of options from CSV. Raises `Invalid` with sentences by `line <number>`."""
    try:
        lines = csv_files.read_options(data)
    except csv_files.CsvError as error:
        raise Invalid({"options": [str(error)]}) from None
    errors = {f"line {line}": [problem] for line, value, label in lines if (problem := options.problem_of(value, label))}
    if errors:
        raise Invalid(_first(errors))
    return [(value, label) for _, value, label in lines]


def _checked_source(
    mapping: Mapping, source: Any, connection: Connection | None, action: UUID | None, inputs: Any, value_path: Any, label_path: Any
) -> dict[str, Any]:
    errors: dict[str, list[str]] = {}
    if source not in Source.values:
        errors["source"] = [f"Use one of: {', '.join(Source.values)}."]
    if connection and (connection.integration_id, connection.organization_id) != (mapping.integration.pk, mapping.organization.pk):
        errors["connection"] = [f"Choose a connection of {mapping.organization} to {mapping.integration}."]
    values = {"source": source, "connection": connection}
    if source == Source.ACTION:
        if action is None:
            errors["action"] = ["Choose the action that lists the vendor's customers."]
        if not isinstance(inputs or {}, dict):
            errors["inputs"] = ["Enter an object of values by parameter name."]
        for name, path in (("valuePath", value_path), ("labelPath", label_path)):
            if problem := _path_problem(path):
                errors[name] = [problem]
        values |= {"action": action, "inputs": inputs or {}, "value_path": str(value_path).strip(), "label_path": str(label_path).strip()}
    if errors:
        raise Invalid(errors)
    return values


def _path_problem(path: Any) -> str:
    if not isinstance(path, str) or not path.strip():
        return "Enter the path, for example id or company.name."
    if len(path) > 500:
        return "At most 500 characters."
    try:
        paths.check(path.strip())
    except ValueError as error:
        return str(error)
    return ""


def _record(mapping: Mapping, verb: str, **values: Any) -> None:
    audit.record(
        kind=audit.Kind.CONNECTION,
        verb=verb,
        subject=mapping,
        organization=mapping.organization,
        name=f"{mapping.integration}: organizations and customers",
        **values,
    )
