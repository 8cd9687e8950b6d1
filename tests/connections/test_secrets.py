"""Sealing: what another row, another key or a changed byte must not open."""

from __future__ import annotations

from typing import Any

import pytest

from connections.secrets import SecretError, needs_reseal, open_sealed, seal

OLD, NEW = ("2023", b"o" * 32), ("2024.1", b"n" * 32)


@pytest.fixture(autouse=True)
def keys(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (NEW, OLD)


def refusal(text: str, context: str = "credential:1") -> str:
    with pytest.raises(SecretError) as caught:
        open_sealed(text, context=context)
    return str(caught.value)


@pytest.mark.parametrize("value", [{"apiKey": "schlüssel"}, "", None, [1, 2.5, True]])
def test_sealed_value_opens_in_its_context(value: Any) -> None:
    assert open_sealed(seal(value, context="credential:1"), context="credential:1") == value


def test_sealed_text_names_its_key_and_hides_its_value() -> None:
    first, second = seal("open sesame", context="c"), seal("open sesame", context="c")
    assert (first[:10], first == second, "sesame" in first) == ("v1.2024.1.", False, False)


def test_sealed_text_of_another_row_does_not_open() -> None:
    text = seal("x", context="credential:1")
    assert refusal(text, "credential:2") == (
        "This secret does not open with the key 2024.1: it was changed, or belongs to another record, or the key is a different one. "
        "Check ENCRYPTION_KEYS, or enter the credentials again."
    )


def test_changed_text_does_not_open() -> None:
    text = seal("x" * 30, context="credential:1")
    changed = text[:30] + ("A" if text[30] != "A" else "B") + text[31:]
    assert refusal(changed).startswith("This secret does not open with the key 2024.1")


def test_relabelled_key_does_not_open(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (("a", b"k" * 32), ("b", b"k" * 32))
    text = seal("x", context="credential:1")
    assert refusal(text.replace("v1.a.", "v1.b.")).startswith("This secret does not open with the key b")


def test_rotated_key_opens_and_asks_for_resealing(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = (OLD,)
    text = seal("x", context="c")
    settings.ENCRYPTION_KEYS = (NEW, OLD)
    assert (open_sealed(text, context="c"), needs_reseal(text), needs_reseal(seal("x", context="c"))) == ("x", True, False)


def test_missing_key_is_named(settings: Any) -> None:
    text = seal("x", context="credential:1")
    settings.ENCRYPTION_KEYS = (OLD,)
    assert refusal(text) == "This secret was encrypted with the key 2024.1, which is not there. Put it back into ENCRYPTION_KEYS."


@pytest.mark.parametrize("text", ["", "plain", "v1.2024.1.", "v2.2024.1.AAAA", "v1.2024.1.%%%", "v1.x.AAAA"])
def test_damaged_text_is_told(text: str) -> None:
    assert refusal(text) == "The stored secret is damaged and cannot be read. Enter the credentials again."


def test_no_key_is_told(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ()
    with pytest.raises(SecretError) as caught:
        seal("x", context="c")
    assert str(caught.value) == "No key is set, so nothing can be encrypted. Set ENCRYPTION_KEYS."
