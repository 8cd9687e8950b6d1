"""How the API reads JSON: only values that can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from integrations.refusals import Invalid
from integrations.storable import flaw


class StrictJSONParser(JSONParser):
    """JSON whose texts, numbers and depth every database and encoding takes; anything else is a problem, never a fault of ours."""

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            value = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError("The JSON is nested too deeply.") from None
        if sentence := flaw(value):
            raise Invalid({"": [sentence]})
        return value
