"""HTTP statuses as people write them: 404, 4xx, 400-403."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, Field

_ONE = re.compile(r"[1-5]([0-9]{2}|xx)")
_SPAN = re.compile(r"([1-5][0-9]{2}) ?[-–] ?([1-5][0-9]{2})")  # noqa: RUF001 - people paste a dash


def _checked(value: object) -> object:
    if not isinstance(value, list):
        return value
    found = []
    for one in value:
        text = str(one).strip().lower()
        if span := _SPAN.fullmatch(text):
            if int(span[1]) > int(span[2]):
                raise ValueError(f"{text} counts backwards. Write the smaller status first, for example 400-403.")
            text = f"{span[1]}-{span[2]}"
        elif not _ONE.fullmatch(text):
            raise ValueError(f"{text[:20]!r} is no status. Write for example 429, 5xx or 400-403.")
        found.append(text)
    return found


StatusPatterns = Annotated[list[str], Field(max_length=50), BeforeValidator(_checked)]
"""A list of statuses, classes of statuses and spans; which ones it names is said by `names`."""


def names(patterns: Iterable[str], status: int) -> bool:
    """Whether a status is among them."""
    for one in patterns:
        first, dash, last = one.partition("-")
        if (int(first) <= status <= int(last)) if dash else one in (str(status), f"{status // 100}xx"):
            return True
    return False
