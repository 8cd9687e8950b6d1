"""What the fields of a request's body may hold: one table a request, and every sentence about it in one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from integrations.refusals import Invalid


class Kind(NamedTuple):
    """What fits, and the sentence for what does not."""

    fits: Callable[[Any], bool]
    sentence: str

    def or_null(self) -> Kind:
        return Kind(lambda value: value is None or self.fits(value), self.sentence)


ANYTHING: Final = Kind(lambda _: True, "")  # looked at where it is used
TEXT: Final = Kind(lambda value: isinstance(value, str), "Enter text.")
TEXTS: Final = Kind(lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value), "Enter a list of texts.")
FLAG: Final = Kind(lambda value: isinstance(value, bool), "Enter true or false.")
WHOLE_NUMBER: Final = Kind(lambda value: isinstance(value, int) and not isinstance(value, bool), "Enter a whole number.")
INPUTS: Final = Kind(lambda value: isinstance(value, dict), "Enter an object of values by parameter name.")


def checked(payload: dict[str, Any], fields: Mapping[str, Kind]) -> dict[str, Any]:
    """The payload. Raises `Invalid` for each field that is not known or does not hold what it is for; any may be left out."""
    errors = {name: ["This field is not known."] for name in sorted(payload.keys() - fields.keys())}
    errors |= {name: [kind.sentence] for name, kind in fields.items() if name in payload and not kind.fits(payload[name])}
    if errors:
        raise Invalid(errors)
    return payload


def text_in(payload: dict[str, Any], name: str) -> str:
    """A field's text without blanks round it, "" where it is left out or null. Raises `Invalid`."""
    value = payload.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid({name: [TEXT.sentence]})
    return value.strip()
