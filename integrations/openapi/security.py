"""Security schemes of a document -> authentication of the integration."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from pydantic import ValidationError

from integrations.definition import ApiKeyAuth, Auth, BasicAuth, BearerAuth, NoAuth, OAuth2Auth
from integrations.openapi.document import METHODS
from integrations.openapi.findings import Report, plain_text, pointer
from integrations.openapi.references import References

# The word before a key in the Authorization header, as descriptions write it: "Authorization: SSWS {key}", "`Token token=<key>`".
_PREAMBLE = re.compile(
    r"""(?:authorization\s*[:=]\s*|^|["'`(:]\s*|format\s+|prefix(?:ed)?\s+(?:it\s+)?(?:with\s+)?["'`]?)(Bearer|Token\ token=|Token|SSWS|Bot|ApiKey|Api-Key|Key|Zoho-oauthtoken|GenieKey|JWT)(?:["'`]|[\s=]*[<{\[\$%]|\s+(?:your|api|the|x{3,}|\.{3}|[A-Za-z0-9_-]*(?:key|token)\b))""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_FLOWS = ("clientCredentials", "authorizationCode", "implicit")


@dataclass(frozen=True)
class Choice:
    """One way to authenticate: the name of its scheme in the document, and what it means here."""

    scheme: str
    auth: Auth

    @property
    def unattended(self) -> bool:
        """Whether a machine can use it without a person who signs in."""
        return not (isinstance(self.auth, OAuth2Auth) and self.auth.grant_type == "authorization_code")


def choices(document: dict[str, Any], *, references: References, base: str, where: str, report: Report) -> list[Choice]:
    """Every way to authenticate that can be expressed, in the order of the document; `base` resolves relative URLs."""
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    found: list[Choice] = []
    for name, item in schemes.items() if isinstance(schemes, dict) else ():
        place = pointer(name, base=where)
        scheme = references.resolve(item, place)
        if not isinstance(scheme, dict):
            report.find("warning", "security-scheme", place, f"The security scheme {name} has no content.", "Describe it, or remove it.")
            continue
        try:
            found += [Choice(str(name), auth) for auth in _auths(str(name), scheme, document, base, place, report)]
        except ValidationError as error:
            text = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            report.find(
                "warning", "security-scheme", place, f"The security scheme {name} cannot be used. {text}", "Set up authentication by hand."
            )
    return found


def default(document: dict[str, Any], found: list[Choice], *, report: Report) -> Auth:
    """The best first choice: what the whole document requires, else what most operations do; unattended ways first."""
    required = _names(document.get("security"))
    known = {choice.scheme for choice in found}
    components = document.get("components")
    declared = components.get("securitySchemes") if isinstance(components, dict) else None
    declared = declared if isinstance(declared, dict) else {}
    for name in required:
        if name not in declared:
            report.find(
                "error",
                "oas3-operation-security-defined",
                "/security",
                f"The document requires the security scheme {name}, which it does not describe.",
                "Check the authentication of this integration against the vendor's documentation.",
            )
    ranked = [name for name in required if name in known] or [name for name, _ in _usage(document).most_common() if name in known]
    candidates = [choice for name in ranked for choice in found if choice.scheme == name] or found
    if candidates:
        return next((choice.auth for choice in candidates if choice.unattended), candidates[0].auth)
    if declared:
        message = "None of the security schemes of this document can be set up automatically."
    else:
        message = "The document does not say how to authenticate. Most APIs need a key or a token all the same."
    report.find(
        "warning", "oas3-security-schemes", "", message, "Look into the vendor's documentation and choose the authentication method."
    )
    return NoAuth()


def _names(requirements: Any) -> list[str]:
    names: dict[str, None] = {}
    for requirement in requirements if isinstance(requirements, list) else []:
        for name in requirement if isinstance(requirement, dict) else ():
            names[str(name)] = None
    return list(names)


def _usage(document: dict[str, Any]) -> Counter[str]:
    usage: Counter[str] = Counter()
    paths = document.get("paths")
    for item in paths.values() if isinstance(paths, dict) else ():
        for method in METHODS if isinstance(item, dict) else ():
            operation = item.get(method)
            if isinstance(operation, dict):
                usage.update(_names(operation.get("security")))
    return usage


def _auths(name: str, scheme: dict[str, Any], document: dict[str, Any], base: str, place: str, report: Report) -> list[Auth]:
    kind = str(scheme.get("type", "")).lower()
    http = str(scheme.get("scheme", "")).lower()
    if kind == "apikey":
        return [_api_key(name, scheme, place, report)]
    if kind == "basic" or (kind == "http" and http == "basic"):
        return [BasicAuth()]
    if kind == "bearer" or (kind == "http" and http == "bearer"):
        return [BearerAuth()]
    if kind == "http" and http in ("token", "apikey"):
        return [ApiKeyAuth(api_key_name="Authorization", api_key_preamble=str(scheme["scheme"]))]
    if kind == "oauth2":
        return _oauth2(name, scheme, document, base, place, report)
    what = {
        "openidconnect": "OpenID Connect",
        "mutualtls": "client certificates (mutual TLS)",
        "http": f"HTTP {http or 'without a scheme'}",
    }
    message = f"The security scheme {name} asks for {what.get(kind, repr(kind))}, which cannot be set up automatically."
    report.find("warning", "security-scheme", place, message, "Choose another authentication method that the vendor offers.")
    return []


def _api_key(name: str, scheme: dict[str, Any], place: str, report: Report) -> Auth:
    location = str(scheme.get("in", "")).strip().lower()
    if location not in ("header", "query", "cookie"):
        report.repair(
            "security-scheme",
            f"{place}/in",
            scheme.get("in"),
            "header",
            f"The API key of {name} has no known place; the header is the usual one.",
        )
        location = "header"
    key = scheme.get("name")
    if not isinstance(key, str) or not key.strip():
        report.repair(
            "security-scheme",
            f"{place}/name",
            key,
            "Authorization",
            f"The API key of {name} has no name; Authorization is the usual header.",
        )
        key, location = "Authorization", "header"
    preamble = ""
    if location == "header" and key.strip().lower() == "authorization":
        match = _PREAMBLE.search(plain_text(scheme.get("description"), 2000)) or _PREAMBLE.search(str(scheme.get("description", ""))[:2000])
        preamble = match.group(1) if match else ""
    return ApiKeyAuth(api_key_name=key, api_key_location=location, api_key_preamble=preamble)  # type: ignore[arg-type]


def _oauth2(name: str, scheme: dict[str, Any], document: dict[str, Any], base: str, place: str, report: Report) -> list[Auth]:
    flows = scheme.get("flows")
    if not isinstance(flows, dict) and isinstance(scheme.get("flow"), dict):
        flows = scheme["flow"]
        report.repair(
            "security-scheme-flows",
            place,
            {"flow": flows},
            {"flows": flows},
            f"The flows of {name} are called flow; they were read as flows.",
        )
    flows = flows if isinstance(flows, dict) else {}
    found: list[Auth] = []
    for flow_name in _FLOWS:
        flow = flows.get(flow_name)
        if not isinstance(flow, dict) or (flow_name == "implicit" and found):
            continue
        grant = "client_credentials" if flow_name == "clientCredentials" else "authorization_code"
        found.append(
            OAuth2Auth(
                grant_type=grant,  # type: ignore[arg-type]
                auth_uri=_url(flow.get("authorizationUrl"), base, f"{place}/flows/{flow_name}/authorizationUrl", report),
                token_uri=_url(flow.get("tokenUrl"), base, f"{place}/flows/{flow_name}/tokenUrl", report),
                scope=_scope(name, flow, document, place, report),
            )
        )
        if flow_name == "implicit":
            message = f"{name} offers only OAuth 2.0's implicit flow, which no server can use; it was read as authorization code."
            report.find(
                "warning",
                "security-scheme",
                place,
                message,
                "Enter the token URL from the vendor's documentation, or choose another method.",
            )
    if not found:
        names = ", ".join(str(key) for key in flows) or "none"
        message = f"The OAuth 2.0 flows of {name} ({names}) cannot be set up automatically."
        report.find(
            "warning", "security-scheme", place, message, "Choose client credentials or authorization code if the vendor offers them."
        )
    return found


def _scope(name: str, flow: dict[str, Any], document: dict[str, Any], place: str, report: Report) -> str:
    """The scopes that the whole document requires, else all that the flow knows, joined by spaces."""
    scopes = flow.get("scopes")
    scopes = [str(scope) for scope in scopes] if isinstance(scopes, dict | list) else []
    security = document.get("security")
    required = [requirement.get(name) for requirement in security if isinstance(requirement, dict)] if isinstance(security, list) else []
    named = [str(scope) for names in required if isinstance(names, list) for scope in names]
    chosen = " ".join(dict.fromkeys(scope for scope in named if scope in scopes)) or " ".join(scopes)
    if len(chosen) > 4000:
        report.find(
            "info",
            "security-scheme",
            place,
            f"{name} has too many scopes to ask for all of them.",
            "Enter the scopes that your actions need.",
        )
        return ""
    return chosen


def _url(value: Any, base: str, place: str, report: Report) -> str:
    """An absolute URL; a relative one is resolved against the base URI. "" with a finding if it is none."""
    if not isinstance(value, str) or not value.strip():
        return ""
    url = value.strip()
    try:
        url = url if "://" in url else urljoin(base, url) if "://" in base else url
        return OAuth2Auth(token_uri=url.split("#")[0]).token_uri
    except (ValidationError, ValueError):
        report.find(
            "warning",
            "security-scheme",
            place,
            f"{value[:200]} is not a URL that can be called.",
            "Enter the URL from the vendor's documentation.",
        )
        return ""
