"""`$ref`: following references into the document and its other files.

References point into the document as it was uploaded, for Swagger 2.0 too (`#/definitions/…`), or into its other files. Each
target is looked up once.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from integrations.openapi.files import RULE, Files
from integrations.openapi.findings import Report, pointer, shortened
from integrations.openapi.reference_repair import ReferenceDoctor

# Parts of a document that vendors keep in files of their own, as `paths: {$ref: paths/_index.yaml}`.
_PARTS = (
    "info", "servers", "paths", "components", "security", "tags", "definitions", "parameters", "responses", "securityDefinitions",
)  # fmt: skip
_PARTED = ("info", "components")  # whose own parts may be kept so, too
MAX_CHAIN = 50  # a reference to a reference to a reference …; real documents have two or three


class References:
    """The references of one document."""

    def __init__(self, root: dict[str, Any], report: Report, files: Files | None = None) -> None:
        self.root = root
        self.report = report
        self.files = files or Files(report)
        self._targets: dict[str, Any] = {}
        self._anchors: dict[str, dict[str, Any]] = {}
        self._depth = 0
        self.doctor = ReferenceDoctor(report, siblings=str(root.get("openapi", "")).startswith("3.1"))

    def join_parts(self) -> dict[str, Any]:
        """The root with the parts in place that it only refers to: paths, components and the like. It is the root from then on."""
        root = self._joined(self.root, _PARTS, "")
        for name in _PARTED:
            part = root.get(name)
            if isinstance(part, dict):
                joined = self._joined(part, tuple(part), pointer(name))
                if joined is not part:
                    root = {**root, name: joined}
        self.root = root
        self._targets.clear()
        return root

    def _joined(self, node: dict[str, Any], names: tuple[str, ...], where: str) -> dict[str, Any]:
        found = {}
        for name in names:
            part = node.get(name)
            if isinstance(part, dict) and isinstance(part.get("$ref"), str):
                found[name] = self.resolve(part, pointer(name, base=where))
        return {**node, **found} if found else node

    def target(self, ref: str, pointer: str) -> Any:
        """What a reference points at, None if it leads nowhere (which is reported once for each target)."""
        if ref not in self._targets:
            self._targets[ref] = None  # for a reference whose way leads through itself
            self._targets[ref] = self._look_up(ref, pointer)
        return self._targets[ref]

    def resolve(self, node: Any, pointer: str) -> Any:
        """The node itself, or what its `$ref` leads to with the keys beside `$ref` laid over it; None if it leads nowhere."""
        if node.__class__ is not dict or "$ref" not in node:
            return node
        seen: set[str] = set()
        beside: dict[str, Any] = {}
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            ref = node["$ref"]
            if ref in seen or len(seen) > MAX_CHAIN:
                self.report.find(
                    "error",
                    "circular-references",
                    pointer,
                    f"The reference {ref} leads back to itself.",
                    "Point it at a definition with content.",
                )
                self.doctor.in_chain(node, ref, pointer)
                return beside or None
            seen.add(ref)
            if len(node) > 1:
                beside = {**{key: value for key, value in node.items() if key != "$ref"}, **beside}
            target = self.target(ref, pointer)
            self.doctor.look(node, target, pointer, is_schema=False)
            node = target
        if beside:
            return {**node, **beside} if isinstance(node, dict) else beside
        return node

    def _look_up(self, ref: str, pointer: str) -> Any:
        location, _, fragment = (ref if ref.startswith("#") else self.files.absolute(ref)).partition("#")
        top = self.files.content(location, pointer) if location else self.root
        if top is None:
            return None  # which is reported, once for each file
        node = top
        if fragment.strip("/") and not fragment.startswith("/"):
            node = self._anchor(top, location, fragment)
        elif fragment.strip("/"):
            for token in fragment.split("/")[1:]:
                node = self._entered(node, token, pointer)
                if node is None:
                    break
        if node is None:
            place = "that file" if location else "this document"
            self.report.find(
                "error",
                RULE,
                pointer,
                f"The reference {shortened(ref, 200)} points at nothing in {place}.",
                "Define the missing part, or correct the reference.",
            )
        return node

    def _entered(self, node: Any, token: str, pointer: str) -> Any:
        """One token of a JSON pointer further, through a reference if the node is one."""
        found = _step(node, token)
        if found is None and isinstance(node, dict) and isinstance(node.get("$ref"), str) and self._depth < MAX_CHAIN:
            self._depth += 1
            found = _step(self.resolve(node, pointer), token)
            self._depth -= 1
        return found

    def _anchor(self, top: Any, location: str, name: str) -> Any:
        """A schema named by `$anchor` (OpenAPI 3.1) or, as some documents do, by its bare name."""
        if location not in self._anchors:
            named = self._anchors[location] = {}
            for drawer in (_step(top, "definitions"), _step(_step(top, "components"), "schemas"), top if location else None):
                for key, schema in drawer.items() if isinstance(drawer, dict) else ():
                    named.setdefault(key, schema)
                    if isinstance(schema, dict) and isinstance(schema.get("$anchor"), str):
                        named[schema["$anchor"]] = schema
        return self._anchors[location].get(unquote(name))


def _step(node: Any, token: str) -> Any:
    """One token of a JSON pointer; percent-encoded and badly escaped tokens are tried too."""
    if isinstance(node, list):
        return node[int(token)] if token.isdigit() and len(token) < 9 and int(token) < len(node) else None
    if not isinstance(node, dict):
        return None
    for name in (token.replace("~1", "/").replace("~0", "~"), unquote(token).replace("~1", "/").replace("~0", "~"), token):
        if name in node:
            return node[name]
    return None
