"""What every operation of /api/schema/ has in common, said for each of them: its scope, its errors, its headers, examples.

A postprocessing hook of drf-spectacular, so that an endpoint which somebody adds has all of it by itself.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from integrations.access.idempotency import HEADER, MAX_KEY
from integrations.access.scopes import needed
from integrations.api.examples import example_of
from integrations.api.schema import REASONS

PROBLEM = "#/components/schemas/Problem"
IDEMPOTENCY = {
    "in": "header",
    "name": HEADER,
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": r"^[A-Za-z0-9._:~+/=-]+$"},
    "description": "A key of yours for this one request: sent again with it, it is answered and not carried out again.",
}
NO_NUL = r"^[^\x00]*$"  # no address may hold it
_TEXT = {"schema": {"type": "string"}}
HEADERS = {
    "ETag": {**_TEXT, "description": "Of what was answered; for If-Match and If-None-Match"},
    "Location": {**_TEXT, "description": "Where the new thing is"},
    "Link": {**_TEXT, "description": "RFC 8288: first, prev, next, last"},
    "X-Total-Count": {"schema": {"type": "integer"}, "description": "How many there are in all"},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"},
    "RateLimit": {**_TEXT, "description": "What is left in this minute"},
    "RateLimit-Policy": {**_TEXT, "description": "How many requests a minute has"},
}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: ARG001 - spectacular's hook
    _origin(result, request.build_absolute_uri("/").rstrip("/") if request is not None else settings.PUBLIC_URL)
    components = result["components"]["schemas"]
    for name, component in components.items():
        if name.endswith(("Request", "Change")) or name in BODIES:
            component.setdefault("additionalProperties", False)  # a misspelt field is named, not lost
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            _access(operation, needed(method, path))
            _errors(operation, path, method)
            _headers(operation)
            _examples(operation, components)
            for parameter in operation.get("parameters", []):
                if (
                    parameter["in"] == "query"
                    and parameter["schema"].get("type") == "string"
                    and not {"enum", "format"} & set(parameter["schema"])
                ):
                    parameter["schema"].setdefault("pattern", NO_NUL)
                if parameter["in"] == "path" and parameter["schema"].get("type") == "string":
                    parameter["schema"].setdefault("minLength", 1)
                if parameter["in"] == "path" and parameter["schema"].get("type") == "integer":
                    parameter["schema"].setdefault("minimum", 0)
    return result


# Bodies that are not named for it.
BODIES = {"ConnectDocument", "PatchedConnectionRequest"}


def _origin(result: dict[str, Any], origin: str) -> None:
    """Whole addresses, as the document's reader got it from: whoever imports a file of it knows no other."""
    result["servers"] = [{"url": origin}]
    for flow in result["components"]["securitySchemes"]["oauth2"]["flows"].values():
        flow.update({name: f"{origin}{flow[name]}" for name in ("tokenUrl", "authorizationUrl", "refreshUrl") if name in flow})


def _access(operation: dict[str, Any], scope: str) -> None:
    operation["security"] = [{"oauth2": [scope]}, {"personalToken": []}, {"cookieAuth": []}]
    words = operation.get("description") or f"{operation['summary']}."
    operation["description"] = f"{words}\n\nA token needs the scope `{scope}`."


def _errors(operation: dict[str, Any], path: str, method: str) -> None:
    codes = {400, 401, 403, 406, 429}
    if "{" in path:
        codes.add(404)
    if "requestBody" in operation or method in ("put", "patch"):
        codes |= {413, 415, 422}
    if method == "post":
        codes |= {409, 413, 415, 422}
        operation.setdefault("parameters", []).append(IDEMPOTENCY)
    if any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
        codes.add(422)
    responses = operation["responses"]
    responses["414"] = {"description": "The address is too long", "content": {"text/html": {"schema": {"type": "string"}}}}
    for code in sorted(codes):
        responses.setdefault(
            str(code),
            {"description": REASONS[code], "content": {"application/problem+json": {"schema": {"$ref": PROBLEM}}}},
        )
    operation["responses"] = dict(sorted(responses.items()))


def _headers(operation: dict[str, Any]) -> None:
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    for code, response in operation["responses"].items():
        wanted = {"RateLimit", "RateLimit-Policy"} if code not in ("400", "401") else set()
        if code == "429":
            wanted.add("Retry-After")
        if code == "201":
            wanted.add("Location")
        if code in ("200", "304", "412") and names & {"If-Match", "If-None-Match"}:
            wanted.add("ETag")
        if code == "200" and {"start", "limit"} <= names:
            wanted |= {"X-Total-Count", "Link"}
        if wanted:
            response.setdefault("headers", {}).update({name: HEADERS[name] for name in sorted(wanted)})


def _examples(operation: dict[str, Any], components: dict[str, Any]) -> None:
    """For the body and the answer, made of the examples of their fields, where nobody wrote one."""
    bodies = list(operation.get("requestBody", {}).get("content", {}).values())
    answers = [
        (code, media)
        for code, response in operation["responses"].items()
        for kind, media in response.get("content", {}).items()
        if "json" in kind
    ]
    for media in bodies:
        if "example" not in media and "examples" not in media and "json" in str(media.get("schema", {})) + "json":
            media["example"] = example_of(media.get("schema", {}), components, writing=True)
    for code, media in answers:
        if "example" not in media and "examples" not in media:
            media["example"] = (
                {"type": f"urn:junction:problem:{KINDS.get(code, 'refused')}", "title": REASONS.get(int(code), "Refused"), "status": int(code),
                 "detail": "A sentence that says what is wrong and what to do."}
                if media.get("schema", {}).get("$ref") == PROBLEM
                else example_of(media.get("schema", {}), components)
            )  # fmt: skip


KINDS = {
    "400": "malformed", "401": "unauthenticated", "403": "forbidden", "404": "not-found", "406": "not-acceptable", "409": "conflict",
    "412": "outdated", "413": "too-large", "415": "media-type", "422": "invalid", "428": "precondition-required", "429": "throttled",
}  # fmt: skip
