"""`manage.py bootstrap`: the first start, and every other one."""

from __future__ import annotations

import re
import socket
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from integrations.models import Membership, Organization, Role, User


def bootstrap(*words: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("bootstrap", *words, stdout=out, stderr=out)
    return out.getvalue()


def shown_passwords(text: str) -> list[str]:
    return re.findall(r"password +(\S{23}) ", text)


@pytest.mark.django_db
def test_bootstrap_makes_the_organization_and_an_admin_with_a_password_shown_once(settings: Settings) -> None:
    settings.ORGANIZATION_NAME, settings.ADMIN_USERNAME = "Acme", "root"
    first, second = bootstrap(), bootstrap()

    (password,) = shown_passwords(first)
    assert first.count(password) == 1
    assert second == f"Junction's address: {settings.PUBLIC_URL}\n"
    admin = User.objects.get()
    assert (admin.username, admin.has_first_password, admin.is_superuser, admin.is_staff) == ("root", True, False, False)
    assert admin.check_password(password)
    assert password not in "".join(str(value) for value in User.objects.values().get().values())
    membership = Membership.objects.get()
    assert (membership.user, membership.organization, membership.role) == (admin, Organization.objects.get(), Role.ADMIN)
    assert (membership.organization.name, membership.organization.parent) == ("Acme", None)


@pytest.mark.django_db
def test_bootstrap_takes_the_password_from_the_environment_and_never_shows_it(settings: Settings) -> None:
    settings.ADMIN_PASSWORD = "kept-in-the-environment"
    text = bootstrap()
    assert text == (f'The first admin is "admin", with the password from ADMIN_PASSWORD.\nJunction\'s address: {settings.PUBLIC_URL}\n')
    admin = User.objects.get()
    assert admin.check_password("kept-in-the-environment")
    assert not admin.has_first_password


@pytest.mark.django_db
def test_bootstrap_warns_of_a_weak_password_and_starts(settings: Settings) -> None:
    settings.ADMIN_PASSWORD = "secret"
    assert "ADMIN_PASSWORD is weak. This password is too short. It must contain at least 10 characters.\n" in bootstrap()
    assert User.objects.get().check_password("secret")


@pytest.mark.django_db
def test_bootstrap_leaves_an_installation_with_users_alone(settings: Settings, alice: User) -> None:
    settings.ADMIN_PASSWORD = "kept-in-the-environment"
    before = (User.objects.count(), Organization.objects.count())
    assert bootstrap() == f"Junction's address: {settings.PUBLIC_URL}\n"
    assert (User.objects.count(), Organization.objects.count()) == before


@pytest.mark.django_db
def test_bootstrap_says_that_the_port_is_in_use_before_it_does_anything(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        settings.PORT = taken.getsockname()[1]
        with pytest.raises(CommandError) as caught:
            bootstrap("--check-port")
    assert str(caught.value) == (
        f"Port {settings.PORT} is in use by another program. Stop that one, or choose another port: PORT={settings.PORT + 1} make run"
    )
    assert not User.objects.exists()
    assert bootstrap("--check-port").count("Junction's address") == 1
