"""The program of the agent as one file: a zip archive that Python runs, made of the package that this installation has."""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache
from pathlib import Path

import junction_agent

_MAIN = "import sys\n\nfrom junction_agent.__main__ import main\n\nsys.exit(main())\n"
_MOMENT = (2026, 1, 1, 0, 0, 0)  # the same bytes each time


@lru_cache(maxsize=1)
def program() -> bytes:
    """The file. It needs Python 3.11 or newer with the package cryptography."""
    folder = Path(junction_agent.__file__).parent
    content = io.BytesIO()
    content.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"junction_agent/{file.name}", _MOMENT), file.read_bytes(), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("__main__.py", _MOMENT), _MAIN)
    return content.getvalue()
