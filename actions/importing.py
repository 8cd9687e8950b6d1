"""From an API document to a draft integration with its actions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from actions import linting, services, undoing
from actions.fetching import Neighbours
from connections.journal import public_url
from connections.transport import Transport
from integrations import openapi
from integrations import services as integrations
from integrations.models import Integration, Organization, Revision, User
from integrations.refusals import Invalid

DESCRIPTION_LENGTH = 2000  # a document's description can be a manual; a tile and a header show its beginning


@dataclass(frozen=True)
class Report:
    """What an import did, for the page and the API."""

    integration: Integration
    version: str
    operations: int
    findings: list[dict[str, Any]]
    repairs: list[undoing.Row]
    linter: dict[str, str]


def named(linter: openapi.Linter) -> dict[str, str]:
    """A linter as the API shows it: {"name"}, with its version if it has one of its own."""
    return {"name": linter.name, **({"version": linter.version} if linter.version else {})}


def limits() -> openapi.Limits:
    """The limits of this installation."""
    return openapi.Limits(
        max_bytes=settings.IMPORT_MAX_BYTES,
        max_operations=settings.IMPORT_MAX_OPERATIONS,
        max_depth=settings.IMPORT_MAX_DEPTH,
        max_alias_expansions=settings.IMPORT_MAX_ALIASES,
        max_files=settings.IMPORT_MAX_FILES,
        seconds=settings.IMPORT_SECONDS,
    )


def parse(
    data: bytes,
    *,
    name: str = "",
    source_url: str = "",
    progress: Callable[[str], None] = lambda phase: None,  # noqa: ARG005
) -> openapi.Imported:
    """Read a document, or a zip archive of one, within the limits of this installation. Raises `Invalid` on the field `document`.

    `name` is that of an uploaded file. With a `source_url` the files beside it that the document refers to are fetched. `progress` is told of
    each phase.
    """
    try:
        if not source_url:
            return openapi.read(data, location=name, limits=limits(), plain_http=_may_be_plain, linter=linting.run, progress=progress)
        with Transport() as transport:
            load = Neighbours(source_url, transport)
            return openapi.read(
                data,
                source_url=source_url,
                load=load,
                limits=limits(),
                plain_http=_may_be_plain,
                linter=linting.run,
                progress=progress,
            )
    except openapi.DocumentError as error:
        raise Invalid({"document": [str(error)]}) from None


def check_size(size: int) -> None:
    """Refuse a document that is larger than this installation reads, before it is read."""
    if size > settings.IMPORT_MAX_BYTES:
        limit = settings.IMPORT_MAX_BYTES // 2**20
        raise Invalid(
            {
                "file": [
                    f"The document has {size / 2**20:.1f} MiB; the limit is {limit} MiB. Split it, or leave out examples and unused parts."
                ]
            }
        )


def import_document(
    *,
    data: bytes,
    organization: Organization,
    user: User,
    source: str = "",
    source_url: str = "",
    notes: Sequence[openapi.Finding] = (),
) -> Report:
    """Make a draft of everything that the document knows. `source` is the file name or URL, shown with the revision; `notes` are
    findings about the way to the document.
    """
    found = parse(data, name="" if source_url else source, source_url=source_url)
    found.findings = [*notes, *found.findings]
    with transaction.atomic():
        draft = begin(found=found, organization=organization, user=user, source=source)
        count = services.add_all(revision=draft, operations=found.operations)
    return Report(draft.integration, found.version, count, draft.findings, undoing.rows(draft), draft.linter)


def begin(*, found: openapi.Imported, organization: Organization, user: User | None, source: str = "") -> Revision:
    """A draft with everything that was read but the operations, which `services.add_all` puts into it."""
    with transaction.atomic():
        integration = integrations.create(
            organization=organization,
            user=user,
            name=tidy_name(found.title),
            description=found.description[:DESCRIPTION_LENGTH].strip(),
            definition=found.definition,
        )
        draft = integration.working
        draft.source, draft.linter = (public_url(source) if "://" in source else source)[:2000], named(found.linter)
        draft.auth_choices = [{"scheme": name[:200], "auth": auth.dump()} for name, auth in found.auth_choices]
        draft.auth_undecided = not found.auth_choices
        draft.findings, draft.repairs = [asdict(item) for item in found.findings], [asdict(item) for item in found.repairs]
        draft.save(update_fields=["source", "findings", "repairs", "linter", "auth_choices", "auth_undecided"])
    return draft


def _may_be_plain(url: str) -> bool:
    try:
        return not integrations.plain_http_problem(url)
    except ValueError:
        return False


def tidy_name(title: str) -> str:
    """A document's title as an integration's name: without special characters, never empty, at most as long as allowed."""
    plain = re.sub(r"[^\w .,\-&'()+/:!]", " ", title).replace("_", " ")
    return " ".join(plain.split())[: integrations.NAME_LENGTH].strip(" .") or "Imported API"
