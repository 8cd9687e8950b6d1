"""Templates: the command that imports them, the pages and the API that start integrations from them."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from integrations import templates
from integrations.models import Integration, IntegrationTemplate, User
from tests.cast import Cast

CATALOGUE = """
harbor:
    display_name: Harbor | Ships
    categories: [logistics, popular]
    auth_mode: API_KEY
    proxy:
        base_url: https://${connectionConfig.region}.harbor.example/v2
        headers: {authorization: 'Key ${apiKey}'}
    connection_config:
        region: {type: string, title: Region, description: Where your ships are.}
lantern:
    display_name: Lantern
    categories: [crm]
    auth_mode: OAUTH2
    authorization_url: https://lantern.example/authorize
    token_url: https://lantern.example/token
    proxy:
        base_url: https://lantern.example/api
        paginate: {type: link, link_rel_in_response_header: next, link_path_in_response_body: next}
        warp: 9
semaphore:
    display_name: Semaphore
    categories: [crm]
    auth_mode: OAUTH1
"""
LOSSES = [
    {"path": "proxy.paginate.link_rel_in_response_header", "reason": "The next link is read in one place: of header and body the body's next."},
    {"path": "proxy.warp", "reason": "This key is not known here."},
]  # fmt: skip


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE)
    return path


@pytest.fixture
def imported(cast: Cast) -> None:
    templates.import_catalogue(CATALOGUE.encode(), source="catalogue.yaml")


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command("import_providers", *map(str, arguments), stdout=out)
    return out.getvalue()


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- the command ----------------------------------------------------------------------------------------------------


def test_command_says_for_each_entry_and_in_total_what_was_lost(db: None, catalogue: Path) -> None:
    assert run(catalogue).splitlines() == [
        "harbor: imported",
        "lantern: imported, 2 lost",
        "    lost  proxy.paginate.link_rel_in_response_header: The next link is read in one place: of header and body the body's next.",
        "    lost  proxy.warp: This key is not known here.",
        "semaphore: not imported",
        "    lost  auth_mode: OAuth 1.0 signs each request with two secrets, which Junction does not do.",
        "",
        "method                 entries   nothing lost   percent",
        "API_KEY                      1              1    100.00",
        "OAUTH1                       1              0      0.00",
        "OAUTH2                       1              0      0.00",
        "all known methods            2              1     50.00",
        "2 of 3 entries are stored as templates.",
    ]
    assert list(IntegrationTemplate.objects.values_list("key", "name", "category_marks", "source")) == [
        ("harbor", "Harbor | Ships", "|logistics|popular|", "catalogue.yaml"),
        ("lantern", "Lantern", "|crm|", "catalogue.yaml"),
    ]


def test_command_reports_as_json_and_stores_nothing_when_dry(db: None, catalogue: Path) -> None:
    report = json.loads(run(catalogue, "--json", "--dry-run"))
    assert (report["dryRun"], report["imported"], report["total"], report["byMethod"]["OAUTH2"]) == (
        True,
        2,
        {"entries": 2, "withoutLoss": 1, "percent": 50.0},
        {"entries": 1, "withoutLoss": 0, "percent": 0.0},
    )
    assert report["entries"][1] == {
        "key": "lantern",
        "name": "Lantern",
        "method": "OAUTH2",
        "imported": True,
        "losses": LOSSES,
        "notes": [],
    }
    assert IntegrationTemplate.objects.count() == 0


def test_importing_again_replaces_by_key_and_leaves_others(db: None, catalogue: Path, tmp_path: Path) -> None:
    run(catalogue)
    before = dict(IntegrationTemplate.objects.values_list("key", "id"))
    newer = tmp_path / "newer.yaml"
    newer.write_text("harbor: {display_name: Harbor 2, auth_mode: NONE, proxy: {base_url: 'https://two.example'}}\n")
    run(newer)
    assert dict(IntegrationTemplate.objects.values_list("key", "id")) == before
    assert [(one.name, one.definition.api_base_uri, one.source) for one in IntegrationTemplate.objects.all()] == [
        ("Harbor 2", "https://two.example", "newer.yaml"),
        ("Lantern", "https://lantern.example/api", "catalogue.yaml"),
    ]


@pytest.mark.parametrize(
    ("content", "sentence", "code"),
    [
        (b"a: [1", "broken.yaml: The file is neither YAML nor JSON: did not find expected ',' or ']' (line 2, column 1).", 1),
        (b"\x00\xff", "broken.yaml: The file is not UTF-8 text (byte 2). Save it as UTF-8.", 1),
        (b"a: {auth_mode: OAUTH1}", "No entry could be made a template.", 3),
    ],
)
def test_command_ends_with_a_sentence_and_a_code(db: None, tmp_path: Path, content: bytes, sentence: str, code: int) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        run(path)
    assert (str(caught.value), caught.value.returncode) == (sentence, code)


def test_command_says_that_a_file_is_not_there(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        run(tmp_path / "gone.yaml")
    assert str(caught.value) == f"{tmp_path}/gone.yaml cannot be read: No such file or directory."


# --- the pages ------------------------------------------------------------------------------------------------------


def test_template_becomes_a_draft_that_says_what_is_missing(imported: None, bob: User) -> None:
    client = browser(bob)
    answer = client.post("/integrations/templates/lantern/", {"name": "Our Lantern"}, follow=True)
    made = Integration.objects.get()
    assert answer.redirect_chain == [("/integrations/our-lantern/edit/details/", 302)]
    assert (made.name, made.category, made.status, made.working.source) == ("Our Lantern", "crm", "draft", "Template Lantern")
    assert made.working.definition.dump() == IntegrationTemplate.objects.get(key="lantern").definition.dump()
    assert [str(message) for message in answer.context["messages"]] == [
        "The draft Our Lantern is there, as the template Lantern says. Every step saves to it.",
        "Not in the draft, because it could not be expressed: proxy.paginate.link_rel_in_response_header: The next link is read in one place: of header and body the body's next.",
        "Not in the draft, because it could not be expressed: proxy.warp: This key is not known here.",
    ]


def test_name_that_an_integration_cannot_have_is_mended_by_default_and_refused_when_entered(imported: None, bob: User) -> None:
    client = browser(bob)
    assert 'value="Harbor Ships"' in client.get("/integrations/templates/harbor/").content.decode()
    answer = client.post("/integrations/templates/harbor/", {"name": "<b>"})
    assert answer.status_code == 422
    assert "Leave out special characters (&lt; &gt;)" in answer.content.decode()
    assert Integration.objects.count() == 0


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Harbor | Ships", "Lantern"]),
        ("?q=ships+har", ["Harbor | Ships"]),
        ("?category=crm", ["Lantern"]),
        ("?category=popular&q=lantern", []),
        ("?page=99", ["Harbor | Ships", "Lantern"]),
    ],
)
def test_page_lists_what_search_and_category_leave(imported: None, bob: User, query: str, names: list[str]) -> None:
    client = browser(bob)
    whole, part = client.get(f"/integrations/templates/{query}"), client.get(f"/integrations/templates/{query}", HTTP_HX_REQUEST="true")
    assert [template.name for template in whole.context["page"]] == [template.name for template in part.context["page"]] == names
    assert whole.context["categories"] == ["crm", "logistics", "popular"]
    assert (whole.content.decode().count("<html"), part.content.decode().count("<html")) == (1, 0)


def test_page_without_templates_says_how_they_come(cast: Cast) -> None:
    assert "manage.py import_providers FILE" in browser(cast.bob).get("/integrations/templates/").content.decode()


def test_templates_are_for_builders_only(imported: None, cast: Cast) -> None:
    for user in (cast.carol, cast.dave):
        client = browser(user)
        assert client.get("/integrations/templates/").status_code == 403
        assert client.post("/integrations/templates/lantern/", {"name": "Mine"}).status_code == 403
    assert browser(cast.bob).get("/integrations/templates/gone/").status_code == 404
    assert Integration.objects.count() == 0


# --- the API --------------------------------------------------------------------------------------------------------


def test_api_lists_reads_and_starts(imported: None, cast: Cast) -> None:
    client = browser(cast.bob)
    listed = client.get("/api/integration-templates?category=crm").json()
    assert (listed["total"], [(one["key"], one["authType"], one["losses"]) for one in listed["_embedded"]["inf:integration-template"]]) == (
        1,
        [("lantern", "oauth2", LOSSES)],
    )
    template = IntegrationTemplate.objects.get(key="harbor")
    for key in (template.pk, "harbor"):
        document = client.get(f"/api/integration-templates/{key}").json()
        assert (document["name"], document["definition"]) == ("Harbor | Ships", template.definition.dump())
    answer = client.post(
        f"/api/integration-templates/{template.pk}/integrations", json.dumps({"name": "Ships"}), content_type="application/json"
    )
    made = Integration.objects.get()
    assert (answer.status_code, answer.headers["Location"], answer.json()["apiBaseUri"], made.organization) == (
        201,
        f"/api/integrations/{made.pk}",
        "https://{{settings.region}}.harbor.example/v2",
        cast.msp,
    )
    assert made.category == "logistics"


@pytest.mark.parametrize(
    ("body", "status"), [({"name": "<b>"}, 422), ({"nme": "x"}, 422), ({"name": 7}, 422), ({"organization": "stranger"}, 422)]
)
def test_api_refuses_what_does_not_fit(imported: None, bob: User, body: dict[str, Any], status: int) -> None:
    answer = browser(bob).post("/api/integration-templates/harbor/integrations", json.dumps(body), content_type="application/json")
    assert (answer.status_code, Integration.objects.count()) == (status, 0)


def test_api_shows_no_templates_to_who_builds_nowhere(imported: None, cast: Cast) -> None:
    client = browser(cast.carol)
    assert client.get("/api/integration-templates").json()["total"] == 0
    assert client.get("/api/integration-templates/harbor").status_code == 404
    assert client.post("/api/integration-templates/harbor/integrations", "{}", content_type="application/json").status_code == 404


def test_integration_can_be_given_its_rate_limit_by_the_api(imported: None, bob: User) -> None:
    client = browser(bob)
    client.post("/api/integration-templates/harbor/integrations", "{}", content_type="application/json")
    made = Integration.objects.get()
    limit = {"resetHeaders": ["x-reset"], "statuses": [429, "5XX"]}
    answer = client.patch(f"/api/integrations/{made.pk}", json.dumps({"rateLimit": limit}), content_type="application/json")
    assert answer.json()["rateLimit"] == {
        "retryAfterHeaders": [],
        "resetHeaders": ["x-reset"],
        "remainingHeader": "",
        "statuses": ["429", "5xx"],
        "body": None,
        "limited": {"statuses": [], "path": "", "values": []},
        "limitedExpression": "",
        "waitExpression": "",
        "resetExpression": "",
    }
    refused = client.patch(
        f"/api/integrations/{made.pk}", json.dumps({"rateLimit": {"statuses": ["often"]}}), content_type="application/json"
    )
    assert (refused.status_code, refused.json()["errors"]) == (
        422,
        [{"field": "rateLimit.statuses", "message": "'often' is no status. Write for example 429, 5xx or 400-403."}],
    )
