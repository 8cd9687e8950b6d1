"""ETag and If-Match: two editors do not overwrite each other unseen, over HTTP and in the browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from actions.models import Action
from integrations.models import Integration
from tests.api.calls import Caller
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of
from tests.pages import signed_in


def test_second_editor_of_an_integration_is_told(cast: Cast, make_integration: MakeIntegration) -> None:
    path = f"integrations/{make_integration(status='draft').slug}"
    alice, bob = Caller(cast.alice), Caller(cast.bob)
    tag = alice.ask("GET", path)["ETag"]
    assert bob.ask("GET", path)["ETag"] == tag
    saved = bob.ask("PATCH", path, {"headers": {"X-From": "bob"}}, If_Match=tag)
    assert (saved.status_code, saved["ETag"] != tag) == (200, True)
    refused = alice.ask("PUT", path, {"headers": {"X-From": "alice"}}, If_Match=tag)
    assert (refused.status_code, refused.json()["type"], refused["ETag"]) == (412, "urn:junction:problem:outdated", saved["ETag"])
    assert refused.json()["detail"] == (
        "Somebody has changed it since you have read it. Read it again, and make your change to what is there now."
    )
    assert alice("DELETE", path, expect=412, If_Match=tag)["status"] == 412
    assert alice("GET", path)["headers"] == {"X-From": "bob"}
    assert alice("PUT", path, {"headers": {"X-From": "alice"}}, If_Match=f'"other", {saved["ETag"]}')["headers"] == {"X-From": "alice"}
    assert alice("PUT", path, {"headers": {}}, If_Match="*")["headers"] == {}


def test_unchanged_documents_are_not_sent_again(cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection) -> None:
    integration = make_integration()
    connection = make_connection(integration)
    alice = Caller(cast.alice)
    for path in (f"integrations/{integration.pk}", f"actions/{action_of(integration).uid}", f"connections/{connection.pk}",
                 f"organizations/{cast.msp.slug}", f"integrations/{integration.pk}/draft"):  # fmt: skip
        first = alice.ask("GET", path)
        again = alice.ask("GET", path, If_None_Match=first["ETag"])
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"]), path
    by_time = alice.ask("GET", f"integrations/{integration.pk}")
    assert alice.ask("GET", f"integrations/{integration.pk}", If_Modified_Since=by_time["Last-Modified"]).status_code == 304
    assert alice.ask("GET", f"integrations/{integration.pk}", If_Modified_Since="Mon, 01 Jan 2024 00:00:00 GMT").status_code == 200


def test_actions_connections_and_organizations_are_guarded_too(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration(status="draft")
    action = Action.objects.get(revision__integration=integration)
    connection = make_connection(make_integration(name="Other"))
    alice = Caller(cast.alice)
    for path, first, second in (
        (f"actions/{action.uid}", {"description": "one"}, {"description": "two"}),
        (f"connections/{connection.pk}", {"name": "One"}, {"name": "Two"}),
        (f"organizations/{cast.client_a.slug}", {"name": "One"}, {"name": "Two"}),
    ):
        tag = alice.ask("GET", path)["ETag"]
        saved = alice.ask("PATCH", path, first, If_Match=tag)
        assert (saved.status_code, saved["ETag"] != tag) == (200, True), path
        assert alice("PATCH", path, second, expect=412, If_Match=tag)["title"] == "It was changed in the meantime"
        assert alice.ask("PATCH", path, second, If_Match=saved["ETag"]).status_code == 200
    assert alice("DELETE", f"actions/{action.uid}", expect=412, If_Match='"old"')["status"] == 412
    assert alice("DELETE", f"connections/{connection.pk}", expect=412, If_Match='"old"')["status"] == 412


def test_draft_is_finalized_only_as_it_was_read(cast: Cast, make_integration: MakeIntegration) -> None:
    path = f"integrations/{make_integration(status='draft').slug}"
    alice, bob = Caller(cast.alice), Caller(cast.bob)
    draft = alice.ask("GET", f"{path}/draft")
    assert (draft.json()["state"], [item["name"] for item in draft.json()["actions"]]) == ("draft", ["List users"])
    bob("POST", f"{path}/actions", {"name": "Delete all users", "method": "DELETE", "path": "/users"}, expect=201)
    alice("POST", f"{path}/finalize", {}, expect=412, If_Match=draft["ETag"])
    assert alice("GET", path)["status"] == "draft"
    alice("POST", f"{path}/finalize", {}, If_Match=alice.ask("GET", f"{path}/draft")["ETag"])
    bob("PATCH", path, {"headers": {"X-New": "1"}})
    bob("DELETE", f"{path}/draft", expect=204)
    assert (bob("GET", path)["hasDraft"], bob("GET", path)["headers"]) == (False, {})
    assert bob("DELETE", f"{path}/draft", expect=204) is None


def test_installation_may_want_a_condition_with_every_change(cast: Cast, make_integration: MakeIntegration, settings: Any) -> None:
    settings.API_REQUIRE_IF_MATCH = True
    path = f"integrations/{make_integration(status='draft').slug}"
    alice = Caller(cast.alice)
    problem = alice("PATCH", path, {"description": "x"}, expect=428)
    assert (problem["type"], problem["detail"]) == (
        "urn:junction:problem:precondition-required",
        "Read it first, and send its ETag as If-Match: somebody else may have changed it. * overwrites in any case.",
    )
    alice("PATCH", path, {"description": "x"}, If_Match=alice.ask("GET", path)["ETag"])


def _form(client: Client, path: str) -> dict[str, str]:
    """The inputs of the page's form as a browser would send them back."""
    page = client.get(path).content.decode()
    form = page[page.index('method="post"', page.index("step-form" if "step-form" in page else "action-form")) :]
    form = form[: form.index("</form>")]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and (('type="radio"' not in tag and 'type="checkbox"' not in tag) or " checked" in tag) and 'type="file"' not in tag:
            found[name[1]] = value[1] if value else ""
    found |= dict(re.findall(r'<textarea name="([^"]+)"[^>]*>\n?([^<]*)</textarea>', form))
    for name, inner in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inner)
        found[name] = chosen[1] if chosen else ""
    return found


@pytest.mark.parametrize("step", ["details", "action"])
def test_second_editor_in_the_browser_is_told_and_may_save_again(cast: Cast, make_integration: MakeIntegration, step: str) -> None:
    integration = make_integration(status="draft")
    action = Action.objects.get(revision__integration=integration)
    path = f"/integrations/{integration.slug}/edit/details/" if step == "details" else (
        f"/integrations/{integration.slug}/edit/actions/?action={action.uid}"
    )  # fmt: skip
    alice, bob = signed_in(cast.alice, cast.msp), signed_in(cast.bob, cast.msp)
    hers, his = _form(alice, path), _form(bob, path)
    assert len(hers["seen"]) == 32
    assert bob.post(path, {**his, "description": "by bob"}).status_code == 302
    refused = alice.post(path, {**hers, "description": "by alice"})
    assert refused.status_code == 422
    text = refused.content.decode()
    assert "Bob has changed this since you opened the page. What you entered is not saved yet" in text
    assert ("by alice" in text, "by bob" in text) == (True, False)
    held = Integration.objects.get() if step == "details" else Action.objects.get()
    assert held.description == "by bob"
    seen = re.search(r'name="seen" value="([0-9a-f]{32})"', text)
    assert seen is not None
    assert alice.post(path, {**hers, "seen": seen[1], "description": "by alice"}).status_code == 302
    held.refresh_from_db()
    assert held.description == "by alice"
