"""Every action of every document in the folder that SPEC_CORPUS names makes a request of generated inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from actions.requests import build
from integrations.openapi import read
from tests.actions.example_inputs import example_inputs
from tests.integrations.openapi.test_corpus import FOLDER, cases


@pytest.mark.parametrize("entry", cases(readable=True))
@pytest.mark.parametrize("optional", [False, True], ids=["required", "all"])
def test_corpus_action_makes_a_request(entry: dict[str, Any], optional: bool) -> None:
    imported = read((Path(FOLDER) / entry["file"]).read_bytes())
    for operation in imported.operations:
        inputs = example_inputs(operation, optional=optional)
        request = build(operation, inputs, base="https://api.example.com/base", headers=imported.definition.headers)
        parts = urlsplit(request.url)
        assert (parts.scheme, parts.netloc, parts.path[:5]) == ("https", "api.example.com", "/base"), operation.key
        assert "{" not in parts.path, operation.key
        if operation.body and operation.body.required:
            assert request.body, operation.key
