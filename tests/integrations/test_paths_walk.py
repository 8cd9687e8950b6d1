"""Plain paths into documents that were made to be looked into for ever."""

from __future__ import annotations

from integrations.paths import MISSING, extract


def test_long_path_into_a_document_with_every_way_to_cut_it_ends() -> None:
    parts = ["a"] * 40
    document: object = {}
    for _ in range(40):
        document = {".".join(["a"] * n): document for n in range(1, 4)}
    assert extract(document, ".".join([*parts, "x"])) is MISSING


def test_key_with_dots_is_found_behind_a_dead_end() -> None:
    assert extract({"a": {"b": {}}, "a.b": {"c": 1}}, "a.b.c") == 1
