"""Keys that an installation makes for itself, and those that it is given."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from config.keys import local_secret, parse_keys, parse_signing_secrets

KEY = base64.b64encode(bytes(range(32))).decode()


def test_local_secret_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    first = local_secret(path, size=32)
    assert len(base64.urlsafe_b64decode(first)) == 32
    assert local_secret(path, size=32) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_parse_keys_takes_both_alphabets_of_base64_and_keeps_the_order() -> None:
    other = base64.urlsafe_b64encode(b"\xff" * 32).decode()
    assert parse_keys(f"new:{other}, old:{KEY}") == (("new", b"\xff" * 32), ("old", bytes(range(32))))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "It is empty. Leave it unset, or give at least one id:key pair."),
        (KEY, "Write id:key pairs split by commas; an id is letters and digits, for example k1:<base64 of 32 bytes>."),
        ("k1:c2hvcnQ=", "The key k1 is not 32 bytes in base64. Make one with: openssl rand -base64 32"),
        ("k1:%%%", "The key k1 is not 32 bytes in base64. Make one with: openssl rand -base64 32"),
        (f"k1:{KEY},k1:{KEY}", "The key k1 is there twice. Give each key an id of its own."),
    ],
)
def test_parse_keys_says_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_keys(text)
    assert str(caught.value) == sentence


def test_parse_signing_secrets_takes_those_of_standard_webhooks_and_no_others() -> None:
    short, long = (f"whsec_{base64.b64encode(bytes(size)).decode()}" for size in (24, 64))
    assert parse_signing_secrets(f"{short}, {long},") == (short, long)
    assert parse_signing_secrets("") == ()
    too_short, too_long = (f"whsec_{base64.b64encode(bytes(size)).decode()}" for size in (23, 65))
    for wrong in (too_short, too_long, KEY, "whsec_%%%", f"{short},x"):
        with pytest.raises(ValueError) as caught:
            parse_signing_secrets(wrong)
        assert str(caught.value) == 'Write whsec_ and 24 to 64 bytes in base64. Make one with: echo "whsec_$(openssl rand -base64 32)"'
