"""The table of docs/documents.md: what an import makes of every document in a folder.

    SPEC_CORPUS=../specs .venv/bin/python -m benchmarks.documents > docs/documents.md

The folder has a manifest.json: a list of {"file", "operations", "source": {"repo"}, …}.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

from integrations.openapi import DocumentError, read

HEAD = """# Documents that were tried

What an import makes of real API descriptions, as their vendors publish them. "Expected" is the number of operations that
a count by hand or by another program gave; findings are listed as errors / warnings / notes. The documents belong to their
authors and are not part of this project; `benchmarks/documents.py` makes this table from a folder of them.

| document | from | version | expected | actions | findings | repairs |
| --- | --- | --- | ---: | ---: | ---: | ---: |
"""


def main() -> None:
    folder = os.environ.get("SPEC_CORPUS")
    if not folder:
        sys.exit("Set SPEC_CORPUS to a folder of API descriptions with a manifest.json.")
    print(HEAD, end="")
    for entry in json.loads((Path(folder) / "manifest.json").read_text()):
        source = entry.get("source", {})
        where = source.get("repo") or source.get("package") or source.get("kind", "")
        print(f"| {entry['file']} | {where} | {row((Path(folder) / entry['file']).read_bytes(), entry)} |")


def row(data: bytes, entry: dict[str, object]) -> str:
    """The cells behind the name of a document."""
    try:
        found = read(data)
    except DocumentError as error:
        return f"{entry.get('oas_version') or ''} | {entry['operations']} | refused: {error} | | "
    counts = Counter(finding.severity for finding in found.findings)
    findings = " / ".join(str(counts[severity]) for severity in ("error", "warning", "info"))
    return f"{found.version} | {entry['operations']} | {len(found.operations)} | {findings} | {len(found.repairs)}"


if __name__ == "__main__":
    main()
