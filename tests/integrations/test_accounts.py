"""Sign-in, account, and the switch between organizations."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Organization, User
from tests.cast import PASSWORD
from tests.pages import HTMX, errors, signed_in, text

NEW_PASSWORD = "another horse, another battery"


def test_login_opens_the_page_that_was_asked_for(carol: User) -> None:
    client = Client()
    asked = client.get(reverse("account"))
    assert asked["Location"] == f"{reverse('login')}?next={reverse('account')}"
    answer = client.post(asked["Location"], {"username": "carol", "password": PASSWORD, "next": reverse("account")})
    assert (answer.status_code, answer["Location"]) == (302, reverse("account"))
    assert client.get(reverse("account")).status_code == 200


@pytest.mark.parametrize(("username", "password"), [("carol", "a guess"), ("nobody", PASSWORD)])
def test_login_does_not_say_which_of_the_two_is_wrong(carol: User, username: str, password: str) -> None:
    answer = Client().post(reverse("login"), {"username": username, "password": password})
    assert errors(answer) == {"__all__": ["User name or password is wrong. Check both; capital letters count."]}
    assert password not in answer.content.decode()


def test_login_does_not_lead_to_another_site(carol: User) -> None:
    answer = Client().post(reverse("login"), {"username": "carol", "password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == reverse("integration-list")


def test_logout_needs_a_post_and_ends_the_session(carol: User) -> None:
    client = signed_in(carol)
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout"))["Location"] == reverse("login")
    assert client.get(reverse("account")).status_code == 302


def test_background_requests_of_somebody_signed_out_get_401_instead_of_a_page(db: None) -> None:
    answer = Client().get(reverse("run-list"), headers=HTMX)
    assert (answer.status_code, answer.content.decode()) == (401, "You are signed out. Sign in again.")


def test_account_changes_the_name_and_shows_the_roles(carol: User) -> None:
    client = signed_in(carol)
    assert client.post(reverse("account"), {"form": "profile", "display_name": "Carol C.", "email": "carol@example.com"}).status_code == 302
    carol.refresh_from_db()
    assert (carol.display_name, carol.email, carol.has_first_password) == ("Carol C.", "carol@example.com", False)
    assert "Client A Operator: connects and runs" in text(client.get(reverse("account")))


def test_account_keeps_the_name_of_a_refused_form_out_of_the_page_header(carol: User) -> None:
    answer = signed_in(carol).post(reverse("account"), {"form": "profile", "display_name": "X", "email": "no address"})
    assert answer.status_code == 422
    assert errors(answer, "profile") == {"email": ["Enter a valid email address."]}
    assert answer.context["user"].display_name == "Carol"


def test_first_password_is_spoken_of_on_every_page_until_it_is_changed(carol: User) -> None:
    User.objects.filter(pk=carol.pk).update(has_first_password=True)
    client, sentence = signed_in(carol), "You still use the password that Junction made for you"
    assert [sentence in text(client.get(reverse(page))) for page in ("account", "connection-list", "run-list")] == [True] * 3
    values = {"form": "password", "old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert client.post(reverse("account"), values).status_code == 302
    carol.refresh_from_db()
    assert (carol.has_first_password, carol.check_password(NEW_PASSWORD)) == (False, True)
    assert sentence not in text(client.get(reverse("account")))  # and this browser is still signed in


def test_password_change_ends_the_sessions_of_other_browsers(carol: User) -> None:
    here, there = signed_in(carol), signed_in(carol)
    here.post(
        reverse("account"),
        {"form": "password", "old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    )
    assert [client.get(reverse("account")).status_code for client in (here, there)] == [200, 302]


def test_password_change_says_what_is_wrong_and_changes_nothing(carol: User) -> None:
    values = {"form": "password", "old_password": "wrong", "new_password1": NEW_PASSWORD, "new_password2": "different"}
    answer = signed_in(carol).post(reverse("account"), values)
    assert errors(answer, "password") == {
        "old_password": ["This is not your current password. Enter it again."],
        "new_password2": ["The two new passwords differ. Enter the same one twice."],
    }
    carol.refresh_from_db()
    assert carol.check_password(PASSWORD)
    assert NEW_PASSWORD not in answer.content.decode()


def test_switch_works_for_another_organization_and_returns(alice: User, client_b: Organization) -> None:
    client = signed_in(alice)
    answer = client.post(reverse("organization-switch"), {"organization": client_b.pk, "next": reverse("run-list")})
    assert answer["Location"] == reverse("run-list")
    assert client.get(reverse("run-list")).context["request"].organization == client_b


def test_switch_knows_no_organization_that_the_user_does_not_see(carol: User, client_b: Organization) -> None:
    client = signed_in(carol)
    for key in (client_b.pk, "nonsense", ""):
        assert client.post(reverse("organization-switch"), {"organization": key}).status_code == 404


def test_switch_does_not_lead_to_another_site(alice: User, client_b: Organization) -> None:
    answer = signed_in(alice).post(reverse("organization-switch"), {"organization": client_b.pk, "next": "//evil.example/"})
    assert answer["Location"] == reverse("home")
