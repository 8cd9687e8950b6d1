"""Mappings over HTTP: set up, refresh, search options, map, suggest, CSV."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import mapping_options
from actions.api import mapping_schema as schema
from actions.api.choosing import ORGANIZATION, asked_for
from actions.downloads import download_mapping
from config.hal import paged
from connections.mapping import options, tables
from connections.mapping.csv_files import MAX_BYTES
from connections.mapping.models import Mapping, MappingOption
from connections.models import Connection
from integrations.api.listing import PAGING
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Organization, Role
from integrations.permissions import by_id, integration_for, is_uuid, organization_for, signed_in
from integrations.refusals import Invalid, check_known

_SETTINGS = {"organization", "source", "connection", "action", "inputs", "valuePath", "labelPath", "options"}


def represent(mapping: Mapping) -> dict[str, Any]:
    below = tables.children(mapping)
    return {
        "organization": str(mapping.organization.pk),
        "integration": str(mapping.integration.pk),
        "source": mapping.source,
        "connection": str(mapping.connection_id) if mapping.connection_id else None,
        "action": str(mapping.action) if mapping.action else None,
        "inputs": mapping.inputs,
        "valuePath": mapping.value_path,
        "labelPath": mapping.label_path,
        "state": mapping.state,
        "message": mapping.message,
        "run": str(mapping.run) if mapping.run else None,
        "options": mapping.option_count,
        "refreshedAt": mapping.refreshed_at,
        "organizations": below.count(),
        "mapped": below.exclude(value=None).count(),
    }


def represent_row(row: Organization) -> dict[str, Any]:
    found: Any = row
    return {"organization": str(row.pk), "slug": row.slug, "name": row.name, "id": found.value, "label": found.label}


def represent_option(option: MappingOption) -> dict[str, Any]:
    return {"value": option.value, "label": option.label}


def _mapping(request: Request, key: str, role: str = Role.VIEWER) -> Mapping:
    return tables.mapping_of(asked_for(request, role), integration_for(request.user, key))


def _named_mapping(request: Request, key: str, payload: dict[str, Any]) -> Mapping:
    """The mapping of the organization that the body names, for whoever may change it."""
    integration = integration_for(request.user, key)
    named = payload.get("organization") or request.query_params.get("organization")
    return tables.mapping_of(organization_for(request.user, Role.OPERATOR, str(named) if named else None), integration)


class MappingView(APIView):
    @extend_schema(
        operation_id="getMapping",
        summary="Read where a mapping's options come from, and how far it is",
        parameters=[ORGANIZATION],
        responses={200: schema.MappingDocument, **problems(401, 403, 404, 422)},
        tags=["mapping"],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(represent(_mapping(request, key)))

    @extend_schema(
        operation_id="setUpMapping",
        summary="Say where a mapping's options come from; what is mapped stays",
        request=schema.MappingRequest,
        responses={200: schema.MappingDocument, **problems(400, 401, 403, 404, 422)},
        tags=["mapping"],
    )
    def put(self, request: Request, key: str) -> Response:
        payload = json_object(request)
        check_known(payload, _SETTINGS)
        mapping = _named_mapping(request, key, payload)
        uid = _uid(payload.get("action"))
        mapping_options.check_action(mapping.integration, uid)
        saved = tables.set_up(
            mapping=mapping,
            source=payload.get("source"),
            connection=_connection(mapping, payload.get("connection")),
            action=uid,
            inputs=payload.get("inputs"),
            value_path=payload.get("valuePath", "id"),
            label_path=payload.get("labelPath", "name"),
            listed=_listed(payload["options"]) if payload.get("options") is not None else None,
        )
        return Response(represent(tables.mapping_of(saved.organization, saved.integration)))


class MappingRefreshView(APIView):
    @extend_schema(
        operation_id="refreshMapping",
        summary="Fetch a mapping's options anew; the old ones stay until the new ones are there",
        parameters=[ORGANIZATION],
        request=None,
        responses={202: schema.MappingDocument, **problems(401, 403, 404, 409, 422)},
        tags=["mapping"],
    )
    def post(self, request: Request, key: str) -> Response:
        mapping = mapping_options.start(mapping=_mapping(request, key, Role.OPERATOR), user=signed_in(request))
        return Response(represent(mapping), status=202)


class MappingOptionsView(APIView):
    @extend_schema(
        operation_id="listMappingOptions",
        summary="Search the customers that can be chosen",
        parameters=[
            ORGANIZATION,
            OpenApiParameter("q", str, description="Words in value or label, whatever their case and accents"),
            *PAGING,
        ],
        responses={200: schema.OptionCollection, **problems(401, 403, 404, 422)},
        tags=["mapping"],
    )
    def get(self, request: Request, key: str) -> Response:
        mapping = _mapping(request, key)
        rows = options.search(mapping, request.query_params.get("q", ""))
        path = f"/api/integrations/{key}/mapping/options"
        return paged(request, rows, rel="option", represent=represent_option, path=path)


class MappedView(APIView):
    @extend_schema(
        operation_id="listMapped",
        summary="List the organizations below and the customer that each is",
        parameters=[
            ORGANIZATION,
            OpenApiParameter("q", str, description="Text in name or slug"),
            OpenApiParameter("unmapped", bool, description="Only those that are not mapped"),
            *PAGING,
        ],
        responses={200: schema.MappedCollection, **problems(401, 403, 404, 422)},
        tags=["mapping"],
    )
    def get(self, request: Request, key: str) -> Response:
        unmapped = request.query_params.get("unmapped", "false").lower()
        if unmapped not in ("true", "false"):
            raise Invalid({"unmapped": ["Enter true or false."]})
        rows = tables.children(_mapping(request, key), request.query_params.get("q", "").strip(), unmapped=unmapped == "true")
        path = f"/api/integrations/{key}/mapping/organizations"
        return paged(request, rows, rel="mapping", represent=represent_row, path=path)

    @extend_schema(
        operation_id="mapOrganizations",
        summary="Map organizations below; whoever is not named stays as it is, and either all are saved or none",
        request=schema.MapRequest,
        responses={200: schema.MapResult, **problems(400, 401, 403, 404, 422)},
        tags=["mapping"],
    )
    def patch(self, request: Request, key: str) -> Response:
        payload = json_object(request)
        check_known(payload, {"organization", "mappings"})
        mapping = _named_mapping(request, key, payload)
        saved = tables.save(mapping=mapping, changes=_changes(mapping, payload.get("mappings")), user=signed_in(request))
        return Response({"mapped": saved.mapped, "cleared": saved.cleared, "unchanged": saved.unchanged})


class SuggestionsView(APIView):
    @extend_schema(
        operation_id="suggestMapping",
        summary="Suggest customers for the organizations that are not mapped; nothing is saved",
        parameters=[ORGANIZATION],
        responses={200: schema.MappingSuggestionsDocument, **problems(401, 403, 404, 409, 422)},
        tags=["mapping"],
    )
    def get(self, request: Request, key: str) -> Response:
        found = tables.suggest(mapping=_mapping(request, key))
        clear = [
            {"organization": str(pk), "score": score, "options": [{"value": value, "label": label}]}
            for pk, (value, label, score) in found.clear.items()
        ]
        several = [
            {"organization": str(pk), "score": None, "options": [{"value": value, "label": label} for value, label in pairs]}
            for pk, pairs in found.ambiguous.items()
        ]
        return Response({"suggestions": [*clear, *several], "none": found.none})


class CsvParser(BaseParser):
    """The body as bytes, whatever it is called."""

    media_type = "*/*"  # what programs send that do not say what it is

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:  # noqa: ARG002 - the signature of the library
        return stream.read(MAX_BYTES + 1)


class MappingCsvView(APIView):
    parser_classes = [CsvParser]

    @extend_schema(
        operation_id="exportMapping",
        summary="The mapping as CSV: organization, name, value, label",
        parameters=[ORGANIZATION],
        responses={(200, "text/csv"): OpenApiTypes.STR, **problems(401, 403, 404, 422)},
        tags=["mapping"],
    )
    def get(self, request: Request, key: str) -> StreamingHttpResponse:
        return download_mapping(_mapping(request, key))

    @extend_schema(
        operation_id="importMapping",
        summary="Map by a CSV file as it is exported; errors by line, and either all lines are saved or none",
        parameters=[ORGANIZATION],
        request={"text/csv": OpenApiTypes.STR},
        responses={200: schema.MapResult, **problems(401, 403, 404, 422)},
        tags=["mapping"],
    )
    def put(self, request: Request, key: str) -> Response:
        mapping = _mapping(request, key, Role.OPERATOR)
        if not isinstance(request.data, bytes):
            raise Invalid({"": ["Send the file as the body of the request, with the content type text/csv. It is empty."]})
        saved = tables.import_csv(mapping=mapping, data=request.data, user=signed_in(request))
        return Response({"mapped": saved.mapped, "cleared": saved.cleared, "unchanged": saved.unchanged})


def _uid(value: Any) -> UUID | None:
    if value in (None, ""):
        return None
    if not is_uuid(value):
        raise Invalid({"action": ["Send the id of an action."]})
    return UUID(str(value))


def _connection(mapping: Mapping, key: Any) -> Connection | None:
    if key in (None, ""):
        return None
    rows = Connection.objects.filter(organization=mapping.organization, integration=mapping.integration)
    found = by_id(rows, key)
    if found is None:
        raise Invalid({"connection": [f"{mapping.organization} has no such connection to {mapping.integration}. Send its id."]})
    return found


def _listed(given: Any) -> list[options.Pair]:
    """The options of the body: objects with value and label, or plain values."""
    if not isinstance(given, list):
        raise Invalid({"options": ["Enter a list of objects with value and label."]})
    found, errors = [], {}
    for number, one in enumerate(given):
        value = one.get("value") if isinstance(one, dict) else one
        label = (one.get("label") if isinstance(one, dict) else None) or value
        texts = [" ".join(str(text).split()) for text in (value, label) if isinstance(text, str | int) and not isinstance(text, bool)]
        problem = options.problem_of(*texts) if len(texts) == 2 else "Enter value and label as text."
        if problem:
            errors[f"options.{number}"] = [problem]
        else:
            found.append((texts[0], texts[1]))
    if errors:
        raise Invalid(errors)
    return found


def _changes(mapping: Mapping, given: Any) -> dict[UUID, options.Pair]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Invalid({"mappings": ["Enter a list of objects with organization and id."]})
    names = [str(one.get("organization") or "") for one in given]
    below = tables.children(mapping)
    known = {str(pk): pk for pk in below.filter(pk__in=[name for name in names if is_uuid(name)]).values_list("pk", flat=True)}
    known |= dict(below.filter(slug__in=names).values_list("slug", "pk"))
    errors: dict[str, list[str]] = {}
    found: dict[UUID, options.Pair] = {}
    for number, (name, one) in enumerate(zip(names, given, strict=True)):
        where = f"mappings.{number}"
        value, label = one.get("id"), one.get("label")
        if unknown := sorted(set(one) - {"organization", "id", "label"}):
            errors[where] = [f"{', '.join(unknown)} is not known here."]
        elif name not in known:
            errors[where] = [f"There is no such organization below {mapping.organization}. Send its id or slug."]
        elif known[name] in found:
            errors[where] = ["This organization stands in the list twice."]
        elif "id" not in one or isinstance(value, bool) or not isinstance(value, str | int | None) or not isinstance(label, str | None):
            errors[where] = ["Enter id as text, or null to take the mapping away; label is text."]
        else:
            found[known[name]] = ("" if value is None else str(value), label or "")
    if errors:
        raise Invalid(errors)
    return found
