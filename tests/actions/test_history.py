"""Revisions: what a draft changes, whom it concerns, the history with its notes, and going back."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from actions import finalize, history
from actions import services as actions
from connections import checking
from integrations import services as integrations
from integrations.models import Integration, User
from integrations.models.integration import Status
from integrations.refusals import Conflict, Invalid
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.pages import errors, signed_in, text

USERS = action_values(name="List users", path="/users")
TEAMS = action_values(name="List teams", path="/teams")


@pytest.fixture
def integration(make_integration: MakeIntegration, bob: User) -> Integration:
    """Revision 1 has the users; revision 2 has another host, renamed users, and the teams besides."""
    made = make_integration(actions=[USERS], headers={"X-API-Key": "hush"})
    integrations.change_definition(integration=made, api_base_uri="https://new.example.com/v1", headers={"X-API-Key": "changed"})
    actions.change(action=action_of(made), values={"name": "All users"})
    actions.add(integration=made, values=TEAMS)
    finalize.finalize(integration=made, user=bob, note="New host")
    return made


def fields(changes: list[history.FieldChange]) -> list[tuple[str, Any, Any]]:
    return [(change.field, change.before, change.after) for change in changes]


def revisions(integration: Integration) -> list[int]:
    return [row.number for row in history.history(integration)]


def test_difference_tells_fields_of_the_definition_and_actions_added_and_changed(integration: Integration) -> None:
    first, second = integration.revisions.all()
    found = history.difference(first, second)
    assert fields(found.definition) == [
        ("apiBaseUri", "https://api.example.com/v1", "https://new.example.com/v1"),
        ("headers.X-API-Key", "••••••", "••••••"),  # that it changed, not to what
    ]
    assert [row.name for row in found.added] == ["List teams"]
    assert found.removed == []
    assert [(row.name, fields(row.fields)) for row in found.changed] == [("All users", [("name", "List users", "All users")])]
    assert [row.name for row in history.difference(second, first).removed] == ["List teams"]
    assert history.difference(second, second).is_empty


def test_rolling_back_makes_a_new_revision_and_keeps_later_actions_as_deprecated(integration: Integration, alice: User) -> None:
    made = history.roll_back(integration=integration, number=1, user=alice)
    assert (made.number, made.note, made.finalized_by, integration.current) == (3, "As revision 1", alice, made)
    assert made.definition.api_base_uri == "https://api.example.com/v1"
    assert list(made.actions.values_list("name", "deprecated")) == [("List users", False), ("List teams", True)]
    second = integration.revisions.get(number=2)
    assert second.actions.get(key="list_teams").deprecated is False  # what is finalized never changes
    assert set(made.actions.values_list("uid", flat=True)) == set(second.actions.values_list("uid", flat=True))


def test_rolling_back_is_refused_with_a_reason(integration: Integration, alice: User) -> None:
    said = []
    for number in (2, 9):
        with pytest.raises(Conflict) as refusal:
            history.roll_back(integration=integration, number=number, user=alice)
        said.append(refusal.value.message)
    integrations.open_draft(integration=integration)
    with pytest.raises(Conflict) as refusal:
        history.roll_back(integration=integration, number=1, user=alice)
    assert [*said, refusal.value.message] == [
        "Revision 2 is in force already.",
        "There is no finalized revision 9.",
        "There is an open draft. Finalize it or discard it before you go back to an earlier revision.",
    ]


def test_note_that_is_too_long_leaves_the_draft_open(integration: Integration, bob: User) -> None:
    integrations.open_draft(integration=integration)
    with pytest.raises(Invalid) as refusal:
        finalize.finalize(integration=integration, user=bob, note="x" * 501)
    assert refusal.value.errors == {"note": ["At most 500 characters; this note has 501."]}
    assert integration.draft is not None


def test_finalize_page_shows_what_changes_and_for_how_many(integration: Integration, make_connection: MakeConnection, cast: Cast) -> None:
    for name, organization, user in (("A", cast.client_a, cast.carol), ("B", cast.client_a, cast.carol), ("C", cast.client_b, cast.alice)):
        make_connection(integration, name=name, organization=organization, user=user)
    actions.change(action=action_of(integration, "list_teams"), values={"description": "Whole teams"})
    page = text(signed_in(cast.bob).get(reverse("wizard-step", args=[integration.slug, "finalize"])))
    assert "What this draft changes against revision 2" in page
    assert "It is in force at once for 3 connections of 2 organizations." in page
    assert "Whole teams" in page
    assert "All users" not in page  # which the draft leaves as it is


def test_pages_tell_the_history_and_go_back(integration: Integration, bob: User) -> None:
    client, slug = signed_in(bob), integration.slug
    page = text(client.get(reverse("integration-history", args=[slug])))
    assert "2 In force" in page
    assert "Bob New host" in page
    assert "Against" not in page
    assert "What it changed against revision 1 New host" in text(client.get(reverse("revision-changes", args=[slug, 2]))).replace(".", "")
    back = reverse("revision-restore", args=[slug, 1])
    assert "Nobody is connected, so nobody notices." in text(client.get(back))
    assert errors(client.post(back, {"note": "x" * 501})) == {"note": ["Ensure this value has at most 500 characters (it has 501)."]}
    assert client.post(back, {"note": "The new host is down"})["Location"] == reverse("integration-history", args=[slug])
    assert revisions(integration) == [3, 2, 1]
    assert "3 In force" in text(client.get(reverse("integration-history", args=[slug])))
    assert client.get(reverse("revision-changes", args=[slug, 9])).status_code == 404


def test_api_does_what_the_pages_do(integration: Integration, bob: User) -> None:
    client, path = signed_in(bob), f"/api/integrations/{integration.slug}/revisions"
    listed = client.get(path).json()
    assert [(row["number"], row["state"], row["note"], row["finalizedBy"]) for row in listed] == [
        (2, "finalized", "New host", "bob"),
        (1, "finalized", "", "bob"),
    ]
    found = client.get(f"{path}/1/changes?against=2").json()
    assert (found["before"], found["after"], [row["name"] for row in found["actions"]["removed"]]) == (2, 1, ["List teams"])
    made = client.post(f"{path}/1/restore", {"note": "Back"}, "application/json").json()
    assert (made["number"], made["note"]) == (3, "Back")
    assert client.post(f"{path}/3/restore", {}, "application/json").status_code == 409


def test_deprecated_integration_goes_on_for_who_is_connected_and_is_closed_to_others(
    integration: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    connection = make_connection(integration)
    integrations.set_status(integration=integration, status=Status.DEPRECATED)
    with pytest.raises(Conflict) as refusal:
        checking.check_installable(integration, cast.client_b)
    assert refusal.value.message == (
        "Sample cannot be connected. It is deprecated: what is connected goes on working, but nothing new can be connected."
    )
    client = signed_in(cast.carol, cast.client_a)
    page = text(client.get(reverse("integration-detail", args=[integration.slug])))
    assert "Deprecated by Managed Services: what is connected goes on working, nothing new can be connected." in page
    started = client.post("/api/runs", {"action": str(action_of(integration).uid), "connection": str(connection.pk)}, "application/json")
    assert started.status_code in (201, 202)
    assert signed_in(cast.bob).put(f"/api/integrations/{integration.slug}", {"status": "published"}, "application/json").status_code == 200
