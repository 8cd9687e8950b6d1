"""README keeps up with the settings."""

from __future__ import annotations

import re

from django.conf import settings


def test_every_setting_has_its_row() -> None:
    source = (settings.BASE_DIR / "config/settings.py").read_text()
    read = set(re.findall(r'variable\(\s*"([A-Z_]+)"', source)) | set(re.findall(r'environ\.get\("([A-Z_]+)"', source))
    table = (settings.BASE_DIR / "README.md").read_text().partition("## Settings")[2].partition("## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)} == read
