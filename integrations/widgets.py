"""Widgets of every form: a choice as cards with reasons, a drop zone, an input with a fixed text before or after it.

They only carry what `templates/partials/field.html` draws; the markup is there, the look in `static/css/forms.css`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms


@dataclass(frozen=True)
class Card:
    """What a choice card says beside its label: an icon of lucide, one sentence, and reasons that complete "Choose this if…"."""

    text: str = ""
    reasons: Sequence[str] = ()
    icon: str = ""


class ChoiceCards(forms.RadioSelect):
    """Radio buttons as cards. `cards` goes by the value of the choice; a choice without a card shows its label alone."""

    def __init__(self, *, cards: Mapping[str, Card], attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.cards = cards

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {**super().create_option(name, value, *args, **kwargs), "card": self.cards.get(str(value), Card())}


class DropZone(forms.FileInput):
    """A file input as a large target. `hint` says which files are welcome and how large they may be."""

    def __init__(self, *, hint: str = "", attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.hint = hint


class AffixedInput(forms.TextInput):
    """A text input between fixed texts that are no part of the value, such as `https://` before a host."""

    def __init__(self, *, prefix: str = "", suffix: str = "", attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.prefix = prefix
        self.suffix = suffix
