"""What tests of actions share."""

from __future__ import annotations

import pytest
from django.test import Client

from integrations.models import User
from tests.actions.runner import Runner
from tests.cast import MakeConnection, MakeIntegration
from tests.vendor.server import VendorServer


@pytest.fixture
def runner(vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> Runner:
    return Runner(vendor, make_integration, make_connection, carol)


@pytest.fixture
def browser(carol: User) -> Client:
    """Pages as carol gets them."""
    client = Client()
    client.force_login(carol)
    return client
