"""`manage.py import_openapi FILE [--json] [--dry-run]`: import a document, or only say what an import would find, how long it took and
how much memory the process has had at most.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actions import fetching, importing, undoing
from integrations import openapi
from integrations.models import Organization, Role, User
from integrations.refusals import Refusal


class Command(BaseCommand):
    help = "Import an OpenAPI or Swagger document as a draft integration. Exit code 1, with the reason, when it cannot be imported."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "file", help="the document, JSON or YAML, or a zip archive of all its files; a URL is fetched, - reads standard input"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        parser.add_argument("--dry-run", action="store_true", help="read and report, write nothing")
        parser.add_argument("--organization", help="slug of the owner (default: the oldest organization at the top)")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            document = _read(options["file"])
            report = _look(document) if options["dry_run"] else self._import(document, options["organization"])
        except Refusal as refusal:
            report = {"error": refusal.message}
        report |= {"seconds": round(time.monotonic() - started, 3), "peakMemoryMb": _peak_memory()}
        if "error" in report:
            self._fail(report, as_json=options["json"])
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False, default=str))
        else:
            self._print(report)

    def _import(self, document: _Given, slug: str | None) -> dict[str, Any]:
        organizations = Organization.objects.filter(slug=slug) if slug else Organization.objects.filter(parent=None)
        organization = organizations.order_by("created_at").first()
        user = User.objects.filter(memberships__organization=organization, memberships__role__in=Role.at_least(Role.BUILDER)).first()
        if organization is None or user is None:
            raise CommandError(
                "There is no such organization with a builder. Run `manage.py bootstrap` first, or name another --organization."
            )
        made = importing.import_document(
            data=document.data,
            organization=organization,
            user=user,
            source=document.name,
            source_url=document.url,
            notes=document.notes,
        )
        return {
            "integration": {"id": str(made.integration.pk), "slug": made.integration.slug, "name": made.integration.name},
            "version": made.version,
            "operations": made.operations,
            "linter": made.linter,
            "findings": made.findings,
            "repairs": [_shown(row) for row in made.repairs],
        }

    def _print(self, report: dict[str, Any]) -> None:
        linter = " ".join(report["linter"].values())
        cost = f"{report['seconds']} s, at most {report['peakMemoryMb']} MB of memory"
        self.stdout.write(f"OpenAPI {report['version']}, {report['operations']} operations, {cost}, linted by {linter}")
        for finding in report["findings"]:
            self.stdout.write(
                f"  {finding['severity']}: {finding['rule']} at {finding['pointer'] or '/'}: {finding['message']} {finding['remedy']}"
            )
        for repair in report["repairs"]:
            self.stdout.write(f"  repaired: {repair['rule']} at {repair['pointer'] or '/'}: {repair['message']}")
        integration = report["integration"]
        self.stdout.write(f"Draft {integration['slug']} was made." if integration.get("slug") else "Nothing was written (--dry-run).")

    def _fail(self, report: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
            sys.exit(1)
        raise CommandError(report["error"])


@dataclass(frozen=True)
class _Given:
    """The document, the name of its file or its URL, and findings about the way to it."""

    data: bytes
    name: str
    url: str = ""
    notes: tuple[openapi.Finding, ...] = ()


def _read(name: str) -> _Given:
    if name == "-":
        return _Given(sys.stdin.buffer.read(), "Standard input")
    if name.lower().startswith(("https://", "http://")):
        fetched = fetching.fetch(name)
        return _Given(fetched.data, fetched.url, fetched.url, fetched.findings)
    path = Path(name)
    try:
        importing.check_size(path.stat().st_size)
        return _Given(path.read_bytes(), path.name)
    except OSError as error:
        raise Refusal(f"{name} cannot be read: {error.strerror}.") from None


def _peak_memory() -> float:
    """The most memory that this process has had resident, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024), 1)


def _look(document: _Given) -> dict[str, Any]:
    found = importing.parse(document.data, name="" if document.url else document.name, source_url=document.url)
    return {
        "integration": {"name": importing.tidy_name(found.title)},
        "version": found.version,
        "operations": len(found.operations),
        "linter": importing.named(found.linter),
        "findings": [asdict(item) for item in (*document.notes, *found.findings)],
        "repairs": [_shown(item) for item in found.repairs],
    }


def _shown(row: undoing.Row | openapi.Repair) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("rule", "pointer", "before", "after", "message")}
