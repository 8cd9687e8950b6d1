"""The value of a node. Nothing is executed but the functions of placeholders and JSONata within its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integrations import formulas
from integrations.expressions.functions import FUNCTIONS, now
from integrations.expressions.nodes import Call, Formula, MissingValue, Node, Path, Text


def evaluate(node: Node, values: Mapping[str, Any]) -> str:
    """The text that a node stands for. Raises `MissingValue`, and `ValueError` where a function cannot work with what it got."""
    match node:
        case Text():
            return node.value
        case Path():
            return _look_up(node, values)
        case Call():
            arguments = [evaluate(argument, values) for argument in node.arguments]
            if node.function == "now":
                return now(*arguments, moment=(values.get("request") or {}).get("moment"))
            return FUNCTIONS[node.function].work(*arguments)
        case Formula():
            return _text(formula(node, values), node.source)
    missing: MissingValue | None = None
    for one in node.nodes:
        try:
            return evaluate(one, values)
        except MissingValue as error:
            missing = missing or error
    raise missing or MissingValue("it")


def _look_up(path: Path, values: Mapping[str, Any]) -> str:
    return _text(found_at(path, values), path.name)


def found_at(path: Path, values: Mapping[str, Any]) -> Any:
    """What lies at a path, of whatever kind; None where there is nothing."""
    found: Any = values
    for key in path.keys:
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            found = None
    return found


def _text(found: Any, name: str) -> str:
    if isinstance(found, bool):
        return "true" if found else "false"
    if found is None or found == "" or isinstance(found, Mapping | list):
        raise MissingValue(name)
    return str(found)


def formula(node: Formula, values: Mapping[str, Any]) -> Any:
    """What a JSONata expression gives, of whatever kind. Raises `ValueError` with a sentence."""
    try:
        return formulas.evaluate(node.source, {name: value for name, value in values.items() if name != "request"})
    except formulas.FormulaError as error:
        raise ValueError(str(error)) from None
