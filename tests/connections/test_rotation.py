"""Keys are rotated while the service runs; nothing is lost, and what cannot be opened is said."""

from __future__ import annotations

import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from connections import services
from connections.models import Credential
from connections.rotation import sealed_models
from connections.secrets import needs_reseal, open_sealed
from tests.cast import MakeConnection, MakeIntegration

pytestmark = pytest.mark.django_db


def run(**options: bool) -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out, stderr=out, **options)
    return out.getvalue()


def test_every_model_with_a_sealed_column_is_rotated() -> None:
    from django.apps import apps

    columns = {
        (model.__name__, field.name) for model in apps.get_models() for field in model._meta.get_fields() if field.name.endswith("sealed")
    }
    assert {(model.__name__, column) for model in sealed_models() for column in model.SEALED} == columns  # type: ignore[attr-defined]


def test_secrets_move_to_the_first_key_and_stay_what_they_were(
    settings: Settings, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration(auth={"type": "apikey"})
    services.set_default_credentials(integration=integration, secrets={"apiKey": "default-key"})
    rows = [make_connection(integration, name=f"c{n}", credentials={"apiKey": f"key-{n}"}) for n in range(3)]
    settings.ENCRYPTION_KEYS = (("new", os.urandom(32)), *settings.ENCRYPTION_KEYS)
    assert run(check=True) == "4 to move to the first key, 0 there already, 0 cannot be opened.\n"
    assert run() == (
        "4 moved to the first key, 0 there already, 0 cannot be opened.\n"
        "Verified: every secret opens with the first key. The older keys can be removed.\n"
    )
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    opened = [open_sealed(row.sealed, context=row.context) for row in Credential.objects.order_by("connection__name")]
    assert opened == [{"apiKey": f"key-{n}"} for n in range(len(rows))]
    assert run() == (
        "0 moved to the first key, 4 there already, 0 cannot be opened.\n"
        "Verified: every secret opens with the first key. The older keys can be removed.\n"
    )


def test_secret_that_was_moved_to_another_row_is_reported(
    settings: Settings, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration(auth={"type": "apikey"})
    one, two = (make_connection(integration, name=name, credentials={"apiKey": name}) for name in ("one", "two"))
    Credential.objects.filter(pk=two.pk).update(sealed=Credential.objects.get(pk=one.pk).sealed)
    settings.ENCRYPTION_KEYS = (("new", os.urandom(32)), *settings.ENCRYPTION_KEYS)
    with pytest.raises(CommandError):
        run()
    assert not needs_reseal(Credential.objects.get(pk=one.pk).sealed)
    assert needs_reseal(Credential.objects.get(pk=two.pk).sealed)
