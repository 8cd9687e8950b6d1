"""The import doctor: each function mends one kind of fault and says what it did.

A repair never changes what goes over the wire: `/x/` stays `/x/`, ambiguous paths stay two operations. What cannot be
mended without guessing at the wire is a finding instead.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl

from integrations.definition import ApiKeyAuth, Auth
from integrations.openapi.body_parameters import IN_BODY
from integrations.openapi.findings import Change, Report, plain_text, shortened
from integrations.operation import Operation, Parameter, placeholders

Raw = dict[str, Any]  # a parameter as the document has it, references resolved

PLACES = ("path", "query", "header", "cookie")
_BODIES = {"body": "body", "formdata": "formData", "form": "formData"}
# Header parameters with these names shall be ignored, says OpenAPI 3.
_RESERVED_HEADERS = frozenset({"accept", "content-type", "authorization"})
_MAX_KEY = 200
_MAX_NAME = 200  # of a parameter
_IN_BRACES = re.compile(r"\{([^{}/]*)\}")
_TIDY = re.compile(r"/(?!/)(?:[^\s\x00-\x1f{}#?]|\{[\w.-]+\})*")  # a path as nearly all are: nothing to mend


def path_key(key: str, where: str, report: Report) -> tuple[str, list[Raw]]:
    """The path that goes over the wire, and parameters that stood inside the key.

    `/a#create` is `/a`: a fragment is never sent, documents use it to tell operations apart. `/a?type=x` is `/a` with a
    required query parameter that can only be x.
    """
    if _TIDY.fullmatch(key):
        return key, []
    path, hash_mark, _ = key.partition("#")
    if hash_mark:
        report.repair("path-no-fragment", where, key, path, "The part of a path from # on is never sent; it was cut off.")
    path, question, query = path.partition("?")
    parameters = [_from_query(name, value) for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=None)][:100]
    if question:
        message = "A path holds no query: its parameters were moved into the list of parameters, and the same request is sent."
        report.repair("path-not-include-query", where, key, path, message)
    tidy = re.sub(r"^https?://[^/{}]+(?=/)", "", path.strip(), flags=re.IGNORECASE)  # servers say where
    tidy = re.sub(r"\{\{([^{}]+)\}\}", r"{\1}", tidy)
    tidy = re.sub(r"\{([\w.-]+)=[^{}]*\}", r"{\1}", tidy)  # Google's {name=projects/*}
    tidy = _IN_BRACES.sub(lambda match: "{" + match.group(1).strip() + "}", tidy)
    tidy = re.sub(r"[\s\x00-\x1f]", lambda match: f"%{ord(match.group(0)):02X}" if ord(match.group(0)) < 128 else "%20", tidy)
    tidy = re.sub(r"^//+", "/", tidy if tidy.startswith("/") else f"/{tidy}")
    if tidy != path:
        report.repair(
            "path-keys", where, path, tidy, "A path starts with one slash, holds no spaces, and names its parameters in single braces."
        )
    return tidy, parameters


def with_braces(path: str, parameters: list[tuple[str, Raw]], where: str, report: Report) -> str:
    """The path with {name} for :name and <name>, where a path parameter of that name is declared and the path has no such placeholder."""
    tidy = path
    for _, parameter in parameters:
        name = parameter["name"]
        if parameter["in"] == "path" and f"{{{name}}}" not in tidy:
            written = rf"(?<=/)(?::{re.escape(name)}|<{re.escape(name)}>|%3C{re.escape(name)}%3E)(?=/|$)"
            tidy = f"{{{name}}}".join(re.split(written, tidy))
    if tidy != path:
        report.repair("path-keys", where, path, tidy, "OpenAPI writes the parameters of a path in braces; the path was read so.")
    return tidy


def _from_query(name: str, value: str) -> Raw:
    template = re.fullmatch(r"\{([^{}]+)\}", value)
    if template:
        return {"name": name, "in": "query", "required": True, "schema": {"type": "string"}}
    return {"name": name, "in": "query", "required": True, "schema": {"type": "string", "default": value, "enum": [value]}}


def is_tidy(parameter: Raw) -> bool:
    """Whether a parameter has a name and a place outside of the body, so that `named_and_placed` has nothing to mend."""
    name, place = parameter.get("name"), parameter.get("in")
    return (
        isinstance(name, str)
        and 0 < len(name) <= _MAX_NAME
        and name == name.strip()
        and place in PLACES
        and (place != "header" or name.lower() not in _RESERVED_HEADERS)
    )


def place_and_name(parameter: Raw) -> tuple[str, str]:
    """What two parameters of an operation may not have in common; headers are told apart without regard to case."""
    return parameter["in"], parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]


def named_and_placed(parameter: Raw, path: str, where: str, operation: str, report: Report) -> Raw | None:
    """The parameter at the pointer `where` with a name and a place, or None if it cannot be sent; `operation` is that of its operation."""
    name, place = parameter.get("name"), parameter.get("in")
    if not isinstance(name, str):
        name = str(name) if isinstance(name, int | float) and not isinstance(name, bool) else ""
    name = name.strip() or ("body" if place == "body" else "")  # which is sent without one
    if not name:
        report.repair("operation-parameters", where, parameter, "removed", "A parameter without a name cannot be sent; it was left out.")
        return None
    if len(name) > _MAX_NAME:
        report.find(
            "error",
            "operation-parameters",
            where,
            f"The parameter {shortened(name, 60)} has a name of {len(name)} characters.",
            f"Shorten it to {_MAX_NAME}.",
        )
        return None
    known = str(place).strip().lower() if isinstance(place, str) else ""
    known = _BODIES.get(known, known)
    if known not in PLACES and known not in IN_BODY:
        known = "path" if name in placeholders(path) else "query"
    if known != place:
        report.repair(
            "operation-parameters", where, place, known, f"The parameter {shortened(name, 60)} has no known place; it was set to {known}."
        )
    if known == "header" and name.lower() in _RESERVED_HEADERS and not fixed_accept({**parameter, "name": name}):
        message = f"The header {name} is set by the authentication and the body; OpenAPI says that such parameters are ignored."
        before = {**parameter, "name": name, "in": known}
        report.repair("parameter-reserved-header", where, name, "removed", message, Change(operation, "/parameters", before, None))
        return None
    return parameter if name == parameter.get("name") and known == place else {**parameter, "name": name, "in": known}


def fixed_accept(parameter: Raw) -> str:
    """The media type that a header parameter Accept stands for if it is a vendor's own (often with the version of the API), else ""."""
    if str(parameter.get("name")).lower() != "accept":
        return ""
    schema = parameter.get("schema")
    schema = schema if isinstance(schema, dict) else parameter
    enum = schema.get("enum")
    value = schema.get("default") or (enum[0] if isinstance(enum, list) and len(enum) == 1 else "")
    usual = ("", "application/json", "*/*")
    return value if isinstance(value, str) and value.strip().lower() not in usual and value.isprintable() else ""


