from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from integrations.openapi import yaml12, yaml_lines
from integrations.openapi.content import decode
from integrations.openapi.findings import Report

BOUNDS = yaml12.Bounds(values=2_000_000, alias_expansions=1_000_000, depth=200)
FOLDER = os.environ.get("SPEC_CORPUS", "")
DOCUMENTS = sorted(path for path in Path(FOLDER).iterdir() if path.suffix in (".yaml", ".yml")) if FOLDER else []
NO_CORPUS = pytest.param(None, id="no-corpus", marks=pytest.mark.skip(reason="SPEC_CORPUS is not set: it names a folder of API documents."))

# Lines as people and programs write them, right and wrong; a text is some of them, each indented somehow.
LINES = (
    "a: b", "k:", "- x", "- k: v", "- k:", "text", "more text", "d: |", "d: |-", "d: >-", "d: >", "e: 'x y'", 'f: "x y"', "g: [1, a]", "# c",
    "", "   ", "h: x # c", "i: 12", "- - y", "- |", "- >-", "j: {a: 1}", "'200':", '"x": y', "l: http://a/b", "m: 'open", "closed'",
    'n: "u', 'c"', "o: |+", "p: a: b", "q: x:", "r: - x", "-", "- ", "...", "---", "s: [a,", "b]", "t : v", "? u", "w: &a b", "x: *a",
    "<<: {z: 1}", "- 'x'", "- 12", "- []", "y:  v  ", "/p/{x}:", "cc: -1", "- -1", "dd: !!str 1", 'ee: "\\u00e9\\n"', "gg: # c", "hh: ...",
    "-  k2: v", 'ii: "a\\"b\\\\"', "jj: [a-b , c]", "kk: |2", "mm: >  ", "nn: a\\b", "oo: 'a''b'", "x5t#S256: 1", "- --host=$HOST",
)  # fmt: skip
TEXTS = st.lists(st.tuples(st.integers(0, 3).map(lambda level: " " * (2 * level)) | st.just(" "), st.sampled_from(LINES)), max_size=9).map(
    lambda lines: "\n".join(indent + line for indent, line in lines)
)
SCALARS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.sampled_from("\n :#-'\"|>"), max_size=30)
VALUES = st.recursive(
    SCALARS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALARS, inner, max_size=4),
    max_leaves=20,
)


def outcome(load: Any, text: str, bounds: yaml12.Bounds = BOUNDS) -> Any:
    """Values in their order, with the keys that occur twice; or the error with its place."""
    repeated: list[tuple[str, int]] = []
    try:
        values = load(text, bounds, on_duplicate=lambda key, line: repeated.append((key, line)))
    except yaml12.YamlError as error:
        return type(error), str(error), error.line, error.column
    return json.dumps(values), repeated


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in DOCUMENTS] or [NO_CORPUS])
def test_real_documents_are_read_as_by_the_whole_reader(path: Path) -> None:
    text = decode(path.read_bytes(), Report())
    assert outcome(yaml_lines.load, text) == outcome(yaml12.load, text)


@settings(max_examples=300)
@given(TEXTS, st.sampled_from(["", "\n", "\n\n", "\n  \n"]))
@example("a:\n- b\n- c: d\n  e: f", "\n")
@example("a: b\n  - c", "\n")
@example("a: |\n    x\n  # c\n   y", "\n")
@example("a: b\n\n\n  c\n  d\ne: 1", "\n")
@example("a: >-\n  b\n   c\n  d", "\n")
@example("a: b\n...\nc: d", "\n")
def test_any_lines_are_read_as_by_the_whole_reader(text: str, end: str) -> None:
    assert outcome(yaml_lines.load, text + end) == outcome(yaml12.load, text + end)


@given(st.dictionaries(SCALARS, VALUES, min_size=1, max_size=4), st.sampled_from([20, 80, 100_000]), st.booleans())
def test_what_a_program_writes_is_read_as_by_the_whole_reader(value: dict[str, Any], width: int, indented: bool) -> None:
    text = yaml.dump(value, Dumper=yaml.CSafeDumper, width=width, allow_unicode=True, sort_keys=False, indent=4 if indented else 2)
    assert outcome(yaml_lines.load, text) == outcome(yaml12.load, text)


@given(TEXTS)
def test_bounds_hold_as_in_the_whole_reader(text: str) -> None:
    narrow = yaml12.Bounds(values=9, alias_expansions=3, depth=3)
    assert outcome(yaml_lines.load, text, narrow) == outcome(yaml12.load, text, narrow)


def test_lines_of_programs_are_not_left_to_the_whole_reader() -> None:
    text = """---
# made by a program
openapi: 3.0.3
info: {}
tags:
- name: 'it''s'
  description: |-
    two
      lines
- name: "a\\n"
  description: one
    more
paths:
  /a/{b}:
    get:
      tags: [x, y]
      summary: >-
        folded
        text
      deprecated: false
      x-list: ["p", {"q": 1}]
      responses:
        '200':
          description:
            on the next line
"""
    values = yaml_lines._Lines(text, BOUNDS).read()
    assert values == {
        "openapi": "3.0.3",
        "info": {},
        "tags": [{"name": "it's", "description": "two\n  lines"}, {"name": "a\n", "description": "one more"}],
        "paths": {
            "/a/{b}": {
                "get": {
                    "tags": ["x", "y"],
                    "summary": "folded text",
                    "deprecated": False,
                    "x-list": ["p", {"q": 1}],
                    "responses": {"200": {"description": "on the next line"}},
                }
            }
        },
    }


@pytest.mark.parametrize(
    "line", ["a: b: " * 200_000, "a" * 1_000_000, "- " * 500_000, "'" * 1_000_000, " " * 1_000_000 + "a: b", "a:\n" * 400_000]
)
def test_hostile_lines_take_no_longer_than_reading_them(line: str) -> None:
    with pytest.raises(yaml_lines._Doubt):
        yaml_lines._Lines(line + "\n", BOUNDS).read()
