"""A service's refusal becomes errors of a form, so that what was entered stays on the page beside the sentence."""

from __future__ import annotations

from django import forms

from integrations.refusals import Invalid, Refusal


def add_refusal(form: forms.BaseForm, refusal: Refusal) -> None:
    """Put each sentence on the field of the same name; those without such a field on the form as a whole."""
    if not isinstance(refusal, Invalid):
        form.add_error(None, refusal.message)
        return
    for name, sentences in refusal.errors.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, sentence)
