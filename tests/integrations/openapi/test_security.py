from __future__ import annotations

from typing import Any

import pytest

from integrations.definition import ApiKeyAuth, Auth, BasicAuth, BearerAuth, DigestAuth, NoAuth, OAuth2Auth
from tests.integrations.openapi.documents import findings, get, imported, openapi, repaired, rules

KEY = {"type": "apiKey", "in": "query", "name": "key"}
BASIC = {"type": "http", "scheme": "basic"}
BEARER = {"type": "http", "scheme": "Bearer"}
CODE = {
    "type": "oauth2",
    "flows": {"authorizationCode": {"authorizationUrl": "https://a.example/x", "tokenUrl": "https://a.example/t", "scopes": {}}},
}
MACHINE = {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://a.example/t", "scopes": {"r": "", "w": ""}}}}


def result(schemes: dict[str, Any], security: Any = None, operation: Any = None) -> Any:
    path = get(security=operation) if operation else get()
    return imported(openapi({"/a": path}, components={"securitySchemes": schemes}, security=security))


@pytest.mark.parametrize(
    ("scheme", "auth"),
    [
        (KEY, ApiKeyAuth(api_key_name="key", api_key_location="query")),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, ApiKeyAuth(api_key_name="sid", api_key_location="cookie")),
        ({"type": "apiKey", "in": "Header", "name": "X-Key"}, ApiKeyAuth(api_key_name="X-Key")),
        ({"type": "apiKey"}, ApiKeyAuth(api_key_name="Authorization")),
        (BASIC, BasicAuth()),
        (BEARER, BearerAuth()),
        ({"type": "http", "scheme": "Digest"}, DigestAuth()),
        (
            {
                "type": "oauth2",
                "flows": {"password": {"tokenUrl": "https://a.example/t", "refreshUrl": "https://a.example/r", "scopes": {}}},
            },
            OAuth2Auth(grant_type="password", token_uri="https://a.example/t", refresh_uri="https://a.example/r"),
        ),
        ({"type": "http", "scheme": "Token"}, ApiKeyAuth(api_key_preamble="Token")),
        (MACHINE, OAuth2Auth(token_uri="https://a.example/t", scope="r w")),
        (CODE, OAuth2Auth(grant_type="authorization_code", auth_uri="https://a.example/x", token_uri="https://a.example/t")),
        ({"type": "oauth2", "flow": MACHINE["flows"]}, OAuth2Auth(token_uri="https://a.example/t", scope="r w")),
        (
            {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "/t", "scopes": None}}},
            OAuth2Auth(token_uri="https://api.example.com/t"),
        ),
    ],
)
def test_scheme_becomes_auth(scheme: dict[str, Any], auth: Auth) -> None:
    assert result({"s": scheme}).auth_choices == [("s", auth)]


@pytest.mark.parametrize(
    ("description", "preamble"),
    [
        ("Send `Token token=<key>` here", "Token token="), ("SSWS {API Token}", "SSWS"), ("Authorization: Bearer YOUR_TOKEN", "Bearer"),
        ('Prefix the key with "Token "', ""), ("Format: Bearer <jwt>", "Bearer"), ("Your API token from the settings", ""), (None, ""), ("The token is secret", ""),
    ],
)  # fmt: skip
def test_preamble_of_an_authorization_header_is_read_from_its_description(description: str | None, preamble: str) -> None:
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}
    assert result({"s": scheme}).auth_choices == [("s", ApiKeyAuth(api_key_preamble=preamble))]


@pytest.mark.parametrize("scheme", [{"type": "mutualTLS"}, {"type": "http", "scheme": "hoba"}, {}, 5, None])
def test_scheme_that_cannot_be_expressed_is_a_finding(scheme: Any) -> None:
    outcome = result({"s": scheme})
    assert (outcome.auth_choices, outcome.definition.auth, rules(outcome)) == ([], NoAuth(), ["security-scheme", "oas3-security-schemes"])


def test_implicit_flow_is_read_as_authorization_code_and_reported() -> None:
    outcome = result({"s": {"type": "oauth2", "flows": {"implicit": {"authorizationUrl": "https://a.example/x", "scopes": {"r": ""}}}}})
    assert outcome.auth_choices == [("s", OAuth2Auth(grant_type="authorization_code", auth_uri="https://a.example/x", scope="r"))]
    assert rules(outcome) == ["security-scheme"]


def test_both_flows_of_a_scheme_are_offered_the_unattended_one_first() -> None:
    both = {"type": "oauth2", "flows": {**CODE["flows"], **MACHINE["flows"]}}  # type: ignore[dict-item]
    assert [auth.grant_type for _, auth in result({"s": both}).auth_choices] == ["client_credentials", "authorization_code"]


