"""`manage.py import_providers FILE`: make integration templates of a catalogue of providers, and say what could not be expressed.

Exit codes: 0 done, whatever some entries lost; 1 the file cannot be used; 3 no entry could be made a template.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from integrations.providers import CatalogueError, Converted
from integrations.templates import Report, import_catalogue

NOTHING = 3


class Command(BaseCommand):
    help = (
        "Make integration templates of a catalogue of providers (YAML or JSON), saying for each entry what could not be expressed and why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the catalogue; - reads standard input")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument("--dry-run", action="store_true", help="report only; store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        data, source = self.read(options["file"])
        try:
            report = import_catalogue(data, source=source, dry_run=options["dry_run"])
        except CatalogueError as error:
            raise CommandError(f"{source}: {error}") from None
        except DatabaseError as error:
            raise CommandError(f"The templates could not be stored: {error} Run manage.py migrate, or look at DATABASE_URL.") from None
        if options["json"]:
            self.stdout.write(json.dumps(as_json(report, dry_run=options["dry_run"]), indent=2, ensure_ascii=False))
        else:
            self.print(report, dry_run=options["dry_run"])
        if not report.imported:
            raise CommandError("No entry could be made a template.", returncode=NOTHING)

    def read(self, name: str) -> tuple[bytes, str]:
        try:
            return (sys.stdin.buffer.read(), "standard input") if name == "-" else (Path(name).read_bytes(), Path(name).name)
        except OSError as error:
            raise CommandError(f"{name} cannot be read: {error.strerror or error}.") from None

    def print(self, report: Report, *, dry_run: bool) -> None:
        for one in report.entries:
            self.stdout.write(f"{one.key}: {verdict(one)}")
            for kind, notes in (("lost", one.losses), ("note", one.notes)):
                for note in notes:
                    self.stdout.write(f"    {kind}  {note.path + ': ' if note.path else ''}{note.reason}")
        self.stdout.write("")
        self.stdout.write(f"{'method':<20}{'entries':>10}{'nothing lost':>15}{'percent':>10}")
        for mode, found in [*report.totals.items(), ("all known methods", report.total)]:
            self.stdout.write(f"{mode or '(none)':<20}{found['entries']:>10}{found['withoutLoss']:>15}{found['percent']:>10.2f}")
        done = "could be stored" if dry_run else "are stored"
        self.stdout.write(f"{len(report.imported)} of {len(report.entries)} entries {done} as templates.")


def verdict(one: Converted) -> str:
    if one.definition is None:
        return "not imported"
    return f"imported, {len(one.losses)} lost" if one.losses else "imported"


def as_json(report: Report, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dryRun": dry_run,
        "imported": len(report.imported),
        "total": report.total,
        "byMethod": report.totals,
        "entries": [
            {
                "key": one.key,
                "name": one.name,
                "method": one.mode,
                "imported": one.definition is not None,
                "losses": [note.dump() for note in one.losses],
                "notes": [note.dump() for note in one.notes],
            }
            for one in report.entries
        ],
    }
