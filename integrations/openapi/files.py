"""The other files of a document: what references such as `schemas/pet.yaml#/Pet` lead to, opened when one first leads there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin

from integrations.openapi.content import content
from integrations.openapi.document import Document
from integrations.openapi.findings import Report, pointer, shortened
from integrations.openapi.limits import DocumentError, Limits

RULE = "resolving-references"
# A reference to another file, in text and in bytes; a path that ends in /$ref, as OData has them, is none, and neither is an object or a
# list (of a property with that name). It starts with a literal, which is found twenty times faster than what stands before it.
_EXTERNAL = re.compile(r"""\$ref(?<!/\$ref)["']?\s*:\s*(?:["'][^"'#\s]|[^"'#\s{\[])""")
_EXTERNAL_BYTES = re.compile(_EXTERNAL.pattern.encode())
_DATA = frozenset({"example", "default", "enum", "const"})  # below these keys stands data, whose $ref refers to nothing
_TOGETHER = "The files of the document together hold more than can be imported. Remove the parts that you do not need and try again."


class Unavailable(Exception):
    """A file that cannot be had. The message says why, `remedy` what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


Load = Callable[[str], bytes]
"""Gives the bytes of the file at a location: a path beside the root, or a URL. Raises Unavailable."""


def absent(location: str) -> bytes:
    """The load of a document that came alone."""
    if "://" in location:
        raise Unavailable(
            f"{location} is on a server, which an upload does not ask; what stands there is missing.",
            "Import the document from its URL, or as one bundled file.",
        )
    raise Unavailable(
        f"The file {location} is not part of this upload; what stands there is missing.",
        "Upload a zip archive of all files of the document, or the document as one bundled file.",
    )


class Files:
    """The files of one document by location. `location` is that of the root, a URL or a path; relative references are resolved
    against it. Paths start with a slash, so that one that was resolved stays what it is.

    All files share the limits of bytes and of values. One that cannot be had or read is a finding at the first reference to it;
    `missing` lists them.
    """

    def __init__(self, report: Report, *, location: str = "", load: Load = absent, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.report, self.load, self.limits = report, load, limits
        self.location = location if "://" in location else f"/{location.lstrip('/') or 'document'}"
        self.missing: list[str] = []
        self._contents: dict[str, Any] = {}
        self._bytes = limits.max_bytes
        self._values = limits.max_values

    def absolute(self, ref: str, base: str = "") -> str:
        """A reference of the file at `base` as the root would write it: `#/…` into the root, `location#/…` into another file."""
        path, _, fragment = ref.partition("#")
        if "://" not in path:
            path = path.replace("\\", "/")
        try:
            location = urljoin(base or self.location, path) if path else base or self.location
        except ValueError:  # a host that is none
            location = path
        if location == self.location:
            return f"#{fragment}"
        return f"{location}#{fragment}" if fragment else location

    def content(self, location: str, where: str) -> Any:
        """What the file at a location holds, its references absolute; None if it cannot be had. `where` is the pointer of the reference."""
        if location not in self._contents:
            if len(self._contents) >= self.limits.max_files:
                raise DocumentError(f"The document refers to more than {self.limits.max_files:,} files. Import it as one bundled file.")
            self.limits.check_time()
            self._contents[location] = self._opened(location, where)
        return self._contents[location]

    def name_absent(self, document: Document) -> None:
        """Report the missing files also of references that the import has no use for. Only for a document that came alone."""
        source = document.source
        found = _EXTERNAL.search(source) if isinstance(source, str) else _EXTERNAL_BYTES.search(source)
        if self.load is absent and found:
            for ref, where in _references(document.root):
                location = self.absolute(ref).partition("#")[0]
                if location:
                    self.content(location, where)

    def _opened(self, location: str, where: str) -> Any:
        name = location.removeprefix("/")
        try:
            data = self.load(name)
        except Unavailable as error:
            self.missing.append(name)
            self.report.find("warning", RULE, where, shortened(str(error), 500), error.remedy)
            return None
        self._bytes -= len(data)
        if self._bytes < 0:
            raise DocumentError(_TOGETHER)
        said = Report()
        try:
            values, _ = content(data, self.limits, said)
        except DocumentError as error:
            self.missing.append(name)
            message = f"The file {shortened(name, 200)} cannot be read. {error}"
            self.report.find("error", RULE, where, message, "Mend that file and import again.")
            return None
        for finding in said.findings:
            self.report.find(finding.severity, finding.rule, where, f"In {shortened(name, 200)}: {finding.message}", finding.remedy)
        for repair in said.repairs:
            self.report.repair(repair.rule, where, repair.before, repair.after, f"In {shortened(name, 200)}: {repair.message}")
        self._values -= self._rebase(values, location)
        if self._values < 0:
            raise DocumentError(_TOGETHER)
        return values

    def _rebase(self, root: Any, location: str) -> int:
        """Make every reference of a file absolute; gives the number of its values."""
        count = 0
        seen: set[int] = set()
        stack = [root]
        while stack:
            node = stack.pop()
            if not isinstance(node, dict | list) or id(node) in seen:
                continue
            seen.add(id(node))
            count += len(node)
            if isinstance(node, list):
                stack.extend(node)
                continue
            ref = node.get("$ref")
            if isinstance(ref, str):
                node["$ref"] = self.absolute(ref, location)
            stack.extend(node.values())
        return count


def _references(root: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """References of a document with the pointers of the objects that they stand in, in no order of meaning."""
    seen: set[int] = set()
    stack: list[tuple[Any, str]] = [(root, "")]
    while stack:
        node, where = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            yield node["$ref"], where
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(child, dict | list) and key not in _DATA:
                stack.append((child, pointer(key, base=where)))