@pytest.mark.parametrize(
    ("schemes", "security", "operation", "kind"),
    [
        ({"a": KEY, "b": BASIC}, [{"b": []}, {"a": []}], None, "basic"),
        ({"a": CODE, "b": BASIC}, [{"a": []}, {"b": []}], None, "basic"),
        ({"a": CODE, "b": BASIC}, [{"a": []}], None, "oauth2"),
        ({"a": KEY, "b": BEARER}, None, [{"b": []}], "bearer"),
        ({"a": CODE, "b": BEARER}, None, None, "bearer"),
        ({"a": BASIC}, [{"unknown": []}], None, "basic"),
        ({"a": BASIC}, [{}], None, "basic"),
        ({"a": BASIC}, "nonsense", None, "basic"),
    ],
)
def test_default_is_what_the_document_requires_and_a_machine_can_use(
    schemes: dict[str, Any], security: Any, operation: Any, kind: str
) -> None:
    assert result(schemes, security, operation).definition.auth.type == kind


def test_required_scopes_are_asked_for_before_all_scopes() -> None:
    assert result({"s": MACHINE}, [{"s": ["r"]}]).definition.auth.scope == "r"


def test_security_that_names_no_scheme_is_a_finding() -> None:
    outcome = result({"a": BASIC}, [{"unknown": []}])
    assert [(f.rule, f.pointer) for f in findings(outcome)] == [("oas3-operation-security-defined", "/security/0")]
    assert [(row.rule, row.pointer, row.before, row.after) for row in outcome.repairs] == [
        ("security-scheme-undefined", "/security/0", {"unknown": "…"}, "removed")
    ]


@pytest.mark.parametrize(
    ("requirement", "meant"),
    [({"api_key": []}, {"ApiKey": "…"}), ({"read": ["login"]}, {"login": "…"}), ({"r": ["login", "w"]}, {"login": "…"})],
)
def test_requirement_whose_scheme_is_plain_is_mended(requirement: dict[str, Any], meant: dict[str, Any]) -> None:
    outcome = result({"first": BASIC, "ApiKey": KEY, "login": CODE}, [requirement])
    assert (rules(outcome), [(row.rule, row.after) for row in outcome.repairs]) == ([], [("security-scheme-undefined", meant)])
    (name,) = meant
    assert outcome.definition.auth == dict(outcome.auth_choices)[name]
    assert [(change.action, change.part, change.before["type"]) for row in outcome.repairs for change in row.changes] == [
        ("", "/auth", "basic")
    ]


def test_scope_and_scheme_exchanged_ask_for_the_scope() -> None:
    assert result({"s": MACHINE}, [{"r": ["s"]}]).definition.auth.scope == "r"


def test_requirement_of_many_operations_is_mended_in_one_row() -> None:
    paths = {f"/{n}": get(f"a{n}", security=[{"API-KEY": []}]) for n in range(3)}
    outcome = imported(openapi(paths, components={"securitySchemes": {"user": BASIC, "apiKey": KEY}}, security=None))
    assert outcome.definition.auth == ApiKeyAuth(api_key_name="key", api_key_location="query")
    assert [(row.rule, row.pointer) for row in outcome.repairs] == [("security-scheme-undefined", "/paths/~10/get/security/0")]


def test_openid_connect_is_a_sign_in_whose_urls_its_finding_names() -> None:
    outcome = result({"s": {"type": "openIdConnect", "openIdConnectUrl": "https://id.example.com/.well-known/openid-configuration"}})
    assert outcome.auth_choices == [("s", OAuth2Auth(grant_type="authorization_code", scope="openid"))]
    assert [(f.rule, f.remedy) for f in findings(outcome)] == [
        (
            "security-scheme",
            "Enter authorization_endpoint and token_endpoint of https://id.example.com/.well-known/openid-configuration as the URLs.",
        )
    ]


def test_flow_for_flows_is_repaired() -> None:
    assert [rule for rule, *_ in repaired(result({"s": {"type": "oauth2", "flow": MACHINE["flows"]}}))] == ["security-scheme-flows"]


def test_url_that_cannot_be_called_is_left_empty_with_a_finding() -> None:
    outcome = result({"s": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://{tenant}/t", "scopes": {}}}}})
    assert (outcome.definition.auth.token_uri, [f.pointer for f in findings(outcome)]) == (
        "",
        ["/components/securitySchemes/s/flows/clientCredentials/tokenUrl"],
    )


def test_schemes_that_are_required_together_are_a_finding() -> None:
    assert rules(result({"a": BASIC, "b": KEY}, [{"a": [], "b": []}])) == ["security-together"]
