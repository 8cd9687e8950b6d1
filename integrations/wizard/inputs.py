"""Inputs for what machines read."""

from __future__ import annotations

from django import forms

PLAIN = {"autocomplete": "off", "spellcheck": "false"}


def text(**attrs: str) -> forms.TextInput:
    """An input for what machines read: the browser neither completes nor corrects it."""
    return forms.TextInput(attrs={**PLAIN, **attrs})


def lines(**attrs: str) -> forms.Textarea:
    """The same for several lines."""
    return forms.Textarea(attrs={"rows": "3", "class": "mono", **PLAIN, **attrs})
