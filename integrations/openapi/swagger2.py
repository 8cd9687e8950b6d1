"""Swagger 2.0 -> OpenAPI 3.0.

The result shares schemas with the document it came from, and their references still read `#/definitions/…`: they are
followed in the original. Everything that 3.0 says differently is rewritten: servers, parameters, bodies, answers and
security schemes.
"""

from __future__ import annotations

import re
from typing import Any

from integrations.openapi import body_parameters, strict_json
from integrations.openapi.body_parameters import COLLECTIONS, IN_BODY, Placed, texts
from integrations.openapi.document import METHODS
from integrations.openapi.findings import Report, pointer
from integrations.openapi.references import References

_FLOWS = {"implicit": "implicit", "password": "password", "application": "clientCredentials", "accessCode": "authorizationCode"}


def convert(root: dict[str, Any], references: References, report: Report) -> dict[str, Any]:
    """The document as OpenAPI 3.0. Faults on the way are repaired or reported, never raised."""
    return _Conversion(root, references, report).run()


class _Conversion:
    def __init__(self, root: dict[str, Any], references: References, report: Report) -> None:
        self.root, self.references, self.report = root, references, report
        self.consumes = texts(root.get("consumes"))
        self.produces = texts(root.get("produces"))
        # Parameters that take no lists, and lists of such, by what they say: most are said again and again.
        self._known: dict[bytes, dict[str, Any]] = {}
        self._lists: dict[bytes, list[dict[str, Any]]] = {}

    def run(self) -> dict[str, Any]:
        converted: dict[str, Any] = {"openapi": "3.0.3", "info": self.root.get("info"), "servers": self.servers()}
        paths = self.root.get("paths")
        converted["paths"] = (
            {key: self.path_item(item, pointer("paths", key)) if str(key).startswith("/") else item for key, item in paths.items()}
            if isinstance(paths, dict)
            else paths
        )
        schemes = self.root.get("securityDefinitions")
        converted["components"] = {
            "schemas": self.root.get("definitions"),
            "securitySchemes": {name: self.scheme(scheme) for name, scheme in schemes.items()} if isinstance(schemes, dict) else {},
        }
        for key in ("security", "tags", "externalDocs"):
            if key in self.root:
                converted[key] = self.root[key]
        return converted

    def servers(self) -> list[dict[str, Any]]:
        host, base = self.root.get("host"), self.root.get("basePath")
        base = base.strip() if isinstance(base, str) else ""
        base = base if base.startswith("/") or not base else f"/{base}"
        if not isinstance(host, str) or not host.strip():
            return [{"url": base or "/"}]
        schemes = [scheme.lower() for scheme in texts(self.root.get("schemes"))]
        host = host.strip().rstrip("/")
        if "://" in host:
            scheme, _, bare = host.partition("://")
            self.report.repair("oas2-api-host", "/host", host, bare, "The host of a Swagger 2.0 document is a name without https://.")
            host, schemes = bare, schemes or [scheme.lower()]
        if not schemes:
            self.report.repair("oas2-api-schemes", "/schemes", None, ["https"], "The document names no scheme; https was taken.")
        return [{"url": f"{scheme}://{host}{base}"} for scheme in schemes or ["https"]]

    def path_item(self, item: Any, where: str) -> Any:
        resolved = self.references.resolve(item, where)
        if not isinstance(resolved, dict):
            return item
        # A body that all operations of the path share is declared once, above them.
        plain, bodies = self.parameters(resolved.get("parameters"), where)
        result: dict[str, Any] = {**resolved, "parameters": plain}
        for method, operation in resolved.items():
            if method.lower() in METHODS:
                result[method] = self.operation(operation, bodies, f"{where}/{method}")
        return result

    def parameters(self, items: Any, where: str) -> tuple[list[dict[str, Any]], Placed]:
        """The parameters of a list, and apart from them those that belong to a body, as they are and with their pointers."""
        if not isinstance(items, list):
            return [], []
        words = strict_json.words(items)
        if words in self._lists:
            return self._lists[words], []
        found: Placed = []
        for n, item in enumerate(items):
            place = f"{where}/parameters/{n}"
            resolved = self.references.resolve(item, place)
            if isinstance(resolved, dict):
                found.append((place, resolved))
            elif item is None:
                self.report.repair("operation-parameters", place, None, "removed", "A parameter is empty (null) and was left out.")
        plain = [self.parameter(parameter, place) for place, parameter in found if parameter.get("in") not in IN_BODY]
        if len(plain) == len(items) and b'"$ref"' not in words and b'"array"' not in words:  # else something may be to be said
            self._lists[words] = plain
        return plain, [pair for pair in found if pair[1].get("in") in IN_BODY]

    def operation(self, operation: Any, bodies: Placed, where: str) -> Any:
        if not isinstance(operation, dict):
            return operation
        plain, found = self.parameters(operation.get("parameters"), where)
        if bodies and not any(parameter.get("in") == "body" for _, parameter in found):
            taken = {(str(parameter.get("name")), str(parameter.get("in"))) for _, parameter in found}
            found += [pair for pair in bodies if (str(pair[1].get("name")), str(pair[1].get("in"))) not in taken]
        result = {**operation, "parameters": plain}
        body = body_parameters.request_body(found, texts(operation.get("consumes")) or self.consumes, where, self.report) if found else None
        if body:
            result["requestBody"] = body
        if isinstance(operation.get("responses"), dict):
            produces = texts(operation.get("produces")) or self.produces
            result["responses"] = {
                str(code): self.response(response, produces, where, code) for code, response in operation["responses"].items()
            }
        return result

    def parameter(self, old: dict[str, Any], where: str) -> dict[str, Any]:
        if "schema" in old or "content" in old:  # written as 3.0 in a 2.0 document; the meaning is clear
            return old
        if old.get("type") == "array":
            return self._converted(old, where)
        words = strict_json.words(old)
        if words not in self._known:
            self._known[words] = self._converted(old, where)
        return self._known[words]

    def _converted(self, old: dict[str, Any], where: str) -> dict[str, Any]:
        new: dict[str, Any] = {key: old[key] for key in ("name", "in", "description", "required", "deprecated") if key in old}
        new["schema"] = body_parameters.schema_of(old)
        if old.get("type") == "array":
            new["style"], new["explode"] = self.style(old, where)
        return new

    def style(self, old: dict[str, Any], where: str) -> tuple[str, bool]:
        name = str(old.get("collectionFormat") or "csv")
        if old.get("in") in ("path", "header"):
            return "simple", False
        if name not in COLLECTIONS:
            self.report.repair(
                "collection-format",
                where,
                name,
                "csv",
                f"OpenAPI 3 has no array format {name[:50]!r}; the values are sent separated by commas.",
            )
        return COLLECTIONS.get(name, COLLECTIONS["csv"])

    def response(self, response: Any, produces: list[str], where: str, code: Any) -> Any:
        is_plain = response.__class__ is dict and "$ref" not in response
        old = response if is_plain else self.references.resolve(response, pointer("responses", code, base=where))
        if not isinstance(old, dict):
            return {}
        if not isinstance(schema := old.get("schema"), dict):
            return old
        new: dict[str, Any] = {key: old[key] for key in ("description", "headers") if key in old}
        media = {"schema": schema}
        new["content"] = dict.fromkeys(produces or ("application/json",), media)
        return new

    def scheme(self, old: Any) -> Any:
        if not isinstance(old, dict):
            return old
        match old.get("type"):
            case "basic":
                return {"type": "http", "scheme": "basic", "description": old.get("description")}
            case "oauth2" if "flows" not in old and isinstance(old.get("flow"), str):
                flow = {key: old[key] for key in ("authorizationUrl", "tokenUrl", "refreshUrl", "scopes") if key in old}
                return {"type": "oauth2", "description": old.get("description"), "flows": {_FLOWS.get(old["flow"], old["flow"]): flow}}
        return old


def original_pointer(place: str) -> str:
    """Where a place of the converted document is in the uploaded one: bodies were parameters, media types stood apart."""
    if "/requestBody" in place:
        place = re.sub(r"^(/paths/[^/]*/[^/]*)/requestBody\b.*", r"\1/parameters", place)
    return re.sub(r"/content/[^/]*", "", place) if "/content/" in place else place
