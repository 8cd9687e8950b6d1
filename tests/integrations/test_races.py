"""What happens to an integration that somebody else deletes, drops or names at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from actions import services as actions
from integrations import services
from integrations.models import Integration, User
from integrations.refusals import Conflict
from tests.cast import Cast, MakeIntegration, action_values

GONE = "This integration was deleted in the meantime."


@pytest.mark.parametrize(
    "change",
    [
        lambda found: services.update(integration=found, name="Other"),
        lambda found: services.change_definition(integration=found, headers={"A": "b"}),
        lambda found: services.discard_draft(integration=found),
        lambda found: services.delete(integration=found),
        lambda found: actions.add(integration=found, values=action_values()),
    ],
)
def test_change_of_an_integration_that_was_just_deleted_is_refused(
    make_integration: MakeIntegration, change: Callable[[Integration], Any]
) -> None:
    found = make_integration()
    Integration.objects.get(pk=found.pk).delete()
    with pytest.raises(Conflict) as refused:
        change(found)
    assert refused.value.message == GONE


@pytest.mark.django_db(transaction=True)
def test_integrations_of_one_name_can_be_made_at_once(cast: Cast, bob: User) -> None:
    problems: list[BaseException] = []

    def make() -> None:
        try:
            services.create(organization=cast.msp, user=bob, name="Same")
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            problems.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sorted(Integration.objects.values_list("slug", flat=True)) == ["same", "same-2", "same-3", "same-4"]
