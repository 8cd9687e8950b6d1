"""Imports as jobs over HTTP: read a document in a worker, choose among its operations, write the chosen ones. And what was found odd."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from actions import importing, imports, undoing
from actions.api.schema import (
    EntryDocument,
    FindingDocument,
    ImportJobDocument,
    ImportJobRequest,
    SelectionDocument,
    SelectionRequest,
)
from actions.models import Import
from actions.permissions import import_for
from config.hal import array
from integrations.api.listing import MAX_TEXT, PAGING, Choice, Filters, Order
from integrations.api.parsing import StrictJSONParser
from integrations.api.schema import problems
from integrations.api.views import json_object
from integrations.models import Role
from integrations.operation import METHODS
from integrations.permissions import check_builder, integration_for, organization_for, signed_in
from integrations.refusals import Invalid, check_known

_FIELDS = {"url", "document", "organization", "choose"}


def represent(job: Import) -> dict[str, Any]:
    return {
        "id": str(job.pk),
        "organization": str(job.organization_id),
        "source": job.source,
        "title": job.title,
        "version": job.version,
        "state": job.state,
        "phase": job.phase,
        "message": job.message,
        "done": job.done,
        "total": job.total,
        "integration": str(job.integration_id) if job.integration_id else None,
        "createdAt": job.created_at,
    }


class ImportFilters(Filters):
    state = Choice("state", Import.State.choices)
    organization = django_filters.UUIDFilter(field_name="organization_id")
    ordering = Order({"created_at": "createdAt"})


class ImportsView(APIView):
    parser_classes = [MultiPartParser, StrictJSONParser]

    @extend_schema(
        operation_id="listImports",
        summary="List imports of the last day, newest first",
        parameters=ImportFilters.parameters(),
        responses={200: ImportJobDocument(many=True), **problems(401, 422)},
        tags=["imports"],
    )
    def get(self, request: Request) -> Response:
        return array(request, ImportFilters.narrow(request, Import.objects.visible_to(request.user)), represent)

    @extend_schema(
        operation_id="startImport",
        summary="Begin an import that a worker carries out, for large documents and for choosing among operations",
        description="Follow it at Location. With `choose`, and for large documents in any case, it waits in the state `choosing` until its operations "
        "are accepted. A small document is imported at once.",
        request={
            "application/json": ImportJobRequest,
            "multipart/form-data": {
                "type": "object",
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "organization": {"type": "string"},
                    "choose": {"type": "string"},
                },
            },
        },
        responses={202: ImportJobDocument, **problems(400, 401, 403, 422)},
        tags=["imports"],
    )
    def post(self, request: Request) -> Response:
        payload = json_object(request)
        upload = next(iter(request.FILES.values()), None)
        check_known(payload, {*_FIELDS, *request.FILES})
        choose = payload.get("choose", False)
        if not isinstance(choose, bool) and str(choose).lower() not in ("true", "false"):
            raise Invalid({"choose": ["Enter true or false."]})
        organization = organization_for(request.user, Role.BUILDER, payload.get("organization"))
        check_builder(organization)
        given: dict[str, Any]
        if upload is not None:
            importing.check_size(upload.size or 0)
            given = {"kind": Import.Kind.FILE, "source": upload.name or "File", "document": upload.read()}
        elif isinstance(payload.get("url"), str) and payload["url"].strip():
            given = {"kind": Import.Kind.URL, "source": payload["url"].strip()}
        elif isinstance(payload.get("document"), str) and payload["document"].strip():
            given = {"kind": Import.Kind.TEXT, "source": "Pasted text", "document": payload["document"].encode()}
        else:
            raise Invalid({"document": ['Send the part "file" of multipart/form-data, or JSON with url or document (its text).']})
        asks = choose if isinstance(choose, bool) else str(choose).lower() == "true"
        job = imports.start(organization=organization, user=signed_in(request), asks=asks, **given)
        return Response(represent(job), status=202, headers={"Location": f"/api/imports/{job.pk}"})


class ImportView(APIView):
    @extend_schema(
        operation_id="getImport",
        summary="Read how far an import is",
        responses={200: ImportJobDocument, **problems(401, 403, 404)},
        tags=["imports"],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(represent(import_for(request.user, key)))


class OperationsView(APIView):
    @extend_schema(
        operation_id="listImportOperations",
        summary="List the operations that one chooses from",
        parameters=[
            OpenApiParameter("q", {"type": "string", "maxLength": MAX_TEXT}, description="Words in name, path or group"),
            OpenApiParameter("method", str, enum=METHODS),
            OpenApiParameter("group", {"type": "string", "maxLength": MAX_TEXT}, description="A tag, or the beginning of the path"),
            *PAGING,
        ],
        responses={200: EntryDocument(many=True), **problems(401, 403, 404, 409, 422)},
        tags=["imports"],
    )
    def get(self, request: Request, key: str) -> Response:
        job = import_for(request.user, key)
        asked = request.query_params
        if "method" in asked and asked["method"] not in METHODS:
            raise Invalid({"method": [f"Use one of: {', '.join(METHODS)}."]})
        for name in ("q", "group"):
            if len(asked.get(name, "")) > MAX_TEXT:
                raise Invalid({name: [f"At most {MAX_TEXT} characters."]})
        found = imports.catalogue(job).find(
            text=asked.get("q", ""), methods=[asked["method"]] if "method" in asked else [], group=asked.get("group", "")
        )
        chosen = imports.selection(job)
        return array(request, found, lambda entry: {**entry._asdict(), "selected": entry.number in chosen})

    @extend_schema(
        operation_id="selectImportOperations",
        summary="Choose operations by their numbers; those that are named in neither list stay as they are",
        request=SelectionRequest,
        responses={200: SelectionDocument, **problems(400, 401, 403, 404, 409, 422)},
        tags=["imports"],
    )
    def patch(self, request: Request, key: str) -> Response:
        job = import_for(request.user, key)
        payload = json_object(request)
        check_known(payload, {"add", "remove"})
        for name in ("add", "remove"):
            numbers = payload.get(name, [])
            if not isinstance(numbers, list) or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
                raise Invalid({name: ["Enter a list of numbers of operations."]})
        selection = imports.select(job=job, add=payload.get("add", []), remove=payload.get("remove", []))
        return Response({"selected": selection.count, "total": len(selection.marks)})


class AcceptView(APIView):
    @extend_schema(
        operation_id="acceptImport",
        summary="Import the operations that are selected",
        request=None,
        responses={202: ImportJobDocument, **problems(401, 403, 404, 409)},
        tags=["imports"],
    )
    def post(self, request: Request, key: str) -> Response:
        return Response(represent(imports.accept(job=import_for(request.user, key))), status=202)


class CancelView(APIView):
    @extend_schema(
        operation_id="cancelImport",
        summary="End an import; a draft that it began is removed",
        request=None,
        responses={202: ImportJobDocument, **problems(401, 403, 404)},
        tags=["imports"],
    )
    def post(self, request: Request, key: str) -> Response:
        return Response(represent(imports.cancel(job=import_for(request.user, key))), status=202)


class FindingsView(APIView):
    @extend_schema(
        operation_id="listFindings",
        summary="List what the import of an integration found odd in the document",
        parameters=PAGING,
        responses={200: FindingDocument(many=True), **problems(401, 403, 404, 422)},
        tags=["integrations"],
    )
    def get(self, request: Request, key: str) -> Response:
        revision = undoing.imported_revision(integration_for(request.user, key, edit=True))
        return array(request, revision.findings if revision else [], dict)
