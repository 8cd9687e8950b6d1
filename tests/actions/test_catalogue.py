"""The list of operations that one chooses from: groups, search, selection."""

from __future__ import annotations

import pytest

from actions.catalogue import Branch, Catalogue, Selection, group_of
from integrations.operation import Operation


def operation(name: str, path: str = "/pets", method: str = "GET", tags: list[str] | None = None, *, deprecated: bool = False) -> Operation:
    return Operation(name=name, path=path, method=method, tags=tags or [], deprecated=deprecated)


PETS = Catalogue.of(
    [
        operation("List pets", tags=["pets", "animals"]),
        operation("Add pet", method="POST", tags=["pets"]),
        operation("List Owners", "/owners/{id}?all=1", tags=["Owners"], deprecated=True),
        operation("Health", "/health", method="GET"),
    ]
)


@pytest.mark.parametrize(
    ("path", "tags", "group"),
    [
        ("/pets/{id}", ["pets"], "pets"),
        ("/pets/{id}", [" ", " a "], "a"),
        ("/pets/{id}", [], "/pets"),
        ("/", [], "/"),
        ("/x?y=/z", [], "/x"),
    ],
)
def test_group_is_the_first_tag_or_the_beginning_of_the_path(path: str, tags: list[str], group: str) -> None:
    assert group_of(operation("Get", path, tags=tags)) == group


def test_catalogue_survives_being_stored() -> None:
    assert Catalogue.load(PETS.dump()).entries == PETS.entries
    assert PETS.entries[2] == (2, "Owners", "GET", "/owners/{id}?all=1", "List Owners", True)
    assert PETS.methods == ["GET", "POST"]


@pytest.mark.parametrize(
    ("search", "numbers"),
    [
        ({}, [0, 1, 2, 3]),
        ({"text": "owner"}, [2]),
        ({"text": "pets list"}, [0]),
        ({"text": "pets", "methods": ["POST"]}, [1]),
        ({"group": "/health"}, [3]),
        ({"methods": ["DELETE"]}, []),
    ],
)
def test_search_holds_all_words_methods_and_the_group(search: dict[str, str], numbers: list[int]) -> None:
    assert [entry.number for entry in PETS.find(**search)] == numbers


def test_tree_counts_what_is_selected() -> None:
    selection = Selection.everything(4).changed(remove=[1, 3, 99])
    tree = PETS.tree(selection)
    assert tree == [Branch(0, "Owners", 1, 1), Branch(1, "pets", 2, 1), Branch(2, "/health", 1, 0)]
    assert [branch.state for branch in tree] == ["true", "mixed", "false"]
    assert (selection.count, 0 in selection, 1 in selection) == (2, True, False)
    assert selection.changed(add=[1], remove=[0, 1]).marks == bytes([0, 1, 1, 0])


def test_groups_pass_over_what_all_paths_begin_with() -> None:
    rows = [operation("Get", path, tags=[]) for path in ("/v1/users", "/v1/users/{id}", "/v1/charges", "/v1")]
    assert [entry.group for entry in Catalogue.of(rows[:3]).entries] == ["/v1/users", "/v1/users", "/v1/charges"]
    assert [entry.group for entry in Catalogue.of(rows).entries] == ["/v1", "/v1", "/v1", "/v1"]
    assert [entry.group for entry in Catalogue.of(rows[:1]).entries] == ["/v1"]
