"""What environment variables do. Each test starts a Python of its own, as settings are read once."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

OURS = {"PATH", "LANG"}


def program(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project with these environment variables and no other settings."""
    environment = {name: value for name, value in os.environ.items() if name in OURS}
    return subprocess.run(
        [sys.executable, *words], check=False, cwd=settings.BASE_DIR, env=environment | variables, capture_output=True, text=True
    )


def values(names: str, **variables: str) -> Any:
    code = f"import json; from config import settings as s; print(json.dumps([{names}], default=str))"
    done = program("-c", code, DJANGO_SETTINGS_MODULE="config.settings", **variables)
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "eighty", "PORT: 'eighty' is not a port. Give a number from 1 to 65535."),
        ("PORT", "70000", "PORT: '70000' is not a port. Give a number from 1 to 65535."),
        ("DEBUG", "maybe", "DEBUG: 'maybe' is not a yes or no. Give 1 or 0."),
        ("DATA_DIR", "/dev/null/x", "DATA_DIR: /dev/null/x cannot be used as a folder (Not a directory). Name one that you may write to."),
        ("DATABASE_URL", "junction", "DATABASE_URL: Write it as postgres://user:password@host:5432/name, or as sqlite:////folder/file."),
        ("REDIS_URL", "localhost:6379", "REDIS_URL: Write it as redis://host:6379/0, rediss://… for TLS, or unix:///folder/socket."),
        ("EGRESS_READ_TIMEOUT", "0", "EGRESS_READ_TIMEOUT: '0' is not a number of seconds. Give a whole number from 1 on."),
        ("IMPORT_MAX_DEPTH", "1000", "IMPORT_MAX_DEPTH: '1000' is not in the range. Give a whole number from 10 to 900."),
        ("IMPORT_SECONDS", "soon", "IMPORT_SECONDS: 'soon' is not a number of seconds. Give a whole number from 1 on."),
        ("EGRESS_ALLOW", "home", "EGRESS_ALLOW: home is no network. Write CIDR notation such as 10.1.0.0/16, one address, or one of: localhost, loopback, private."),
        ("PUBLIC_URL", "example.com/app", "PUBLIC_URL: 'example.com/app' is not an origin. Give scheme, host and port only, for example https://junction.example.com"),
        ("ENCRYPTION_KEYS", "k1:short", "ENCRYPTION_KEYS: The key k1 is not 32 bytes in base64. Make one with: openssl rand -base64 32"),
    ],
)  # fmt: skip
def test_settings_refuse_a_bad_value_in_one_sentence(name: str, value: str, sentence: str, tmp_path: Path) -> None:
    done = program("manage.py", "check", **{"DATA_DIR": str(tmp_path), name: value})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Junction cannot start. {sentence}\n")


def test_settings_without_variables_keep_everything_in_the_data_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    found = values("s.DATABASES['default']['NAME'], s.REDIS_URL, s.BROKER_IS_EMBEDDED, s.PUBLIC_URL", DATA_DIR=str(folder))
    assert found == [str(folder / "junction.sqlite3"), f"unix://{folder}/valkey.sock", True, "http://localhost:8000"]
    assert sorted(file.name for file in folder.iterdir()) == ["encryption_key", "secret_key"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_settings_with_servers_of_their_own_embed_nothing(tmp_path: Path) -> None:
    found = values(
        "s.DATABASES['default']['ENGINE'], s.REDIS_URL, s.BROKER_IS_EMBEDDED",
        DATA_DIR=str(tmp_path),
        DATABASE_URL="postgres://junction:secret@127.0.0.1:5432/junction",
        REDIS_URL="redis://127.0.0.1:6379/0",
    )
    assert found == ["django.db.backends.postgresql", "redis://127.0.0.1:6379/0", False]


def test_settings_put_the_socket_of_an_odd_folder_elsewhere(tmp_path: Path) -> None:
    (socket,) = values("s.VALKEY_SOCKET", DATA_DIR=str(tmp_path / "C# and ünusual"), TMPDIR=str(tmp_path))
    private = Path(socket).parent
    assert private == tmp_path / f"junction-{os.getuid()}"
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_settings_derive_the_public_url_from_the_address_that_is_listened_on(tmp_path: Path) -> None:
    assert values("s.PUBLIC_URL, s.ALLOWED_HOSTS", DATA_DIR=str(tmp_path), HOST="192.0.2.7", PORT="9000") == [
        "http://192.0.2.7:9000",
        ["127.0.0.1", "192.0.2.7", "[::1]", "localhost"],
    ]


def test_settings_behind_https_keep_cookies_off_plain_http(tmp_path: Path) -> None:
    found = values("s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE", DATA_DIR=str(tmp_path), PUBLIC_URL="https://junction.example.com")
    assert found == [True, True]
