"""Lists of the API: filters and order by django-filter, the same words in every list, and how /api/schema/ says so."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from config.hal import DEFAULT_LIMIT, MAX_LIMIT, MAX_START
from integrations.refusals import Invalid

MAX_TEXT = 200  # characters of a text to search for
_START = OpenApiParameter(
    "start", {"type": "integer", "minimum": 0, "maximum": MAX_START, "default": 0}, description="How many to leave out"
)
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}
PAGING = [
    _START,
    OpenApiParameter(
        "limit",
        {**_LIMIT, "default": DEFAULT_LIMIT},
        description="How many to give. The headers Link and X-Total-Count say what more there is.",
    ),
]
PARTS = [_START, OpenApiParameter("limit", _LIMIT, description="How many to give; without it all.")]


class Search(django_filters.CharFilter):
    """`q`: words, each of them in one of the named columns."""

    def __init__(self, *columns: str, words: str) -> None:
        super().__init__(max_length=MAX_TEXT, help_text=words)
        self.columns = columns

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        for word in value.split() if value else ():
            condition = Q()
            for column in self.columns:
                condition |= Q(**{f"{column}__icontains": word})
            qs = qs.filter(condition)
        return qs


class Choice(django_filters.ChoiceFilter):
    """One of the choices of a column, in any case."""

    def __init__(self, field_name: str, choices: Any, words: str = "") -> None:
        names = [str(value) for value, _ in choices]
        super().__init__(
            field_name=field_name,
            choices=choices,
            help_text=words,
            error_messages={"invalid_choice": f"%(value)s is not offered. Use one of: {', '.join(names)}."},
        )


class Exactly(django_filters.CharFilter):
    """The value of a column as it stands there."""

    def __init__(self, field_name: str, words: str) -> None:
        super().__init__(field_name=field_name, max_length=MAX_TEXT, help_text=words)


class Flag(django_filters.ChoiceFilter):
    """`true` or `false`."""

    def __init__(self, field_name: str, words: str = "") -> None:
        super().__init__(
            field_name=field_name,
            choices=[("true", "true"), ("false", "false")],
            help_text=words,
            error_messages={"invalid_choice": "Enter true or false."},
        )

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{self.field_name: value == "true"}) if value else qs


class Order(django_filters.OrderingFilter):
    """`ordering`: a name, with a minus the other way round; several with commas. Where rows are alike their ids decide."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(
            fields=fields,
            help_text="Order by this; with a minus the other way round. Several with commas.",
            error_messages={"invalid_choice": f"%(value)s is no order of this list. Use one of: {', '.join(fields.values())}."},
        )

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if not value:
            return qs
        return qs.order_by(*(self.get_ordering_value(name) for name in value), "pk")


class Filters(django_filters.FilterSet):
    """Base of a list's filters; the names are those of the JSON."""

    def __init__(self, request: Request, rows: QuerySet[Any]) -> None:
        super().__init__(request.query_params, rows, request=request)

    @classmethod
    def parameters(cls, paging: list[OpenApiParameter] = PAGING) -> list[OpenApiParameter]:
        """The filters, the order and the paging, for `extend_schema`."""
        return [_parameter(name, found) for name, found in cls.base_filters.items()] + paging

    @classmethod
    def narrow(cls, request: Request, rows: Any) -> Any:
        """The rows that the query asks for, in its order. Raises `Invalid` with the name of the parameter."""
        found = cls(request, rows)
        empty = [name for name, kind in cls.base_filters.items() if request.query_params.get(name) == "" and not isinstance(kind, Search)]
        if empty:
            raise Invalid({name: ["Leave the parameter out, or give it a value."] for name in empty})
        if not found.is_valid():
            raise Invalid({name: [str(sentence) for sentence in sentences] for name, sentences in found.errors.items()})
        return found.qs


def _parameter(name: str, found: django_filters.Filter) -> OpenApiParameter:
    words = str(found.extra.get("help_text") or "")
    if isinstance(found, Order):
        names = list(found.param_map)
        item = {"type": "string", "enum": [*names, *(f"-{name}" for name in names)]}
        return OpenApiParameter(name, {"type": "array", "items": item}, description=words, explode=False, style="form")
    if isinstance(found, Choice):
        return OpenApiParameter(name, str, enum=[str(value) for value, _ in found.extra["choices"]], description=words)
    if isinstance(found, Flag):
        return OpenApiParameter(name, bool, description=words)
    if isinstance(found, django_filters.UUIDFilter):
        return OpenApiParameter(name, OpenApiTypes.UUID, description=words)
    if isinstance(found, django_filters.IsoDateTimeFilter):
        return OpenApiParameter(name, OpenApiTypes.DATETIME, description=words)
    if isinstance(found, django_filters.DateFilter):
        return OpenApiParameter(name, OpenApiTypes.DATE, description=words)
    return OpenApiParameter(name, {"type": "string", "maxLength": found.extra.get("max_length", MAX_TEXT)}, description=words)
