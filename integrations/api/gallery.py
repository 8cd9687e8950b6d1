"""The flat list of integrations for galleries and pickers, with tags and with whom each is shared."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, cast

import orjson
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from integrations.api import representation
from integrations.api.schema import GalleryItem, problems
from integrations.models import Integration


class GalleryView(APIView):
    @extend_schema(
        operation_id="listIntegrationsFlat",
        summary="List integrations as a plain array with tags and sharing, for galleries and pickers",
        description="Only what the caller can read. Send the ETag back as If-None-Match: 304 means that nothing has changed.",
        parameters=[OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="An ETag of an earlier answer")],
        responses={200: GalleryItem(many=True), 304: OpenApiResponse(description="Nothing has changed"), **problems(401)},
        tags=["integrations"],
    )
    def get(self, request: Request) -> HttpResponse:
        rows = Integration.objects.visible_to(request.user).with_definition()
        rows = rows.select_related("organization").prefetch_related(representation.SHARES)
        body = orjson.dumps([_item(row) for row in rows])
        etag = f'"{sha256(body).hexdigest()[:32]}"'
        answer = HttpResponse(body, content_type="application/json", headers={"ETag": etag, "Cache-Control": "private, no-cache"})
        # Conditions are Django's, which knows no Request of DRF.
        return cast("HttpResponse", get_conditional_response(request._request, etag, None, answer))  # noqa: SLF001


def _item(row: Integration) -> dict[str, Any]:
    return {**representation.identity(row), "authType": row.content.get("auth", {}).get("type", "none"), **representation.sharing(row)}
