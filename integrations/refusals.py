"""How services say no. Pages show the sentences in the form, the API sends them as RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from integrations.definition import problems


class Refusal(Exception):
    """Something cannot be done; `message` says what is wrong and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(Refusal):
    """Values do not fit. `errors` holds sentences by JSON field (dotted; "" for the whole)."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(" ".join(sentence for sentences in errors.values() for sentence in sentences))
        self.errors = errors

    @classmethod
    def of(cls, error: ValidationError, *, prefix: str = "") -> Invalid:
        """From a definition's or an operation's validation error; `prefix` goes before each field."""
        return cls({".".join(filter(None, (prefix, field))): sentences for field, sentences in problems(error).items()})


def check_known(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise `Invalid` for each name that is given and not known: a field that is passed over silently is a mistake that nobody finds."""
    if unknown := sorted(set(given) - set(known)):
        raise Invalid({name: ["This field is not known."] for name in unknown})


class Conflict(Refusal):
    """The state of things forbids it: finalized, published, in use, taken."""


class Outdated(Refusal):
    """The request was made for another state than the present one, whose entity tag is `tag`."""

    def __init__(self, message: str, *, tag: str = "") -> None:
        super().__init__(message)
        self.tag = tag


class Unconditional(Refusal):
    """The request has to say which state it was made for, and does not."""


class Disabled(Refusal):
    """The feature preview that this belongs to is disabled; the message says who can enable it."""


class Gone(Refusal):
    """What is asked for was there and has been removed for good."""


class Unavailable(Refusal):
    """Something that is needed does not answer now; the same request may work later."""


class Incomplete(Refusal):
    """A draft lacks something. `gaps` are `integrations.definition.Gap`s, or alike."""

    def __init__(self, gaps: list[object]) -> None:
        super().__init__("Something is still missing before this can be finalized.")
        self.gaps = gaps
