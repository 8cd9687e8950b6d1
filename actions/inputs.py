"""Values as callers write them (JSON from the API, text from a form) become values of a parameter's type."""

from __future__ import annotations

import json
from typing import Any

from connections.bodies import text_of
from integrations.operation import Parameter

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class InputError(Exception):
    """Inputs that cannot be sent: sentences by input name."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        super().__init__(" ".join(sentence for sentences in fields.values() for sentence in sentences))
        self.fields = fields


def is_given(value: Any) -> bool:
    """Null and empty text, which an untouched field of a form sends, are no values."""
    return value is not None and value != ""


def convert(value: Any, parameter: Parameter, label: str) -> Any:
    """A value in the type of its parameter. Raises ValueError with one sentence that starts with `label`."""
    match parameter.type:
        case "array":
            converted: Any = [_scalar(item, parameter.items or "string", label) for item in _items(value, label)]
        case "object":
            converted = _object(value, label)
        case kind:
            converted = _scalar(value, kind, label)
    if parameter.enum:
        allowed = {text_of(option) for option in parameter.enum if option is not None}
        for item in converted if isinstance(converted, list) else [converted]:
            if text_of(item) not in allowed:
                shown = ", ".join(text_of(option) for option in parameter.enum[:30] if option is not None)
                raise ValueError(f"{label} does not take {_short(item)}. Use one of: {shown}.")
    return converted


def usable_default(parameter: Parameter) -> Any:
    """The default, unless it is none for its own type: documents hold such, and the caller cannot help it."""
    try:
        return convert(parameter.default, parameter, parameter.name) if is_given(parameter.default) else None
    except ValueError:
        return None


def _scalar(value: Any, kind: str, label: str) -> Any:
    match kind:
        case "integer":
            return _integer(value, label)
        case "number":
            return _number(value, label)
        case "boolean":
            return _boolean(value, label)
        case "object":
            return _object(value, label)
        case "array":
            return _items(value, label)
    if isinstance(value, dict | list):
        raise ValueError(f"{label} takes text, not {'an object' if isinstance(value, dict) else 'a list'}.")
    return text_of(value)


def _integer(value: Any, label: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        if isinstance(value, str) and len(value) < 1000:
            return int(value)
    except ValueError:
        pass
    raise ValueError(f"{label} takes a whole number, not {_short(value)}.")


def _number(value: Any, label: str) -> float:
    try:
        number = float("nan") if isinstance(value, bool | dict | list) else float(value)
    except (ValueError, OverflowError):
        number = float("nan")
    if number in (float("inf"), float("-inf")) or number != number:  # noqa: PLR0124  NaN is the number that differs from itself
        raise ValueError(f"{label} takes a number, not {_short(value)}.")
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.strip().lstrip("+-").isdecimal() else number


def _boolean(value: Any, label: str) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError(f"{label} takes true or false, not {_short(value)}.")


def _items(value: Any, label: str) -> list[Any]:
    """A list as JSON or as text with commas; a single value is a list of one."""
    if isinstance(value, list):
        return value
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError(
                f"{label} starts like a JSON list but is none. Write [1, 2], or the values with commas between them."
            ) from None
        return parsed if isinstance(parsed, list) else [parsed]
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    if isinstance(value, dict):
        raise ValueError(f"{label} takes a list, not an object.")
    return [value]


def _object(value: Any, label: str) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError(f'{label} takes an object. Write JSON, for example {{"name": "value"}}.') from None
    if not isinstance(value, dict):
        raise ValueError(f'{label} takes an object, not {_short(value)}. Write JSON, for example {{"name": "value"}}.')
    return value


def _short(value: Any) -> str:
    text = text_of(value)
    text = text if len(text) <= 50 else f"{text[:50]}…"
    return f"'{text}'"
