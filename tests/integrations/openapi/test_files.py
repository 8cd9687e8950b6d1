"""Documents whose references lead into other files: followed where they can be had, named where not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.openapi import DocumentError, Imported, Limits, Unavailable, read
from integrations.openapi.files import Files
from integrations.openapi.findings import Report
from tests.integrations.openapi.documents import answer, get, openapi


class Shelf:
    """Files by location, and which of them were asked for."""

    def __init__(self, files: dict[str, Any]) -> None:
        self.files, self.asked = files, list[str]()

    def __call__(self, location: str) -> bytes:
        self.asked.append(location)
        if location not in self.files:
            raise Unavailable(f"{location} is gone.", "Bring it back.")
        found = self.files[location]
        return found if isinstance(found, bytes) else json.dumps(found).encode()


URL = "https://api.example.com/docs/openapi.json?v=1"


def imported(document: dict[str, Any], shelf: Shelf, **limits: Any) -> Imported:
    return read(json.dumps(document).encode(), source_url=URL, load=shelf, limits=Limits(**limits))


def schema_of(result: Imported) -> Any:
    return result.operations[0].response_schema


def one(ref: str, **parts: Any) -> dict[str, Any]:
    return openapi({"/a": get(responses=answer({"$ref": ref}))}, **parts)


@pytest.mark.parametrize(
    ("ref", "base", "absolute"),
    [
        ("pet.yaml#/Pet", "", "https://api.example.com/docs/pet.yaml#/Pet"),
        ("/pet.yaml", "", "https://api.example.com/pet.yaml"),
        ("https://other.example.com/x.json#/a", "", "https://other.example.com/x.json#/a"),
        ("#/a", "https://api.example.com/docs/pet.yaml", "https://api.example.com/docs/pet.yaml#/a"),
        ("openapi.json?v=1#/a", "https://api.example.com/docs/pet.yaml", "#/a"),
        ("..\\x\\y.yaml", "https://api.example.com/docs/pet.yaml", "https://api.example.com/x/y.yaml"),
        ("http://[x/y", "", "http://[x/y"),
        ("pet.yaml#", "", "https://api.example.com/docs/pet.yaml"),
    ],
)
def test_reference_is_resolved_against_its_file(ref: str, base: str, absolute: str) -> None:
    assert Files(Report(), location=URL).absolute(ref, base) == absolute


def test_files_are_asked_for_once_and_only_where_needed() -> None:
    shelf = Shelf({"https://api.example.com/docs/pet.json": {"Pet": {"type": "integer"}, "Unused": {"$ref": "unused.json"}}})
    paths = {f"/{n}": get(f"o{n}", responses=answer({"$ref": "pet.json#/Pet"})) for n in range(3)}
    result = imported(openapi(paths), shelf)
    assert (schema_of(result), shelf.asked) == ({"type": "integer"}, ["https://api.example.com/docs/pet.json"])


def test_reference_runs_through_references_on_its_way() -> None:
    shelf = Shelf({"https://api.example.com/docs/all.json": {"schemas": {"$ref": "s.json"}}, "https://api.example.com/docs/s.json": {"A": {"type": "null"}}})  # fmt: skip
    assert schema_of(imported(one("all.json#/schemas/A"), shelf)) == {"type": "null"}
    assert schema_of(imported(one("#/components/schemas/A", components={"schemas": {"$ref": "s.json"}}), shelf)) == {"type": "null"}


def test_reference_that_runs_through_itself_ends() -> None:
    document = one("#/x/a/b", x={"a": {"$ref": "#/x/a/b/c"}, **{f"l{n}": {"$ref": f"#/x/l{n + 1}/y"} for n in range(3000)}})
    document["paths"]["/long"] = get("long", responses=answer({"$ref": "#/x/l0/y"}))
    assert len(imported(document, Shelf({})).operations) == 2


def test_circle_between_files_is_cut() -> None:
    shelf = Shelf({
        "https://api.example.com/docs/a.json": {"properties": {"b": {"$ref": "b.json"}}},
        "https://api.example.com/docs/b.json": {"properties": {"a": {"$ref": "a.json"}}},
    })  # fmt: skip
    assert len(imported(one("a.json"), shelf).operations) == 1


def test_parts_of_the_document_may_be_files() -> None:
    base = "https://api.example.com/docs/"
    shelf = Shelf({
        f"{base}paths.json": {"/a": {"$ref": "a.json"}}, f"{base}a.json": get("inFile"),
        f"{base}info.json": {"title": "From a file", "description": {"$ref": "text.json"}}, f"{base}text.json": b'"Words"',
    })  # fmt: skip
    result = imported({"openapi": "3.0.0", "info": {"$ref": "info.json"}, "paths": {"$ref": "paths.json"}}, shelf)
    assert (result.title, [operation.key for operation in result.operations]) == ("From a file", ["inFile"])


def test_swagger_2_in_several_files_is_converted() -> None:
    shelf = Shelf({"https://api.example.com/docs/a.yaml": b"get: {parameters: [{name: x, in: formData, type: file}], responses: {200: {description: OK}}}"})  # fmt: skip
    body = imported({"swagger": "2.0", "paths": {"/a": {"$ref": "a.yaml"}}}, shelf).operations[0].body
    assert body is not None
    assert body.schema_["properties"] == {"x": {"type": "string", "format": "binary", "description": ""}}


def test_file_that_cannot_be_read_is_a_finding() -> None:
    shelf = Shelf({"https://api.example.com/docs/page": b"<html></html>", "https://api.example.com/docs/cut.json": b'{"a": '})
    paths = {"/a": get(responses=answer({"$ref": "page"})), "/b": get("b", responses=answer({"$ref": "cut.json"}))}
    found = [finding for finding in imported(openapi(paths), shelf).findings if finding.rule == "resolving-references"]
    assert [finding.message.partition(". ")[0] for finding in found] == [
        "The file https://api.example.com/docs/page cannot be read",
        "The file https://api.example.com/docs/cut.json cannot be read",
    ]


def test_faults_of_another_file_are_said_with_its_name() -> None:
    shelf = Shelf({"https://api.example.com/docs/a.json": b'{"type": "string", "type": "integer"}'})
    result = imported(one("a.json"), shelf)
    assert [finding.message for finding in result.findings] == [
        "In https://api.example.com/docs/a.json: The key 'type' occurs twice in one object; the last one was taken."
    ]


def test_document_alone_names_each_missing_file_once() -> None:
    paths = {
        "/a": get(responses=answer({"$ref": "schemas/a.yaml#/A"})), "/b": get("b", responses=answer({"$ref": "./schemas/a.yaml#/B"})),
        "/c": {"$ref": "c.yaml"}, "/d": {"get": {"$ref": "https://example.com/d.json"}},
    }  # fmt: skip
    components = {"schemas": {"NotUsed": {"$ref": "unused.yaml"}, "Data": {"example": {"$ref": "data.yaml"}}}}
    result = read(json.dumps(openapi(paths, components=components, security=[])).encode(), location="openapi.json")
    found = [finding.message.partition(" is ")[0] for finding in result.findings if finding.rule == "resolving-references"]
    assert sorted(found) == ["The file c.yaml", "The file schemas/a.yaml", "The file unused.yaml", "https://example.com/d.json"]
    assert [(operation.method, operation.path) for operation in result.operations] == [("GET", "/a"), ("GET", "/b"), ("GET", "/d")]


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (b'"$ref": "{version}/a.yaml"', ["The file {version}/a.yaml"]),
        (b'"$ref" :\n"a.yaml"', ["The file a.yaml"]),
        (b'"$ref": {"type": "string"}', []),
        (b'"/$ref": "a.yaml"', []),
    ],
)
def test_document_alone_names_what_a_reference_leads_to(text: bytes, missing: list[str]) -> None:
    document = json.dumps(openapi({"/a": get()}, components={"schemas": {"A": "here"}})).encode()
    result = read(document.replace(b'"here"', b"{" + text + b"}"))
    assert [f.message.partition(" is ")[0] for f in result.findings if f.rule == "resolving-references"] == missing


def test_document_alone_may_refer_to_itself_by_its_name() -> None:
    document = one("openapi.json#/components/schemas/A", components={"schemas": {"A": {"type": "string"}}})
    assert schema_of(read(json.dumps(document).encode(), location="openapi.json")) == {"type": "string"}


@pytest.mark.parametrize(
    ("limits", "start"),
    [
        ({"max_files": 2}, "The document refers to more than 2 files."),
        ({"max_bytes": 1_200}, "The files of the document together hold more than can be imported."),
        ({"max_values": 200}, "The files of the document together hold more than can be imported."),
    ],
)
def test_all_files_share_the_limits(limits: dict[str, int], start: str) -> None:
    shelf = Shelf({f"https://api.example.com/docs/{n}.json": {"enum": ["value"] * 100} for n in range(4)})
    paths = {f"/{n}": get(f"o{n}", responses=answer({"$ref": f"{n}.json"})) for n in range(4)}
    with pytest.raises(DocumentError) as caught:
        imported(openapi(paths), shelf, **limits)
    assert str(caught.value).startswith(start)


def test_document_that_takes_too_long_is_refused() -> None:
    with pytest.raises(DocumentError) as caught:
        read(json.dumps(one("#")).encode(), limits=Limits(seconds=0))
    assert str(caught.value).startswith("The document could not be read within 0 seconds.")
