"""What all tests share. The fixtures are in the modules of `pytest_plugins`: the cast, the services that run, the browser."""

from tests import environment  # noqa: I001 - before Django loads

import os

import django
import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
# The workers of xdist inherit the environment, and would load settings before they have prepared their own.
del os.environ["DJANGO_SETTINGS_MODULE"]
# Real hashing takes a third of a second per user; nothing here is worth protecting. What other processes hashed still counts.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]

# How long an example takes says something about the machine, not about the code.
hypothesis.settings.register_profile("junction", deadline=None)
hypothesis.settings.load_profile("junction")

pytest_plugins = ["tests.cast", "tests.backends", "tests.browser.browser"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="leave out tests that use no database, and are the same on every one")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--database-only"):
        return
    left_out = [item for item in items if not _uses_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _uses_database(item)]


def _uses_database(item: pytest.Item) -> bool:
    used = {"db", "transactional_db", "django_db_setup", "live_server"} & set(getattr(item, "fixturenames", ()))
    return bool(used) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """SQLite's test database is a file, as in operation, so that the web server's threads and workers see the same rows."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(environment.DATA_DIR / "test.sqlite3")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """SQLite empties its tables by DELETE after a test that commits, which the audit log's trigger would refuse."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER audit_delete")
