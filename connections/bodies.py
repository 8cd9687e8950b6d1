"""Request bodies: JSON, form, multipart with files, XML, CSV, NDJSON, and text as it is (leaf)."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from connections import xml_bodies
from connections.exchange import Pairs
from integrations.definition import FORM_TYPE, JSON_TYPE
from integrations.operation import Body, FieldEncoding

MULTIPART_TYPE = "multipart/form-data"
# The media type for each of MEDIA_KINDS.
TYPES = {
    "json": JSON_TYPE,
    "xml": "application/xml",
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "urlencoded": FORM_TYPE,
    "multipart": MULTIPART_TYPE,
    "plaintext": "text/plain; charset=utf-8",
}
_FILE_KEYS = frozenset({"filename", "content", "contentType", "encoding"})
_MEDIA_TYPE = re.compile(r"^[\w!#$&^.+-]+/[\w!#$&^.+*-]+(\s*;[^\x00-\x1f\x7f]*)?$")


@dataclass(frozen=True)
class Encoded:
    """A body on the wire. `fixed` says that the media type carries a boundary and must not be replaced."""

    content_type: str
    content: bytes = field(repr=False)
    fixed: bool = False


def encode(value: Any, content_type: str, schema: dict[str, Any], encoding: Mapping[str, FieldEncoding] = MappingProxyType({})) -> Encoded:
    """The body for a media type, the fields of a form as `encoding` says. Raises ValueError with one sentence.

    JSON and forms may also come as text, as a person types them. A file, or a whole binary body, is
    {"filename", "content", "contentType", "encoding"}, where encoding "base64" says how its content is written. An object
    makes XML as the schema names its elements, else below its one root; a list NDJSON, a list of objects CSV.
    """
    media = content_type.partition(";")[0].strip().lower()
    if is_json(media):
        return Encoded(content_type if "/json" in media or "+json" in media else JSON_TYPE, _json(value, schema))
    if media == FORM_TYPE:
        return Encoded(FORM_TYPE, value.encode() if _is_form_text(value) else urlencode(_form(_object(value), encoding)).encode())
    if media == MULTIPART_TYPE:
        # A document that declares the whole body as a binary string means one file; `file` is the usual name of such a part.
        return _multipart({"file": value} if schema.get("type") == "string" else _object(value), encoding)
    if _is_file(value) or isinstance(value, str):
        return Encoded(_sendable(content_type), _raw(value))
    if is_xml(media):
        return Encoded(_sendable(content_type), xml_bodies.write(_object(value), schema))
    if media in ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"):
        items = value if isinstance(value, list) else [value]
        return Encoded(_sendable(content_type), b"".join(_json(item, {"type": "string"}) + b"\n" for item in items))
    if media in ("text/csv", "application/csv") and isinstance(value, list):
        return Encoded(_sendable(content_type), _csv(value))
    return Encoded(_sendable(content_type), _raw(value))


def in_format(body: Body, kind: str) -> Body:
    """The body as an integration sends it that sets one format for all requests: what says JSON, because most do, becomes that."""
    if not kind or body.content_type.partition(";")[0].strip().lower() not in (JSON_TYPE, "", "*/*"):
        return body
    return body.model_copy(update={"content_type": TYPES[kind]})


def text_of(value: Any) -> str:
    """A value as it stands in a URL, a header or a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict | list) else str(value)


def is_json(media: str) -> bool:
    """Whether a body of this media type, in lower case and without parameters, is written as JSON."""
    return media in (JSON_TYPE, "text/json", "", "*/*") or media.endswith("+json")


def is_xml(media: str) -> bool:
    """Whether a body of this media type, in lower case and without parameters, is written as XML."""
    return media in ("application/xml", "text/xml") or media.endswith("+xml")


def styled(name: str, value: Any, style: str, explode: bool | None) -> Iterator[tuple[str, list[str], str]]:
    """A value in one of OpenAPI's styles for queries and forms: names, each with its texts and what stands between them. An empty style is
    `form`; None explodes where that is usual for the style.
    """
    style = style or "form"
    explode = style in ("form", "deepObject") if explode is None else explode
    if not isinstance(value, list | dict):
        yield name, [text_of(value)], ""
    elif style == "deepObject":
        yield from ((key, [text], "") for key, text in nested(name, value))
    elif explode:
        pairs = value.items() if isinstance(value, dict) else ((name, item) for item in value)
        yield from ((key, [text_of(item)], "") for key, item in pairs)
    elif value:
        texts = [text for key, item in value.items() for text in (key, text_of(item))] if isinstance(value, dict) else map(text_of, value)
        yield name, list(texts), {"spaceDelimited": " ", "pipeDelimited": "|"}.get(style, ",")


