"""A column for JSON that comes back as it was written, on every database."""

from __future__ import annotations

import json
from typing import Any

from django.db import models


class OrderedJSONField(models.JSONField):
    """JSON whose objects keep the order of their members.

    The order counts on the wire (elements of XML, fields of a form, parameters of a URL) and to whoever reads their own
    definition again. PostgreSQL's `jsonb` sorts members and so loses it; here the text is stored, as SQLite does anyway. Values are
    written and read whole: there are no lookups by key, which would need `jsonb`.
    """

    def get_internal_type(self) -> str:
        return "TextField"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> str:  # noqa: ARG002 - the signature of Django
        return json.dumps(value if prepared else self.get_prep_value(value), cls=self.encoder)

    def get_transform(self, name: str) -> Any:
        return models.Field.get_transform(self, name)
