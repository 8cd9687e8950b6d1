"""Small documents for the tests of the import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from integrations.openapi import Finding, Imported, read

SPECS = Path(__file__).parents[2] / "specs"


def sample(name: str) -> bytes:
    """One of our own documents in tests/specs."""
    return (SPECS / name).read_bytes()


def openapi(paths: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A document without faults, apart from what the test puts in."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Test", "description": "For a test.", "version": "1"},
        "servers": [{"url": "https://api.example.com"}],
        "paths": paths,
        "security": [{"key": []}],
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}},
        **parts,
    }


def get(operation_id: str = "go", **parts: Any) -> dict[str, Any]:
    """A path item with one GET."""
    return {"get": {"operationId": operation_id, "description": "For a test.", "responses": {"200": {"description": "OK"}}, **parts}}


def answer(schema: dict[str, Any]) -> dict[str, Any]:
    """The responses of an operation that answers JSON."""
    return {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}}


def imported(document: dict[str, Any], source_url: str = "") -> Imported:
    return read(json.dumps(document).encode(), source_url=source_url)


def findings(result: Imported) -> list[Finding]:
    """The findings without those about structure, which have tests of their own: the documents here show one fault and leave out much."""
    return [finding for finding in result.findings if finding.rule not in ("oas2-schema", "oas3-schema")]


def rules(result: Imported) -> list[str]:
    return [finding.rule for finding in findings(result)]


def repaired(result: Imported) -> list[tuple[str, Any, Any]]:
    return [(repair.rule, repair.before, repair.after) for repair in result.repairs]