def nested(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A nested value as `name[key][0]` and text, the notation that PHP and Rails made common."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from nested(f"{name}[{key}]", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from nested(f"{name}[{index}]", item)
    elif value is not None:
        yield name, text_of(value)


def _json(value: Any, schema: dict[str, Any]) -> bytes:
    if isinstance(value, str) and schema.get("type") != "string":
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise ValueError(f"body is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
        except RecursionError:
            raise ValueError("body is nested too deeply.") from None
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        raise ValueError("body holds a value that JSON does not have, such as NaN or broken text.") from None


def _is_form_text(value: Any) -> bool:
    return isinstance(value, str) and not value.lstrip().startswith("{")


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('body is not valid JSON. Write its fields as an object, for example {"name": "value"}.') from None
    if not isinstance(value, dict):
        raise ValueError('body takes an object with its fields, for example {"name": "value"}.')
    return value


def _form(fields: dict[str, Any], encoding: Mapping[str, FieldEncoding]) -> Pairs:
    """Fields of a form as `encoding` says; where it says nothing a list of plain values repeats its name, anything deeper gets brackets."""
    pairs: Pairs = []
    for name, value in fields.items():
        rule = encoding.get(name)
        if rule and value is not None and is_json(_essence(rule.content_type)) and rule.content_type:
            pairs.append((name, value if isinstance(value, str) else _json(value, {}).decode()))
        elif rule and value is not None and (rule.style or rule.explode is not None):
            pairs += ((key, glue.join(texts)) for key, texts, glue in styled(name, value, rule.style, rule.explode))
        elif isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
            pairs += [(name, text_of(item)) for item in value]
        else:
            pairs += nested(name, value)
    return pairs


def _multipart(fields: dict[str, Any], encoding: Mapping[str, FieldEncoding]) -> Encoded:
    """multipart/form-data as browsers send it (RFC 7578 and the HTML standard), the parts as `encoding` says."""
    boundary = token_hex(16)
    content = bytearray()
    for field_name, value in fields.items():
        rule = encoding.get(field_name) or FieldEncoding()
        for name, item in _items(field_name, value, rule):
            disposition, media, data = _part(name, item, _essence(rule.content_type))
            content += f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"{disposition}\r\n'.encode()
            content += f"Content-Type: {media}\r\n\r\n".encode() if media else b"\r\n"
            content += data + b"\r\n"
    content += f"--{boundary}--\r\n".encode()
    return Encoded(f"{MULTIPART_TYPE}; boundary={boundary}", bytes(content), fixed=True)


def _items(name: str, value: Any, rule: FieldEncoding) -> Iterator[tuple[str, Any]]:
    """The parts that a field becomes: a list one for each item, unless its style joins them or its media type holds all of them."""
    if value is None:
        return
    if (rule.style or rule.explode is not None) and not rule.content_type and isinstance(value, list | dict) and not _is_upload(value):
        yield from ((key, glue.join(texts)) for key, texts, glue in styled(name, value, rule.style, rule.explode))
    else:
        yield from ((name, item) for item in (value if isinstance(value, list) else [value]) if item is not None)


def _is_upload(value: Any) -> bool:
    """Whether a value is a file with a name, or a list of such."""
    if isinstance(value, list):
        return any(_is_upload(item) for item in value)
    return isinstance(value, dict) and "filename" in value and "content" in value


def _part(name: str, value: Any, media: str) -> tuple[str, str, bytes]:
    """What follows the name, the media type, and the content of one part. `media` is what the description of the API wants it to be."""
    media = media if "/" in media and not {"*", ","} & set(media) else ""  # one of several, which is anybody's guess
    if _is_upload(value):
        filename = _quoted(str(value["filename"]))
        return f'; filename="{filename}"', _sendable(str(value.get("contentType") or media or "application/octet-stream")), _raw(value)
    if isinstance(value, dict) and is_xml(media):
        return "", media, xml_bodies.write({name: value}, {})
    if isinstance(value, dict | list):
        return "", media if media and is_json(media) else JSON_TYPE, _json(value, {})
    return "", media, text_of(value).encode()


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _csv(rows: list[Any]) -> bytes:
    """A table with the names of all rows in its first line."""
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError('body takes a list of objects, one a row, for example [{"id": 1, "name": "A"}].')
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([text_of(row.get(name)) for name in names] for row in rows)
    return text.getvalue().encode()


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and "content" in value and set(value) <= _FILE_KEYS


def _raw(value: Any) -> bytes:
    """Text as it is, or the content of a file object."""
    if _is_file(value):
        content = str(value["content"])
        if value.get("encoding") != "base64":
            return content.encode()
        try:
            return base64.b64decode("".join(content.split()), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError('The content of the file is not Base64. Leave out "encoding" to send it as text.') from None
    if isinstance(value, dict | list):
        raise ValueError('body takes text, or an object with "content" and "encoding": "base64" for bytes.')
    return text_of(value).encode()


def _sendable(media_type: str) -> str:
    if not _MEDIA_TYPE.match(media_type):
        raise ValueError("The media type of the body is not valid. It looks like application/pdf.")
    return media_type


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
