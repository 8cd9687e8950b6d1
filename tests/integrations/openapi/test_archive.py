"""A document of several files in a zip archive; archives that are damaged, hostile, or hold something else."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.openapi import DocumentError, Imported, Limits, read
from tests.integrations.openapi.documents import answer, get, openapi

ROOT = openapi(
    {"/pets": {"$ref": "paths/pets.yaml"}, "/toys": {"$ref": "./paths/toys.json#/toys"}},
    components={
        "schemas": {"$ref": "schemas/_index.yaml"},
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
    },
)
PETS = """
get:
  operationId: listPets
  parameters:
    - $ref: ../parameters.yaml#/limit
  responses:
    200:
      description: OK
      content: {application/json: {schema: {type: array, items: {$ref: ../schemas/pet.yaml}}}}
"""
MEMBERS = {
    "api/openapi.json": json.dumps(ROOT),
    "api/paths/pets.yaml": PETS,
    "api/paths/toys.json": json.dumps({"toys": get("listToys", responses=answer({"$ref": "../openapi.json#/components/schemas/Toy"}))}),
    "api/parameters.yaml": "limit: {name: limit, in: query, schema: {type: integer}}",
    "api/schemas/_index.yaml": "Toy: {$ref: toy%20box.yaml}\nPet: {$ref: pet.yaml}\n",
    "api/schemas/toy box.yaml": "type: object\nproperties: {owner: {$ref: pet.yaml}}\n",
    "api/schemas/pet.yaml": "type: object\nproperties: {name: {type: string}, friend: {$ref: '#'}}\n",
    "api/.hidden.yaml": "openapi: 3.0.0",
    "__MACOSX/api/openapi.json": "openapi: 3.0.0",
    "picture.png": "\x89PNG",
}


def packed(members: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def refusal(data: bytes, **limits: Any) -> str:
    with pytest.raises(DocumentError) as caught:
        read(data, limits=Limits(**limits))
    return str(caught.value)


def messages(result: Imported) -> list[str]:
    return [finding.message for finding in result.findings]


def test_archive_is_read_as_one_document() -> None:
    result = read(packed(MEMBERS))
    assert [(o.key, o.path, [p.name for p in o.parameters]) for o in result.operations] == [
        ("listPets", "/pets", ["limit"]),
        ("listToys", "/toys", []),
    ]
    pet = {"type": "object", "properties": {"name": {"type": "string"}}}
    toys = result.operations[1].response_schema
    assert toys is not None
    owner = toys["properties"]["owner"]
    circle = owner["properties"].pop("friend")
    assert (owner, circle) == (pet, {"$comment": "Circular: /api/schemas/pet.yaml is described further up."})
    assert messages(result) == []


def test_archive_made_on_windows_is_read() -> None:
    windows = {name.replace("/", "\\"): text.replace("../schemas/", "..\\schemas\\") for name, text in MEMBERS.items()}
    result = read(packed(windows))
    assert messages(result) == []
    assert [operation.key for operation in result.operations] == ["listPets", "listToys"]


def test_member_that_is_missing_is_named_and_the_rest_imported() -> None:
    members = {name: text for name, text in MEMBERS.items() if "pet.yaml" not in name}
    result = read(packed(members))
    assert len(result.operations) == 2
    assert messages(result) == ["The file api/schemas/pet.yaml is not in the archive."]


def test_reference_leads_out_of_the_archive_to_nothing() -> None:
    paths = {"/a": get(responses=answer({"$ref": "../../../etc/passwd"})), "/b": get("b", responses=answer({"$ref": "file:///etc/passwd"}))}
    result = read(packed({"openapi.json": json.dumps(openapi(paths)), "../../../etc/passwd": "type: string"}))
    assert [operation.response_schema for operation in result.operations] == [None, None]
    assert [text.partition(" is not ")[0] for text in messages(result)] == ["The file etc/passwd", "file:///etc/passwd"]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["b.json", "openapi.json"], "openapi.json"),
        (["deep/openapi.json", "z.json"], "z.json"),
        (["x/swagger.json", "x/a.json", "x/y/openapi.json"], "x/swagger.json"),
    ],
)
def test_document_nearest_to_the_top_is_the_root(names: list[str], chosen: str) -> None:
    members = {name: json.dumps(openapi({"/a": get()}, info={"title": name, "description": "d"})) for name in names}
    assert read(packed({"package.json": "{}", **members})).title == chosen


def test_archive_with_several_documents_says_which_one_it_took() -> None:
    text = json.dumps(openapi({"/a": get()}))
    result = read(packed({"b.json": text, "a.json": text}))
    assert messages(result) == ["The archive holds 2 API descriptions. a.json was imported, and not b.json."]


def test_only_file_of_an_archive_is_the_root_even_without_a_version() -> None:
    assert read(packed({"x.json": '{"paths": {"/a": {"get": {}}}}'})).version == "3.0.0"


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = packed({"openapi.json": "openapi: 3.0.0\n" + " " * 50_000_000})
    assert len(bomb) < 100_000
    assert refusal(bomb).startswith("The files of the zip archive have more than 32 MB unpacked")


def test_member_that_lies_about_its_size_stays_bounded() -> None:
    bomb = bytearray(packed({"openapi.json": "x" * 5_000_000}))
    for start, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = bomb.index(start) + offset
        bomb[at : at + 4] = (10).to_bytes(4, "little")
    assert refusal(bytes(bomb), max_bytes=1_000_000).startswith("The file openapi.json in the zip archive is damaged.")


def test_references_share_the_bytes_of_the_archive() -> None:
    members = {f"s{n}.yaml": "type: string\nx: '" + "a" * 100_000 + "'" for n in range(20)}
    paths = {f"/{n}": get(f"o{n}", responses=answer({"$ref": f"s{n}.yaml"})) for n in range(20)}
    data = packed({"openapi.json": json.dumps(openapi(paths)), **members})
    assert refusal(data, max_bytes=1_000_000).startswith("The files of the zip archive have more than 0.95")


def test_archive_of_too_many_files_is_refused() -> None:
    data = packed({f"{n}.yaml": "" for n in range(101)})
    assert refusal(data, max_files=100) == "The zip archive holds more than 100 files. Pack only the files of the OpenAPI document."


def encrypted() -> bytes:
    data = bytearray(packed({"openapi.json": "openapi: 3.0.0"}))
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(start) + offset] |= 1
    return bytes(data)


WHOLE = packed(MEMBERS)


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (WHOLE[:200], "The zip archive is damaged."),
        (packed({}), "The zip archive holds no JSON and no YAML file."),
        (packed({"readme.md": "openapi: 3.0.0"}), "The zip archive holds no JSON and no YAML file."),
        (packed({"inner.zip": "PK"}), "The zip archive holds only further archives."),
        (packed({"a.json": "{}", "b.yaml": "x: 1"}), "None of the 2 JSON and YAML files in the zip archive starts with openapi"),
        (packed({"openapi.json": "PK\x03\x04 openapi"}), "This is a zip archive inside another file."),
        (packed({"openapi.json": "openapi: 3.0.0"}, zipfile.ZIP_BZIP2), "The zip archive is packed by a method that cannot be read."),
        (encrypted(), "The zip archive is protected by a password."),
        (packed({"openapi.json": '{"openapi": "3.0.0", "paths": {"$ref": "p.json"}}'}), "No operation can be read: the document refers to files that are missing (p.json)."),
    ],
)  # fmt: skip
def test_archive_that_holds_no_document_is_refused(data: bytes, start: str) -> None:
    assert refusal(data).startswith(start)


@pytest.mark.parametrize("cut", range(0, len(WHOLE), 97))
def test_damaged_archive_is_read_or_refused(cut: int) -> None:
    for data in (WHOLE[:cut] + WHOLE[cut + 3 :], WHOLE[:cut] + b"\xff\xff\xff" + WHOLE[cut + 3 :]):
        try:
            read(data)
        except DocumentError:
            continue


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(MEMBERS)),
            st.integers(0, 400),
            st.integers(0, 20),
            st.sampled_from(["", "#", "/", "..", "$ref: ", "{", "\n", "pet.yaml"]),
        ),
        max_size=5,
    )
)
def test_archive_of_mutated_files_is_read_or_refused(edits: list[tuple[str, int, int, str]]) -> None:
    members = dict(MEMBERS)
    for name, start, length, inserted in edits:
        members[name] = members[name][:start] + inserted + members[name][start + length :]
    try:
        read(packed(members))
    except DocumentError:
        return
