"""Moving every stored secret to the first key of ENCRYPTION_KEYS, in small steps, while the service runs.

A model that holds secrets names its columns in SEALED and what they are bound to in `context`. A row is written only if
it is still as it was read, so that a secret which somebody changes meanwhile is never set back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models

from connections.secrets import SecretError, needs_reseal, open_sealed, seal

BATCH = 200  # rows that are read at once


@dataclass
class Progress:
    """How many ciphertexts were moved to the first key, were there already, or cannot be opened."""

    moved: int = 0
    current: int = 0
    broken: int = 0
    sentences: tuple[str, ...] = ()


def sealed_models() -> list[type[models.Model]]:
    """The models that hold secrets."""
    return [model for model in apps.get_models() if getattr(model, "SEALED", ())]


def rotate(*, check_only: bool = False) -> Progress:
    """Seal again whatever another key than the first one holds; with `check_only` only open everything and count."""
    progress = Progress()
    for row, column in _ciphertexts():
        text = getattr(row, column)
        try:
            value = open_sealed(text, context=row.context)
            old = needs_reseal(text)
        except SecretError as error:
            progress.broken += 1
            progress.sentences = (*progress.sentences, f"{row}: {error}")[:20]
            continue
        if not old:
            progress.current += 1
        elif check_only:
            progress.moved += 1
        else:
            _replace(row, column, text, seal(value, context=row.context))
            progress.moved += 1
    return progress


def _replace(row: Any, column: str, before: str, after: str) -> None:
    type(row)._default_manager.filter(pk=row.pk, **{column: before}).update(**{column: after})  # noqa: SLF001 - Django's own name


def _ciphertexts() -> Iterator[tuple[Any, str]]:
    """Row and column of every ciphertext. Rows are read in the order of their keys, so that a new start goes on."""
    for model in sealed_models():
        last: Any = None
        while True:
            rows = model._default_manager.order_by("pk")  # noqa: SLF001
            page = list((rows if last is None else rows.filter(pk__gt=last))[:BATCH])
            for row in page:
                for column in model.SEALED:  # type: ignore[attr-defined]
                    if getattr(row, column):
                        yield row, column
            if len(page) < BATCH:
                break
            last = page[-1].pk
