"""Encrypt every stored secret with the first key of ENCRYPTION_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from connections.rotation import rotate


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret with the first key of ENCRYPTION_KEYS. Put a new key in front of the old ones, restart, and run "
        "this; it can be stopped and started again at any time, while Junction works. Then the old keys can go."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; say how many secrets an older key still holds")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        done = rotate(check_only=check)
        self.stdout.write(
            f"{done.moved} {'to move' if check else 'moved'} to the first key, {done.current} there already, {done.broken} cannot be opened."
        )
        for sentence in done.sentences:
            self.stderr.write(sentence)
        if done.broken:
            raise CommandError("Some secrets cannot be opened. Put the missing key back into ENCRYPTION_KEYS, or enter them again.")
        if check:
            return
        left = rotate(check_only=True)
        if left.moved or left.broken:
            raise CommandError(f"{left.moved + left.broken} secrets still need an older key. Run this again.")
        self.stdout.write("Verified: every secret opens with the first key. The older keys can be removed.")
