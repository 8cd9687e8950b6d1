"""Security schemes of a document -> authentication of the integration."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urljoin

from pydantic import ValidationError

from integrations.definition import ApiKeyAuth, Auth, BasicAuth, BearerAuth, DigestAuth, NoAuth, OAuth2Auth
from integrations.openapi.document import METHODS
from integrations.openapi.findings import Change, Repair, Report, pointer, shortened
from integrations.openapi.references import References

# The word before a key in the Authorization header, as descriptions write it: "Authorization: SSWS {key}", "`Token token=<key>`".
_MAX_REQUIREMENTS = 1000  # alternatives of one `security`; real documents have at most ten
_PREAMBLE = re.compile(
    r"""(?:authorization\s*[:=]\s*|^|["'`(:]\s*|format\s+|prefix(?:ed)?\s+(?:it\s+)?(?:with\s+)?["'`]?)(Bearer|Token\ token=|Token|SSWS|Bot|ApiKey|Api-Key|Key|Zoho-oauthtoken|GenieKey|JWT)(?:["'`]|[\s=]*[<{\[\$%]|\s+(?:your|api|the|x{3,}|\.{3}|[A-Za-z0-9_-]*(?:key|token)\b))""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_MAX_SCHEMES = 100  # a document has a handful; the rest of a hostile one is not read
# In the order of preference: OAuth 2.0's name of the flow -> its grant type here.
_GRANTS = {
    "clientCredentials": "client_credentials",
    "authorizationCode": "authorization_code",
    "password": "password",
    "implicit": "authorization_code",
}


@dataclass(frozen=True)
class Choice:
    """One way to authenticate: the name of its scheme in the document, what it means here, and what had to be mended for that."""

    scheme: str
    auth: Auth
    repairs: tuple[Repair, ...] = ()

    @property
    def unattended(self) -> bool:
        """Whether a machine can use it without a person who signs in."""
        return not (isinstance(self.auth, OAuth2Auth) and self.auth.grant_type == "authorization_code")


def choices(document: dict[str, Any], *, references: References, base: str, where: str, report: Report) -> list[Choice]:
    """Every way to authenticate that can be expressed, in the order of the document; `base` resolves relative URLs."""
    components = document.get("components")
    schemes = components.get("securitySchemes") if isinstance(components, dict) else None
    found: list[Choice] = []
    for name, item in islice(schemes.items(), _MAX_SCHEMES) if isinstance(schemes, dict) else ():
        place = pointer(name, base=where)
        content = references.resolve(item, place)
        if not isinstance(content, dict):
            report.find("warning", "security-scheme", place, f"The security scheme {name} has no content.", "Describe it, or remove it.")
            continue
        scheme = _Scheme(str(name), content, base, _scopes(document, str(name)), place, report)
        before = len(report.repairs)
        try:
            auths = scheme.auths()
            found += [Choice(scheme.name, auth, tuple(report.repairs[before:])) for auth in auths]
        except ValidationError as error:
            text = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            scheme.warn(f"The security scheme {name} cannot be used. {text}", "Set up authentication by hand.")
    return found


def _scopes(document: dict[str, Any], name: str) -> list[str]:
    """The scopes of a scheme that the document requires for all operations."""
    found = []
    for requirement in _requirements(document.get("security")):
        names = requirement.get(name)
        found += names if isinstance(names, list) else []
        # Scope and scheme exchanged, which `default` says.
        found += [scope for scope, schemes in requirement.items() if isinstance(schemes, list) and name in schemes]
    return [str(scope) for scope in found]


def default(document: dict[str, Any], found: list[Choice], *, where: str, report: Report) -> Auth:
    """The best first choice: what the whole document requires, else what most operations do; unattended ways first.

    `where` is the pointer of the schemes in the uploaded file.
    """
    components = document.get("components")
    declared = components.get("securitySchemes") if isinstance(components, dict) else None
    declared = declared if isinstance(declared, dict) else {}
    rule = "oas2-operation-security-defined" if where == "/securityDefinitions" else "oas3-operation-security-defined"
    requirements = _Requirements(document, frozenset(map(str, declared)), rule, report)
    whole = requirements.mended(document.get("security"), "/security")
    together = next((item for item in whole if len(item) > 1), None)
    if together:
        message = (
            f"The document requires several security schemes at once ({', '.join(map(str, list(together)[:10]))}); one of them is set up."
        )
        report.find("warning", "security-together", "/security", message, "Add what the others need as headers or parameters.")
    usage = requirements.usage()
    chosen = _best(_names(whole), usage, found)
    if chosen:
        without = _best(_names(_requirements(document.get("security"))), _usage(document), found)
        _undoable(requirements.rows, without.auth if without else NoAuth(), chosen.auth)
        other = _best(_names(whole), usage, [choice for choice in found if choice.scheme != chosen.scheme])
        _undoable(chosen.repairs, other.auth if other else NoAuth(), chosen.auth)
        return chosen.auth
    if declared:
        message = "None of the security schemes of this document can be set up automatically."
    else:
        message = "The document does not say how to authenticate. Most APIs need a key or a token all the same."
    report.find(
        "warning", "oas3-security-schemes", "", message, "Look into the vendor's documentation and choose the authentication method."
    )
    return NoAuth()


def _best(required: list[str], usage: Counter[str], found: list[Choice]) -> Choice | None:
    known = {choice.scheme for choice in found}
    ranked = [name for name in required if name in known] or [name for name, _ in usage.most_common() if name in known]
    candidates = [choice for name in ranked for choice in found if choice.scheme == name] or found
    return next((choice for choice in candidates if choice.unattended), candidates[0] if candidates else None)


def _undoable(rows: Iterable[Repair], before: Auth, after: Auth) -> None:
    """Undoing the rows sets up the authentication that the document gives without them."""
    if before != after:
        for row in rows:
            row.changes.append(Change("", "/auth", before.dump(), after.dump()))


class _Requirements:
    """What a document and its operations require, names that it does not declare mended where their meaning is plain."""

    def __init__(self, document: dict[str, Any], declared: frozenset[str], rule: str, report: Report) -> None:
        self.document, self.declared, self.rule, self.report = document, declared, rule, report
        self.rows: list[Repair] = []
        self._plain: dict[str, list[str]] = {}
        for name in declared:
            self._plain.setdefault(_letters(name), []).append(name)

    def mended(self, security: Any, where: str) -> list[dict[str, Any]]:
        """The alternatives of the `security` at a pointer; one that names nothing that there is is left out."""
        return [item for n, found in enumerate(_requirements(security)) if (item := self._one(found, f"{where}/{n}")) or not found]

    def _one(self, requirement: dict[str, Any], where: str) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, scopes in requirement.items():
            if name in self.declared:
                result.setdefault(name, scopes)
                continue
            meant = self._meant(name, scopes)
            result |= meant
            if meant and scopes and isinstance(scopes, list) and next(iter(meant)) in scopes:
                message = f"The security requirement has a scope where the scheme belongs; {shortened(name, 60)} was taken as the scope."
            elif meant:
                message = f"There is no security scheme {shortened(name, 60)}; {shortened(next(iter(meant)), 60)} was taken, which differs in spelling only."
            else:
                message = f"There is no security scheme {shortened(name, 60)}; the requirement was left out."
                if where.startswith("/security"):
                    self.report.find(
                        "error",
                        self.rule,
                        where,
                        f"The document requires the security scheme {shortened(name, 60)}, which it does not describe.",
                        "Check the authentication of this integration against the vendor's documentation.",
                    )
            self._row({name: scopes}, meant or "removed", where, message)
        return result

    def _meant(self, name: str, scopes: Any) -> dict[str, Any]:
        """What a requirement means that names no scheme: scope and scheme exchanged, or a slip in the spelling; {} if that is not plain."""
        schemes = [scope for scope in scopes if isinstance(scope, str) and scope in self.declared] if isinstance(scopes, list) else []
        if len(schemes) == 1:
            return {schemes[0]: [name, *(scope for scope in scopes if scope != schemes[0])]}
        alike = self._plain.get(_letters(name), [])
        return {alike[0]: scopes} if len(alike) == 1 else {}

    def _row(self, before: Any, after: Any, where: str, message: str) -> None:
        """One row for each message: what the operations of a document require in the same words is one mistake."""
        if any(row.message == message for row in self.rows):
            return
        row = self.report.repair("security-scheme-undefined", where, before, after, message)
        if row:
            self.rows.append(row)

    def usage(self) -> Counter[str]:
        """How many operations require each scheme."""
        usage: Counter[str] = Counter()
        for where, security in _of_operations(self.document):
            usage.update(_names(self.mended(security, where)))
        return usage


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _requirements(security: Any) -> list[dict[str, Any]]:
    """The alternatives of a `security`: objects that name schemes."""
    return [item for item in security[:_MAX_REQUIREMENTS] if isinstance(item, dict)] if isinstance(security, list) else []


def _names(requirements: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(name) for requirement in requirements for name in requirement))


def _usage(document: dict[str, Any]) -> Counter[str]:
    usage: Counter[str] = Counter()
    for _, security in _of_operations(document):
        usage.update(_names(_requirements(security)))
    return usage


def _of_operations(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What each operation requires of its own, with its pointer."""
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        for method in METHODS if isinstance(item, dict) else ():
            operation = item.get(method)
            if isinstance(operation, dict) and operation.get("security"):
                yield pointer("paths", path, method, "security"), operation["security"]


@dataclass(frozen=True)
class _Scheme:
    """One security scheme of the document, and what is needed to read it."""

    name: str
    content: dict[str, Any]
    base: str
    required_scopes: list[str]
    place: str
    report: Report

    def warn(self, message: str, remedy: str) -> None:
        self.report.find("warning", "security-scheme", self.place, message, remedy)

    def auths(self) -> list[Auth]:
        """The ways to authenticate that this scheme offers. Raises pydantic's ValidationError if a value cannot be sent."""
        kind = str(self.content.get("type", "")).lower()
        http = str(self.content.get("scheme", "")).lower()
        if kind == "apikey":
            return [self._api_key()]
        if kind == "basic" or (kind == "http" and http == "basic"):
            return [BasicAuth()]
        if kind == "bearer" or (kind == "http" and http == "bearer"):
            return [BearerAuth()]
        if kind == "http" and http == "digest":
            return [DigestAuth()]
        if kind == "http" and http in ("token", "apikey"):
            return [ApiKeyAuth(api_key_name="Authorization", api_key_preamble=str(self.content["scheme"]))]
        if kind == "oauth2":
            return self._oauth2()
        if kind == "openidconnect":
            return [self._openid()]
        names = {"mutualtls": "client certificates (mutual TLS)", "http": f"HTTP {http}"}
        self.warn(
            f"The security scheme {self.name} asks for {names.get(kind, repr(kind))}, which cannot be set up automatically.",
            "Choose another authentication method that the vendor offers.",
        )
        return []

    def _api_key(self) -> Auth:
        scheme = self.content
        location = str(scheme.get("in", "")).strip().lower()
        if location not in ("header", "query", "cookie"):
            message = f"The API key of {self.name} has no known place; the header is the usual one."
            self.report.repair("security-scheme", f"{self.place}/in", scheme.get("in"), "header", message)
            location = "header"
        key = scheme.get("name")
        if not isinstance(key, str) or not key.strip():
            message = f"The API key of {self.name} has no name; Authorization is the usual header."
            self.report.repair("security-scheme", f"{self.place}/name", key, "Authorization", message)
            key, location = "Authorization", "header"
        preamble = ""
        if location == "header" and key.strip().lower() == "authorization":
            # In plain text `Token token=<KEY>` would lose its <KEY>, which is what tells the preamble.
            match = _PREAMBLE.search(str(scheme.get("description") or "")[:2000])
            preamble = match.group(1) if match else ""
        return ApiKeyAuth.model_validate({"api_key_name": key, "api_key_location": location, "api_key_preamble": preamble})

    def _openid(self) -> Auth:
        """A sign-in with OAuth 2.0's authorization code; where, is said by another document, which an import does not ask for."""
        address = self.content.get("openIdConnectUrl")
        where = shortened(address.strip(), 300) if isinstance(address, str) and address.strip() else "the vendor's OpenID configuration"
        self.warn(
            f"The security scheme {self.name} is OpenID Connect; it was read as OAuth 2.0 with an authorization code.",
            f"Enter authorization_endpoint and token_endpoint of {where} as the URLs.",
        )
        return OAuth2Auth(grant_type="authorization_code", scope=" ".join(dict.fromkeys(["openid", *self.required_scopes])))

    def _oauth2(self) -> list[Auth]:
        flows = self.content.get("flows")
        if not isinstance(flows, dict) and isinstance(self.content.get("flow"), dict):
            flows = self.content["flow"]
            message = f"The flows of {self.name} are called flow; they were read as flows."
            self.report.repair("security-scheme-flows", self.place, {"flow": flows}, {"flows": flows}, message)
        flows = flows if isinstance(flows, dict) else {}
        found: list[Auth] = []
        for name in _GRANTS:
            flow = flows.get(name)
            if isinstance(flow, dict) and not (name == "implicit" and found):
                found.append(self._flow(name, flow))
        if not found:
            names = ", ".join(str(key) for key in flows) or "none"
            self.warn(
                f"The OAuth 2.0 flows of {self.name} ({names}) cannot be set up automatically.",
                "Choose client credentials or authorization code if the vendor offers them.",
            )
        return found

    def _flow(self, name: str, flow: dict[str, Any]) -> Auth:
        if name == "implicit":
            self.warn(
                f"{self.name} offers only OAuth 2.0's implicit flow, which no server can use; it was read as authorization code.",
                "Enter the token URL from the vendor's documentation, or choose another method.",
            )
        where = f"{self.place}/flows/{name}"
        return OAuth2Auth.model_validate(
            {
                "grant_type": _GRANTS[name],
                "auth_uri": self._url(flow.get("authorizationUrl"), f"{where}/authorizationUrl"),
                "token_uri": self._url(flow.get("tokenUrl"), f"{where}/tokenUrl"),
                "refresh_uri": self._url(flow.get("refreshUrl"), f"{where}/refreshUrl"),
                "scope": self._scope(flow),
            }
        )

    def _scope(self, flow: dict[str, Any]) -> str:
        """The scopes that the whole document requires, else all that the flow knows, joined by spaces."""
        scopes = flow.get("scopes")
        known = [str(scope) for scope in scopes] if isinstance(scopes, dict | list) else []
        chosen = " ".join(dict.fromkeys(scope for scope in self.required_scopes if scope in known)) or " ".join(known)
        if len(chosen) > 4000:
            self.warn(f"{self.name} has too many scopes to ask for all of them.", "Enter the scopes that your actions need.")
            return ""
        return chosen

    def _url(self, value: Any, where: str) -> str:
        """An absolute URL; a relative one is resolved against the base URI. "" with a finding if it is none."""
        if not isinstance(value, str) or not value.strip():
            return ""
        url = value.strip()
        try:
            url = url if "://" in url else urljoin(self.base, url) if "://" in self.base else url
            return OAuth2Auth(token_uri=url.split("#")[0]).token_uri
        except ValueError:  # pydantic's ValidationError is one
            message = f"{shortened(value, 200)} is not a URL that can be called."
            self.report.find("warning", "security-scheme", where, message, "Enter the URL from the vendor's documentation.")
            return ""
