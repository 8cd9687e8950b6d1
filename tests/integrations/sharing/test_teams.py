"""Teams: named groups of people within an organization."""

from __future__ import annotations

import pytest
from django.urls import reverse

from integrations.models import AuditEntry, Share, Team
from integrations.refusals import Invalid
from integrations.sharing import services, teams
from tests.cast import Cast, MakeIntegration
from tests.pages import signed_in, text


def test_team_holds_people_with_a_role_in_the_organization_above_or_below(cast: Cast) -> None:
    team = teams.create(organization=cast.client_a, name="Help desk", members=["dave", "alice", "dave"])
    assert sorted(member.username for member in team.members.all()) == ["alice", "dave"]
    assert teams.create(organization=cast.msp, name="Help desk", members=["dave"]).slug == "help-desk-2"
    with pytest.raises(Invalid) as refusal:
        teams.create(organization=cast.client_b, name="Others", members=["carol", "eve", "alice"])
    assert refusal.value.errors == {"members": ["carol, eve: nobody of this name has a role in Client B, above it or below it."]}


def test_pages_make_change_and_delete_teams(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    url = reverse("team-list", args=["client-a"])
    assert url in alice.get(reverse("organization-detail", args=["client-a"])).content.decode()
    refused = alice.post(url, {"name": "Help desk", "members": "dave\neve"})
    assert (refused.status_code, list(refused.context["form"].errors)) == (422, ["members"])
    alice.post(url, {"name": "Help desk", "members": "dave, carol"})
    assert "Help desk team:help-desk Carol, Dave" in text(signed_in(cast.dave).get(url)).replace("Dave, Carol", "Carol, Dave")
    one = reverse("team-detail", args=["client-a", "help-desk"])
    alice.post(one, {"name": "Service desk", "members": "dave"})
    team = Team.objects.get()
    assert (team.name, team.slug, list(team.members.all())) == ("Service desk", "help-desk", [cast.dave])
    assert signed_in(cast.carol).post(one, {"name": "Mine"}).status_code == 403
    assert alice.post(reverse("team-delete", args=["client-a", "help-desk"])).status_code == 302
    assert Team.objects.count() == 0


def test_team_lists_nobody_who_has_left(cast: Cast) -> None:
    team = teams.create(organization=cast.client_a, name="Help desk", members=["carol", "dave"])
    cast.dave.memberships.all().delete()
    alice = signed_in(cast.alice)
    assert alice.get(f"/api/organizations/client-a/teams/{team.slug}").json()["members"] == ["carol"]
    page = alice.get(reverse("team-detail", args=["client-a", team.slug]))
    assert page.context["form"]["members"].value() == "carol"
    alice.post(reverse("team-detail", args=["client-a", team.slug]), {"name": "Help desk", "members": "carol"})
    assert [str(user) for user in team.members.all()] == ["Carol"]


def test_deleting_a_team_ends_its_shares(make_integration: MakeIntegration, cast: Cast) -> None:
    team = teams.create(organization=cast.client_a, name="Help desk", members=["dave"])
    services.share(integration=make_integration(organization=cast.client_b), principal=team, user=cast.alice)
    teams.delete(team=team)
    assert Share.objects.count() == 0


def test_api_makes_reads_changes_and_deletes_teams(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    made = alice.post("/api/organizations/client-a/teams", {"name": "Help desk", "members": ["dave"]}, "application/json")
    assert (made.status_code, made["Location"], made.json()["principalId"]) == (
        201,
        "/api/organizations/client-a/teams/help-desk",
        "team:help-desk",
    )
    changed = alice.patch(made["Location"], {"members": ["carol", "dave"]}, "application/json").json()
    assert (changed["name"], changed["members"]) == ("Help desk", ["carol", "dave"])
    assert [row["slug"] for row in signed_in(cast.dave).get("/api/organizations/client-a/teams").json()] == ["help-desk"]
    assert signed_in(cast.dave).patch(made["Location"], {"name": "x"}, "application/json").status_code == 403
    assert alice.patch(made["Location"], {"members": "dave"}, "application/json").json()["errors"] == [
        {"field": "members", "message": "Enter a list of user names."}
    ]
    assert [alice.delete(made["Location"]).status_code for _ in range(2)] == [204, 404]


def test_teams_are_logged(cast: Cast) -> None:
    alice = signed_in(cast.alice)
    path = alice.post("/api/organizations/client-a/teams", {"name": "Help desk"}, "application/json")["Location"]
    alice.patch(path, {"members": ["dave"]}, "application/json")
    alice.delete(path)
    rows = AuditEntry.objects.filter(object_name="Help desk").order_by("pk")
    assert [(row.actor_name, row.verb, row.before, row.after) for row in rows] == [
        ("Alice", "team created", {}, {"name": "Help desk", "members": []}),
        ("Alice", "team changed", {"members": []}, {"members": ["dave"]}),
        ("Alice", "team deleted", {"name": "Help desk", "members": ["dave"]}, {}),
    ]
