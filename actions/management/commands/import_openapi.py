"""`manage.py import_openapi FILE [--json] [--dry-run]`: import a document, or only say what an import would find."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from actions import importing, undoing
from integrations import openapi
from integrations.models import Organization, Role, User
from integrations.refusals import Refusal


class Command(BaseCommand):
    help = "Import an OpenAPI or Swagger document as a draft integration. Exit code 1, with the reason, when it cannot be imported."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", help="the document, JSON or YAML, or a zip archive of all its files; - reads standard input")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
        parser.add_argument("--dry-run", action="store_true", help="read and report, write nothing")
        parser.add_argument("--organization", help="slug of the owner (default: the oldest organization at the top)")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        try:
            data = _read(options["file"])
            report = _look(data, Path(options["file"]).name) if options["dry_run"] else self._import(data, options)
        except Refusal as refusal:
            self._fail(refusal.message, as_json=options["json"])
        report["seconds"] = round(time.monotonic() - started, 3)
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False, default=str))
        else:
            self._print(report)

    def _import(self, data: bytes, options: dict[str, Any]) -> dict[str, Any]:
        organizations = (
            Organization.objects.filter(slug=options["organization"])
            if options["organization"]
            else Organization.objects.filter(parent=None)
        )
        organization = organizations.order_by("created_at").first()
        user = User.objects.filter(memberships__organization=organization, memberships__role__in=Role.at_least(Role.BUILDER)).first()
        if organization is None or user is None:
            raise CommandError(
                "There is no such organization with a builder. Run `manage.py bootstrap` first, or name another --organization."
            )
        name = Path(options["file"]).name
        made = importing.import_document(data=data, organization=organization, user=user, source=name)
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
        self.stdout.write(f"OpenAPI {report['version']}, {report['operations']} operations, {report['seconds']} s, linted by {linter}")
        for finding in report["findings"]:
            self.stdout.write(
                f"  {finding['severity']}: {finding['rule']} at {finding['pointer'] or '/'}: {finding['message']} {finding['remedy']}"
            )
        for repair in report["repairs"]:
            self.stdout.write(f"  repaired: {repair['rule']} at {repair['pointer'] or '/'}: {repair['message']}")
        integration = report["integration"]
        self.stdout.write(f"Draft {integration['slug']} was made." if integration.get("slug") else "Nothing was written (--dry-run).")

    def _fail(self, message: str, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"error": message}, ensure_ascii=False))
            sys.exit(1)
        raise CommandError(message)


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    path = Path(name)
    try:
        importing.check_size(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise Refusal(f"{name} cannot be read: {error.strerror}.") from None


def _look(data: bytes, name: str) -> dict[str, Any]:
    found = importing.parse(data, name=name)
    return {
        "integration": {"name": importing.tidy_name(found.title)},
        "version": found.version,
        "operations": len(found.operations),
        "linter": importing.named(found.linter),
        "findings": [asdict(item) for item in found.findings],
        "repairs": [_shown(item) for item in found.repairs],
    }


def _shown(row: undoing.Row | openapi.Repair) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("rule", "pointer", "before", "after", "message")}
