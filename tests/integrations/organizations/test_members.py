"""Members: roles, invitations by link, and that an organization keeps an admin."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import Invitation, Membership, Organization, Role, User
from integrations.organizations import members, moving
from integrations.refusals import Conflict
from tests.cast import PASSWORD, Cast, member
from tests.pages import errors, signed_in, text

NEW = {"username": "nora", "display_name": "Nora", "password": "a horse of another colour"}


@pytest.fixture
def invitation(cast: Cast) -> Invitation:
    return members.invite(organization=cast.client_a, user=cast.alice, role=Role.OPERATOR, email="nora@example.com")


def link(invitation: Invitation) -> str:
    return reverse("invitation-accept", args=[invitation.token])


def test_invited_person_makes_an_account_and_is_signed_in(invitation: Invitation) -> None:
    browser = Client()
    assert "Alice invites you as operator" in text(browser.get(link(invitation)))
    assert browser.post(link(invitation), NEW)["Location"] == reverse("home")
    nora = User.objects.get(username="nora")
    assert (nora.email, nora.check_password(NEW["password"])) == ("nora@example.com", True)
    assert list(nora.memberships.values_list("organization__slug", "role")) == [("client-a", "operator")]
    assert "Welcome to Client A." in text(browser.get(reverse("integration-list")))


def test_invited_person_with_an_account_signs_in_and_joins(invitation: Invitation, eve: User) -> None:
    browser = Client()
    page = browser.get(link(invitation))
    assert f'href="{reverse("login")}?next={quote(link(invitation))}"' in page.content.decode()
    answer = browser.post(f"{reverse('login')}", {"username": "eve", "password": PASSWORD, "next": link(invitation)})
    assert answer["Location"] == link(invitation)
    assert "Join as eve" in text(browser.get(link(invitation)))
    browser.post(link(invitation))
    assert eve.memberships.get(organization__slug="client-a").role == Role.OPERATOR


def test_link_works_once(invitation: Invitation, eve: User) -> None:
    Client().post(link(invitation), NEW)
    answer = signed_in(eve).post(link(invitation))
    assert answer.status_code == 410
    assert "This invitation has been used already; a link works once." in text(answer)
    assert not eve.memberships.filter(organization__slug="client-a").exists()


def test_link_ends_after_its_time_and_when_it_is_withdrawn(invitation: Invitation, alice: User) -> None:
    other = members.invite(organization=invitation.organization, user=alice, role=Role.VIEWER)
    members.withdraw(invitation=other)
    assert "This invitation was withdrawn." in text(Client().get(link(other)))
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "This invitation ended on " in text(Client().get(link(invitation)))
    assert Client().post(link(invitation), NEW).status_code == 410
    assert not User.objects.filter(username="nora").exists()


def test_link_ends_with_the_role_of_whoever_made_it(cast: Cast) -> None:
    """An admin who has to go keeps no way back in."""
    anna = member("anna", cast.client_a, Role.ADMIN)
    kept = members.invite(organization=cast.client_a, user=anna, role=Role.ADMIN)
    members.set_role(organization=cast.client_a, user=anna, role=Role.VIEWER)
    page = Client().get(link(kept))
    said = "Whoever made this invitation is no admin here any more, so that it has ended. Ask for a new one."
    assert (page.status_code, said in text(page)) == (410, True)
    with pytest.raises(Conflict):
        members.accept(invitation=kept, user=anna)
    alice = signed_in(cast.alice)
    assert "Ended Anna is no admin here any more." in text(alice.get(reverse("organization-detail", args=["client-a"])))
    assert [one["isValid"] for one in alice.get("/api/organizations/client-a/invitations").json()] == [False]


def test_link_of_an_organization_that_was_moved_leads_nobody_of_the_old_tree_into_the_new_one(cast: Cast) -> None:
    kept = members.invite(organization=cast.client_b, user=cast.alice, role=Role.ADMIN)
    moving.move(organization=cast.client_b, parent=cast.stranger_org)
    assert Client().get(link(kept)).status_code == 410
    with pytest.raises(Conflict):
        members.join(invitation=kept, username="mallory", display_name="", password=PASSWORD)


def test_link_that_was_not_made_here_leads_nowhere(invitation: Invitation) -> None:
    for token in (str(invitation.pk), invitation.token[:-2], "nonsense"):
        answer = Client().get(reverse("invitation-accept", args=[token]))
        assert (answer.status_code, "This link is not whole" in text(answer)) == (410, True)


def test_new_account_is_refused_with_sentences_and_the_link_stays_good(invitation: Invitation, cast: Cast) -> None:
    browser = Client()
    answer = browser.post(link(invitation), {"username": "bob", "password": "short"})
    assert errors(answer) == {"password": ["This password is too short. It must contain at least 10 characters."]}
    answer = browser.post(link(invitation), {**NEW, "username": "bob"})
    assert errors(answer) == {"username": ["bob is taken. Choose another one, or sign in if it is yours."]}
    assert browser.post(link(invitation), NEW).status_code == 302


def test_joining_never_lowers_a_role(cast: Cast) -> None:
    invitation = members.invite(organization=cast.msp, user=cast.alice, role=Role.VIEWER)
    answer = signed_in(cast.bob).post(link(invitation))
    assert (answer.status_code, "You are builder of Managed Services already, which is more." in text(answer)) == (409, True)
    assert cast.bob.memberships.get().role == Role.BUILDER


def test_last_admin_stays_until_there_is_another_one(cast: Cast) -> None:
    mine = Membership.objects.get(user=cast.alice)
    for deed in (lambda: members.remove(membership=mine), lambda: members.set_role(organization=cast.msp, user=cast.alice, role="viewer")):
        with pytest.raises(Conflict) as refusal:
            deed()
        assert refusal.value.message == "Alice is the last admin of Managed Services. Make somebody else an admin first."
    members.set_role(organization=cast.msp, user=cast.bob, role="admin")
    members.remove(membership=mine)
    assert list(cast.msp.memberships.values_list("user__username", "role")) == [("bob", "admin")]


def test_only_admin_of_a_client_may_go_because_the_admins_above_remain(cast: Cast) -> None:
    anna = member("anna", cast.client_a, Role.ADMIN)
    members.remove(membership=Membership.objects.get(user=anna))
    assert not anna.memberships.exists()


def test_pages_change_roles_and_remove_members(alice: User, carol: User, client_a: Organization) -> None:
    client, mine = signed_in(alice), Membership.objects.get(user=carol)
    client.post(reverse("member-role", args=["client-a", mine.pk]), {"role": "builder"})
    mine.refresh_from_db()
    assert mine.role == Role.BUILDER
    client.post(reverse("member-remove", args=["client-a", mine.pk]))
    assert not carol.memberships.exists()
    assert "Carol is no member of Client A any more." in text(client.get(reverse("organization-detail", args=["client-a"])))


def test_pages_take_no_member_of_another_organization(carol: User, cast: Cast) -> None:
    anna = member("anna", cast.client_a, Role.ADMIN)
    theirs = Membership.objects.get(user=cast.eve)
    assert signed_in(anna).post(reverse("member-remove", args=["client-a", theirs.pk])).status_code == 404
    assert cast.eve.memberships.exists()


def test_api_invites_lists_and_removes(alice: User, cast: Cast) -> None:
    client = signed_in(alice)
    made = client.post("/api/organizations/client-a/invitations", {"role": "viewer"}, "application/json").json()
    assert Client().post(made["url"].removeprefix("http://localhost:8000"), NEW).status_code == 302
    listed = client.get("/api/organizations/client-a/members").json()
    assert [(row["user"], row["role"]) for row in listed] == [("carol", "operator"), ("dave", "viewer"), ("nora", "viewer")]
    assert client.put("/api/organizations/client-a/members/nora", {"role": "admin"}, "application/json").json()["role"] == "admin"
    assert client.delete("/api/organizations/client-a/members/nora").status_code == 204
    assert client.get("/api/organizations/client-a/invitations").json() == []
