"""Every document of the folder that SPEC_CORPUS names, as its vendor published it: all operations come out, or a clear refusal.

The folder has a manifest.json: a list of {"file", "operations", "why"}; 0 operations means that nothing can be saved.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from integrations.definition import missing
from integrations.openapi import DocumentError, read
from integrations.operation import undeclared

FOLDER = os.environ.get("SPEC_CORPUS", "")
REASON = "SPEC_CORPUS is not set: it names a folder of real API descriptions with a manifest.json, which the project does not contain."

# file -> (operations, reason) where the import rightly gives another number than the manifest.
DIFFERENT: dict[str, tuple[int, str]] = {
    "ppc-ip-giphy.json": (1, "No JSON or YAML reader takes it: a comma is missing, and text follows the end. Both are mended and said."),
}
# What the document is called in its refusal; the rest of the sentence is advice.
REFUSED: dict[str, str] = {
    "swagger-parser-modules-swagger-parser-v3-src-test-resources-billion-laughs-snake.yaml": "The document describes no operation",
}
# Documents whose definition needs nothing more before it can be finalized: part (of the name) -> why they matter.
COMPLETE = ("auvik", "pax8", "huntress", "gitea", "ninjaone", "stripe")


def entries() -> list[dict[str, Any]]:
    if not FOLDER:
        return []
    found: list[dict[str, Any]] = json.loads((Path(FOLDER) / "manifest.json").read_text())
    return found


def cases(*, readable: bool) -> list[Any]:
    chosen = [pytest.param(entry, id=entry["file"]) for entry in entries() if (entry["file"] not in REFUSED) is readable]
    return chosen or [pytest.param(None, id="no-corpus", marks=pytest.mark.skip(reason=REASON))]


@pytest.mark.parametrize("entry", cases(readable=True))
def test_corpus_document_gives_every_operation(entry: dict[str, Any]) -> None:
    result = read((Path(FOLDER) / entry["file"]).read_bytes())
    expected, _ = DIFFERENT.get(entry["file"], (entry["operations"], ""))
    assert len(result.operations) == expected
    assert result.version == (entry["oas_version"] or "2.0")
    assert len({operation.key.lower() for operation in result.operations}) == expected
    assert [operation.key for operation in result.operations if undeclared(operation)] == []
    assert [finding for finding in result.findings if not (finding.message and finding.remedy)] == []
    if any(part in entry["file"] for part in COMPLETE):
        assert missing(result.definition) == []


@pytest.mark.parametrize("entry", cases(readable=False))
def test_corpus_document_that_cannot_be_saved_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(DocumentError) as caught:
        read((Path(FOLDER) / entry["file"]).read_bytes())
    assert str(caught.value).startswith(REFUSED[entry["file"]])
