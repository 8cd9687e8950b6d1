"""From an API document to a draft integration with its actions."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from actions import linting, services
from connections.transport import Outgoing, Transport, TransportError
from integrations import openapi
from integrations import services as integrations
from integrations.definition import absolute_url
from integrations.models import Integration, Organization, User
from integrations.refusals import Invalid

DESCRIPTION_LENGTH = 2000  # a document's description can be a manual; a tile and a header show its beginning


_WEB_PAGE = re.compile(rb"\s*(<!doctype\s+html|<html|<head|<body)", re.IGNORECASE)


@dataclass(frozen=True)
class Report:
    """What an import did, for the page and the API."""

    integration: Integration
    version: str
    operations: int
    findings: list[dict[str, Any]]
    repairs: list[dict[str, Any]]
    linter: dict[str, str]


def named(linter: openapi.Linter) -> dict[str, str]:
    """A linter as the API shows it: {"name"}, with its version if it has one of its own."""
    return {"name": linter.name, **({"version": linter.version} if linter.version else {})}


def parse(data: bytes, *, source_url: str = "") -> openapi.Imported:
    """Read a document within the limits of this installation. Raises `Invalid` on the field `document`."""
    try:
        return openapi.read(
            data,
            source_url=source_url,
            limits=openapi.Limits(max_bytes=settings.IMPORT_MAX_BYTES),
            plain_http=_may_be_plain,
            linter=linting.run,
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


def fetch(url: str) -> bytes:
    """The document at a URL. Raises `Invalid` on the field `url` with what went wrong."""
    try:
        absolute_url(url)
        with Transport() as transport:
            answer = transport.send(Outgoing("GET", url, [("Accept", "application/json, application/yaml, */*;q=0.5")]))
    except ValueError as error:
        raise Invalid({"url": [str(error)]}) from None
    except TransportError as error:
        raise Invalid({"url": [error.message]}) from None
    status = answer.status
    if status in (401, 403):
        raise _refused_url(f"The server wants a sign-in for this URL (status {status}). Download the file in your browser and upload it.")
    if status in (404, 410):
        raise _refused_url(f"There is nothing at this URL (status {status}). Check its spelling, or look for the link to the document.")
    if status != 200:
        raise _refused_url(
            f"The server answered {status} {answer.reason}".strip() + ". Check the URL, or download the document and upload it here."
        )
    if not answer.body.strip():
        raise _refused_url("The server answered with nothing. Check the URL, or download the document and upload it here.")
    if answer.content_type in ("text/html", "application/xhtml+xml") or _WEB_PAGE.match(answer.body):
        raise _refused_url(
            "This URL leads to a web page, not to the document itself. Documentation pages often link to it as openapi.json, "
            "openapi.yaml or swagger.json: give the URL of that link."
        )
    return answer.body


def _refused_url(sentence: str) -> Invalid:
    return Invalid({"url": [sentence]})


def import_document(*, data: bytes, organization: Organization, user: User, source: str = "", source_url: str = "") -> Report:
    """Make a draft of everything that the document knows. `source` is the file name or URL, shown with the revision."""
    found = parse(data, source_url=source_url)
    findings, repairs = [asdict(item) for item in found.findings], [asdict(item) for item in found.repairs]
    with transaction.atomic():
        integration = integrations.create(
            organization=organization,
            user=user,
            name=tidy_name(found.title),
            description=found.description[:DESCRIPTION_LENGTH].strip(),
            definition=found.definition,
        )
        draft = integration.working
        draft.source, draft.findings, draft.repairs, draft.linter = source[:2000], findings, repairs, named(found.linter)
        draft.save(update_fields=["source", "findings", "repairs", "linter"])
        count = services.add_all(revision=draft, operations=found.operations)
    return Report(integration, found.version, count, findings, repairs, draft.linter)


def _may_be_plain(url: str) -> bool:
    try:
        return not integrations.plain_http_problem(url)
    except ValueError:
        return False


def tidy_name(title: str) -> str:
    """A document's title as an integration's name: without special characters, never empty, at most as long as allowed."""
    plain = re.sub(r"[^\w .,\-&'()+/:!]", " ", title).replace("_", " ")
    return " ".join(plain.split())[: integrations.NAME_LENGTH].strip(" .") or "Imported API"
