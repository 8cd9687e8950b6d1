"""Example inputs of an operation, made from types, enumerations, defaults and schemas."""

from __future__ import annotations

from typing import Any

from actions.examples import example, example_body
from actions.inputs import is_given, usable_default
from actions.requests import BODY, labelled
from integrations.operation import Operation, Parameter


def example_inputs(operation: Operation, *, optional: bool = False) -> dict[str, Any]:
    """Inputs with which a request can be built: the required ones, with `optional` all. Values are examples, not real ids."""
    inputs = {
        label: _parameter(parameter)
        for label, parameter in labelled(operation).items()
        if (parameter.required or optional or usable_default(parameter) is not None) and parameter.enum != [""]
    }
    if operation.body and (operation.body.required or optional):
        inputs[BODY] = example_body(operation.body)
    return inputs


def _parameter(parameter: Parameter) -> Any:
    default = usable_default(parameter)
    if default is not None:
        return default
    kind = parameter.items or "string" if parameter.type == "array" else parameter.type
    option = next((option for option in parameter.enum if is_given(option)), None)
    value: Any = option if option is not None else example({"type": kind, "format": parameter.format})
    if value in (None, {}, []) and kind in ("object", "array"):
        value = {"key": "value"} if kind == "object" else ["example"]  # of nothing inside nothing would be sent
    return [value] if parameter.type == "array" and not isinstance(value, list) else value
