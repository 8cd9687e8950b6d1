"""In which formats an API takes bodies and gives answers."""

from __future__ import annotations

import codecs
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator

from integrations.definition.parts import Part

MEDIA_KINDS = ("json", "xml", "csv", "ndjson", "urlencoded", "multipart", "plaintext")
# As other products and people write them.
_ALIASES = {"form": "urlencoded", "form-data": "multipart", "formdata": "multipart", "text": "plaintext", "jsonl": "ndjson"}


def _kind(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else value
    return _ALIASES.get(word, word) if isinstance(word, str) else word


MediaKind = Annotated[Literal["", "json", "xml", "csv", "ndjson", "urlencoded", "multipart", "plaintext"], BeforeValidator(_kind)]


class MediaTypes(Part):
    """Formats of request bodies, of successful answers and of errors. "" leaves it to the action (requests) and to the
    Content-Type (answers). `charset` is that of answers which name none, or a wrong one; "" means what they name, else UTF-8.
    """

    request: MediaKind = ""
    success: MediaKind = ""
    error: MediaKind = ""
    charset: Annotated[str, Field(max_length=40)] = ""

    @field_validator("charset")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            b"a".decode(value or "utf-8")
            return codecs.lookup(value).name if value else ""
        except UnicodeError:
            return codecs.lookup(value).name  # known, and the letter alone is no text in it
        except (LookupError, ValueError):
            raise ValueError(f"{value[:40]!r} is no character set that is known here. Write for example iso-8859-1.") from None
