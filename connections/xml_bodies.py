"""XML as the values that JSON has, both ways (leaf).

Entities and external references are refused: they can fill the memory or read files.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

ATTRIBUTE = "$"  # before the name of what is an attribute of its element
TEXT = "#text"  # the text of an element that has attributes or children as well
_DEEPEST = 200  # levels; Python's own limit would end the work with a traceback
_NAME = re.compile(r"[A-Za-z_][\w.:-]*")


class NotXml(ValueError):
    """The bytes are no XML."""


class _DocumentType(Exception):
    """A document type was declared."""


class _Plain(ET.TreeBuilder):
    def doctype(self, *_: Any) -> None:
        """Called where a document type begins, whatever encoding it is in, before anything in it counts."""
        raise _DocumentType


def write(document: dict[str, Any], schema: dict[str, Any] | None = None) -> bytes:
    """A document of one root: objects are elements, lists repeated elements, `$name` is an attribute. Raises `ValueError`.

    What the schema of the root says under `xml` (names, attributes, wrapped lists, namespaces) counts, and where it names the root, that
    may be left out.
    """
    schema = schema or {}
    root = _named(schema, "")
    if root and set(document) not in ({root}, {_hints(schema).get("name")}):
        document = {root: document}
    if len(document) != 1:
        raise ValueError("A document in XML has one root. Put everything below one name.")
    name, value = next(iter(document.items()))
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(_element(root or name, value, schema), encoding="utf-8")


def read(body: bytes, *, attribute: str = ATTRIBUTE, empty: Any = "") -> dict[str, Any]:
    """The root of a document under its name, namespaces left out: children by name, repeated ones as a list. Raises
    `ValueError` for what declares entities or nests too deeply, and `NotXml`.

    The names of attributes begin with `attribute`; `empty` is the value of an element that holds nothing.
    """
    try:
        root = ET.fromstring(body, ET.XMLParser(target=_Plain()))  # noqa: S314 - without a document type there are no entities to expand
    except _DocumentType:
        raise ValueError("The XML of the answer declares entities or a document type, which Junction does not read.") from None
    except (ET.ParseError, ValueError, LookupError):
        raise NotXml("The answer is not valid XML.") from None
    return {_bare(root.tag): _value(root, 0, attribute, empty)}


def _element(name: str, value: Any, schema: dict[str, Any]) -> ET.Element:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:60]!r} cannot be the name of an element in XML.")
    element = ET.Element(name)
    hints = _hints(schema)
    if isinstance(space := hints.get("namespace"), str) and space:
        element.set(f"xmlns:{hints['prefix']}" if hints.get("prefix") else "xmlns", space)
    if not isinstance(value, dict):
        element.text = _text(value)
        return element
    for key, inner in value.items():
        if key == TEXT:
            element.text = _text(inner)
        elif key.startswith((ATTRIBUTE, "@")):  # what was read from an answer can be sent back
            element.set(key[1:], _text(inner))
        else:
            _add(element, key, inner, _part(_part(schema, "properties"), key))
    return element


def _add(element: ET.Element, key: str, value: Any, schema: dict[str, Any]) -> None:
    """The property `key` of an element, as its schema has it: an attribute, an element, or several."""
    if _hints(schema).get("attribute") is True:
        name = _named(schema, key)
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:60]!r} cannot be the name of an attribute in XML.")
        element.set(name, _text(value))
        return
    if not isinstance(value, list):
        element.append(_element(_named(schema, key), value, schema))
        return
    items = _part(schema, "items")
    if _hints(schema).get("wrapped") is True:
        wrapper = _element(_named(schema, key), {}, schema)
        element.append(wrapper)
        element = wrapper
    element.extend(_element(_named(items, key), one, items) for one in value)


def _named(schema: dict[str, Any], usual: str) -> str:
    """The name of an element or attribute, with its prefix if it has one."""
    hints = _hints(schema)
    said, prefix = hints.get("name"), hints.get("prefix")
    name = said if isinstance(said, str) and said else usual
    return f"{prefix}:{name}" if name and isinstance(prefix, str) and prefix else name


def _hints(schema: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says under `xml` about the schema of an element."""
    return _part(schema, "xml")


def _part(schema: dict[str, Any], key: str) -> dict[str, Any]:
    found = schema.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _value(element: ET.Element, depth: int, attribute: str, empty: Any) -> Any:
    text = (element.text or "").strip()
    if depth > _DEEPEST:
        raise ValueError(f"The XML of the answer is nested deeper than {_DEEPEST} levels.")
    found: dict[str, Any] = {attribute + _bare(name): value for name, value in element.attrib.items()}
    for child in element:
        name, value = _bare(child.tag), _value(child, depth + 1, attribute, empty)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    if not found:
        return text or empty
    return {**found, TEXT: text} if text else found


def _bare(name: str) -> str:
    return name.rpartition("}")[2]