def common_accept(operations: list[Operation], report: Report) -> dict[str, str]:
    """Headers of the whole integration: a vendor's own Accept leaves the operations if at least half of them send the same one."""
    values = Counter(str(parameter.default) for operation in operations for parameter in operation.parameters if _is_accept(parameter))
    value, count = values.most_common(1)[0] if values else ("", 0)
    if len(values) != 1 or count * 2 < len(operations):
        return {}
    message = f"{count} operations send Accept: {shortened(value, 100)}; it became a header of the integration."
    row = report.repair(
        "parameter-reserved-header", "/paths", count, {"Accept": value}, message, Change("", "/headers/Accept", None, value)
    )
    for operation in operations:
        moved = [parameter for parameter in operation.parameters if _is_accept(parameter)]
        operation.parameters = [parameter for parameter in operation.parameters if not _is_accept(parameter)]
        if row:
            row.changes.extend(Change(operation.key, "/parameters", parameter.dump(), None) for parameter in moved)
    return {"Accept": value}


def without_credential(operations: list[Operation], auth: Auth, report: Report) -> None:
    """Take the API key out of the parameters: it belongs to the connection, nobody should enter it for every action."""
    if not isinstance(auth, ApiKeyAuth):
        return
    place, name = auth.api_key_location, auth.api_key_name.lower()
    count = 0
    for operation in operations:
        kept = [parameter for parameter in operation.parameters if parameter.name.lower() != name or parameter.place != place]
        if len(kept) < len(operation.parameters):
            operation.parameters = kept
            count += 1
    if count:
        message = f"{count} operations declare the API key {shortened(auth.api_key_name, 60)} as a parameter; it comes from the connection."
        report.repair("parameter-credential", "/paths", auth.api_key_name, "removed", message)


def _is_accept(parameter: Parameter) -> bool:
    return parameter.place == "header" and parameter.name.lower() == "accept"


def once(parameters: list[tuple[str, Raw]], report: Report) -> list[tuple[str, Raw]]:
    """Each parameter once by place and name (headers without regard to case): the last declaration counts, in the first's place."""
    found: dict[tuple[str, str], tuple[str, Raw]] = {}
    for where, parameter in parameters:
        key = place_and_name(parameter)
        if key in found and found[key][0].rpartition("/")[0] == where.rpartition("/")[0]:
            message = f"The parameter {shortened(parameter['name'], 60)} is declared twice; the last one was taken."
            report.repair("operation-parameters", where, found[key][1], parameter, message)
        found[key] = (where, parameter)
    return list(found.values())


