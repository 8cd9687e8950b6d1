"""Paths into documents: which JSONPaths are refused before a worker meets them."""

from __future__ import annotations

import pytest

from integrations import paths


@pytest.mark.parametrize("path", ["$.a[?match(@.b, '(a+)+b')]", "$.a[?search(@.b, 'x')]", "$.a[?@.b =~ /(a+)+b/]", "$..*..*..*"])
def test_paths_that_could_keep_a_worker_busy_are_refused(path: str) -> None:
    with pytest.raises(ValueError):
        paths.check(path)


@pytest.mark.parametrize("path", ["$", "$.data[*].id", "$..items", "$['@odata.nextLink']", "$.a[?length(@.b) > 1]", "data.items"])
def test_paths_of_rfc_9535_are_taken(path: str) -> None:
    paths.check(path)
