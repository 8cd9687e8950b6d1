"""The settings of the tests, as environment variables: imported by `tests/conftest.py` before Django loads.

Every pytest process (with xdist, every worker) has a data folder of its own, and in it its database file, its keys and the
socket of its broker. DATABASE_URL and REDIS_URL are taken over when they are set: then each process has a database and a
number of Redis's databases to itself.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest

# What a developer may have set for a Junction of their own, and must not change what a test sees.
FOREIGN = (
    "ADMIN_PASSWORD ADMIN_USERNAME AGENT_HELD_POLLS AGENT_LEASE_SECONDS AGENT_WAIT_SECONDS API_REQUESTS_PER_MINUTE API_REQUIRE_IF_MATCH DEBUG EGRESS_CONNECT_TIMEOUT EGRESS_READ_TIMEOUT EGRESS_TOTAL_TIMEOUT ENCRYPTION_KEYS HOST "
    "IMPORT_FETCH_FILES IMPORT_FETCH_SECONDS IMPORT_LEASE_SECONDS IMPORT_MAX_ALIASES IMPORT_MAX_BYTES IMPORT_MAX_DEPTH IMPORT_MAX_FILES IMPORT_MAX_OPERATIONS "
    "IDEMPOTENCY_HOURS IMPORT_SECONDS ORGANIZATION_NAME PORT PUBLIC_URL RESULTS_FSYNC RESULTS_KEEP_DAYS RESULTS_MAX_BYTES RESULTS_S3_ENDPOINT RESULTS_S3_REGION RESULTS_URL RUN_LEASE_SECONDS RUN_MAX_BYTES RUN_MAX_PAGES RUN_MAX_RECORDS RUN_MAX_SECONDS "
    "RUN_RECOVER_SECONDS RUN_REPEATED_IDS RUN_REPEATED_PAGES SECRET_KEY"
).split()

# The real vacuum, for the tests that are about it: what VACUUM names, else the one on the PATH; "" if there is none. In the
# environment, because the workers of xdist start with what is prepared below.
LINTER = os.environ.setdefault("TEST_VACUUM", os.environ.get("VACUUM") or shutil.which("vacuum") or "")

DATA_DIR = Path(tempfile.mkdtemp(prefix="junction-test-"))
_owner = os.getpid()


def prepare() -> None:
    if "config.settings" in sys.modules:
        # pytest-django loads them before any conftest when this variable is set, and then they are the developer's own.
        pytest.exit("Unset DJANGO_SETTINGS_MODULE: the tests make settings of their own.", returncode=pytest.ExitCode.USAGE_ERROR)
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ |= {
        "DATA_DIR": str(DATA_DIR),
        "EGRESS_ALLOW": "loopback",  # the vendor of the tests is on this machine
        "VACUUM": "none",  # findings must not depend on what is installed; its own tests look for LINTER
        # Playwright runs an event loop in the thread of the tests, which makes Django suspect async code.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
    }
    if os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = own_database(os.environ["REDIS_URL"], os.environ.get("PYTEST_XDIST_WORKER", ""))
    atexit.register(_remove)


def lacking(sentence: str) -> NoReturn:
    """End a test for which something has to be installed: it fails in CI, which installs all of it, and is skipped elsewhere."""
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def own_database(redis_url: str, worker: str) -> str:
    """The same server with a database number for this pytest process: 1 without xdist, else 2 to 15."""
    number = re.fullmatch(r"gw(\d+)", worker)
    return urlsplit(redis_url)._replace(path=f"/{2 + int(number[1]) % 14 if number else 1}").geturl()


def _remove() -> None:
    if os.getpid() == _owner:  # not in a child that was forked
        shutil.rmtree(DATA_DIR, ignore_errors=True)


prepare()