def fitted_to_path(parameters: list[tuple[str, Raw]], path: str, where: str, report: Report) -> list[Raw]:
    """Path parameters as the path needs them: undeclared ones added, superfluous ones dropped, spelling taken from the path."""
    wanted = placeholders(path)
    declared = {parameter["name"] for _, parameter in parameters if parameter["in"] == "path"}
    absent = {name.lower(): name for name in wanted if name not in declared}
    kept: list[Raw] = []
    for place, parameter in parameters:
        name = parameter["name"]
        if parameter["in"] == "path" and name not in wanted:
            spelled = absent.pop(name.lower(), None)
            if spelled is None:
                message = f"The path has no {{{shortened(name, 60)}}}; the parameter was left out."
                report.repair("path-params", place, name, "removed", message, Change(where, "/parameters", parameter, None))
                continue
            change = Change(where, "/parameters", parameter, {**parameter, "name": spelled})
            report.repair("path-params", place, name, spelled, f"The path spells this parameter {{{shortened(spelled, 60)}}}.", change)
            parameter = {**parameter, "name": spelled}  # noqa: PLW2901 - the row under its right name
        kept.append(parameter)
    for name in absent.values():
        added = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        message = f"The path parameter {{{shortened(name, 60)}}} was not declared; it was added as text."
        report.repair("path-params", where, None, added, message, Change(where, "/parameters", None, added))
        kept.append(added)
    return kept


def described(info: Raw, title: str, version: str, report: Report) -> str:
    """The description of the API, made of its title where the document has none."""
    found = plain_text(info.get("description")) or plain_text(info.get("summary"))
    if found:
        return found
    kind = "Swagger 2.0" if version.startswith("2") else f"OpenAPI {version}"
    made = f"The actions of {title}, made from its {kind} document."
    message = "The document has no description; one was made from its title."
    report.repair("info-description", "/info", None, made, message, Change("", "/integration/description", "", made))
    return made


def operation_described(raw: Raw, name: str, method: str, path: str, where: str, report: Report) -> str:
    """The description of an operation, else its summary, else one made of its name, method and path."""
    found = plain_text(raw.get("description")) or plain_text(raw.get("summary"))
    if found:
        return found
    call = f"{method} {shortened(path, 500)}"
    made = f"Calls {call}." if call.startswith(name) or name.startswith(call) else f"{name}. Calls {call}."
    message = "The operation has neither description nor summary; one was made of its name, method and path."
    report.repair("operation-description", where, None, made, message, Change(where, "/description", "", made))
    return made


def words_of(method: str, path: str) -> str:
    """A key from method and path: GET /users/{id}/posts gives get_users_id_posts."""
    words = re.findall(r"[A-Za-z0-9]+", path)
    return "_".join([method.lower(), *words])[:_MAX_KEY] if words else f"{method.lower()}_root"


class Keys:
    """Gives every operation a key of its own, which is its operationId wherever that is possible."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.taken: set[str] = set()
        self.numbers: dict[str, int] = {}

    def reserve(self, operation_id: Any) -> str:
        """The key that an operationId stands for, "" if it is none or taken already."""
        key = self.readable(operation_id)
        if not key or key.lower() in self.taken:
            return ""
        self.taken.add(key.lower())
        return key

    @staticmethod
    def readable(operation_id: Any) -> str:
        """An operationId as letters, digits and . _ -: what a URL, a file name and a template can hold."""
        if isinstance(operation_id, int) and not isinstance(operation_id, bool):
            operation_id = str(operation_id)
        if not isinstance(operation_id, str):
            return ""
        return re.sub(r"[^A-Za-z0-9._-]+", "_", operation_id.strip()[: _MAX_KEY * 2]).strip("_")[:_MAX_KEY]

    def settle(self, reserved: str, operation_id: Any, method: str, path: str, where: str) -> str:
        """The key of an operation; whatever differs from its operationId is reported."""
        place = f"{where}/operationId"
        if reserved:
            if reserved != operation_id:
                message = "An operationId has letters, digits and . _ - only; the key of the action was made so."
                whole = isinstance(operation_id, str) and reserved != operation_id.strip() and len(operation_id) <= _MAX_KEY
                change = Change(where, "/key", operation_id, reserved) if whole else None
                self.report.repair("operation-operationId-valid-in-url", place, operation_id, reserved, message, change)
            return reserved
        wanted = self.readable(operation_id)
        key = self.numbered(wanted or words_of(method, path))
        if wanted:
            self.report.repair(
                "operation-operationId-unique", place, operation_id, key, "Another operation has this operationId; a number was added."
            )
        else:
            before = operation_id if isinstance(operation_id, str) else None
            self.report.repair(
                "operation-operationId", place, before, key, "The operation has no operationId; one was made from its method and path."
            )
        return key

    def numbered(self, wanted: str) -> str:
        """`wanted`, or `wanted_2`, `wanted_3` … if it is taken."""
        key, base = wanted, wanted[: _MAX_KEY - 8]
        while key.lower() in self.taken:
            number = self.numbers[base.lower()] = self.numbers.get(base.lower(), 1) + 1
            key = f"{base}_{number}"
        self.taken.add(key.lower())
        return key
