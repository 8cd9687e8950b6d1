"""The sample vendor as a WSGI application: its routes, and what each of them answers."""

from __future__ import annotations

import hashlib
import html
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from wsgiref.types import StartResponse, WSGIEnvironment

from demo.vendor import access, data, document, inputs, oauth, paging
from demo.vendor.settings import Settings
from demo.vendor.web import Refusal, Request, Response, Route, find, whole

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{description}</p><p>OpenAPI document: <a href="{origin}/openapi.json">{origin}/openapi.json</a></p></body></html>
"""


class Vendor:
    """The application: records, tokens and routes. `clock` gives seconds since 1970 and decides when tokens expire."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.collections = data.generate(settings.seed)
        self.tokens = oauth.Tokens(signing_key=settings.signing_key, lifetime=settings.token_lifetime, clock=clock)
        self.routes = [
            Route("GET", "/", self.docs),
            Route("GET", "/docs", self.docs),
            Route("GET", "/openapi.json", self.openapi),
            Route("POST", "/oauth/token", self.token),
            Route("GET", "/v1/me", self.me, "read"),
            Route("GET", "/v1/devices", self.pages("devices", paging.by_page), "read"),
            Route("POST", "/v1/devices", self.create_device, "write"),
            Route("GET", "/v1/devices/search", self.search_devices, "read"),
            Route("GET", "/v1/devices/{id}", self.get_device, "read"),
            Route("PATCH", "/v1/devices/{id}", self.change_device, "write"),
            Route("DELETE", "/v1/devices/{id}", self.delete_device, "write"),
            Route("POST", "/v1/devices/{id}/attachments", self.attach, "write"),
            Route("GET", "/v1/tickets", self.pages("tickets", paging.by_index), "read"),
            Route("POST", "/v1/tickets", self.create_ticket, "write"),
            Route("GET", "/v1/sites", self.pages("sites", paging.by_link_header), "read"),
            Route("GET", "/v1/alerts", self.pages("alerts", paging.by_body_link), "read"),
            Route("GET", "/v1/invoices", self.pages("invoices", paging.by_pointer), "billing"),
            Route("GET", "/v1/tags", self.tags, "read"),
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            response = self.answer(Request.read(environ))
        except Refusal as refusal:
            response = refusal.response()
        return response.send(start_response, method=environ["REQUEST_METHOD"])

    def answer(self, request: Request) -> Response:
        """Raises Refusal for everything that is not answered with success."""
        route, values = find(self.routes, request.method, request.path)
        if route.scope:
            access.allow(request, route.scope, settings=self.settings, tokens=self.tokens)
        return route.handler(request, *values)

    # --- open to everyone

    def docs(self, request: Request) -> Response:
        page = _PAGE.format(title=document.TITLE, description=html.escape(document.DESCRIPTION), origin=html.escape(request.origin))
        return Response.html(page)

    def openapi(self, request: Request) -> Response:
        return Response.json(document.build(origin=request.origin))

    def token(self, request: Request) -> Response:
        return oauth.token(request, settings=self.settings, tokens=self.tokens)

    # --- reading

    def me(self, _request: Request) -> Response:
        return Response.json(
            {"account": document.TITLE, "collections": {name: len(items.all()) for name, items in self.collections.items()}}
        )

    def pages(self, name: str, way: Callable[[Request, list[data.Record]], Response]) -> Callable[[Request], Response]:
        """A handler that gives out a collection in one of the ways of `paging`."""
        return lambda request: way(request, self.collections[name].all())

    def tags(self, _request: Request) -> Response:
        return Response.json(self.collections["tags"].all())

    def search_devices(self, request: Request) -> Response:
        wanted = inputs.device_filter(request)
        return paging.by_page(request, [device for device in self.collections["devices"].all() if wanted(device)])

    def get_device(self, _request: Request, number: str) -> Response:
        return Response.json(self._device(number))

    # --- changing

    def create_device(self, request: Request) -> Response:
        values = inputs.device(request.json())
        device = self.collections["devices"].add(lambda _: values)
        return Response.json(device, status=201, headers=[("Location", f"{request.origin}/v1/devices/{device['id']}")])

    def change_device(self, request: Request, number: str) -> Response:
        device = self._device(number)
        return Response.json(self.collections["devices"].change(device["id"], inputs.device_changes(request.json())))

    def delete_device(self, _request: Request, number: str) -> Response:
        self.collections["devices"].remove(self._device(number)["id"])
        return Response(204)

    def attach(self, request: Request, number: str) -> Response:
        """Take a file and say what arrived; the sample keeps none."""
        device = self._device(number)
        upload, description = inputs.attachment(*request.multipart())
        digest = hashlib.sha256(upload.content).hexdigest()
        answer = {"device_id": device["id"], "file_name": upload.name, "content_type": upload.content_type, "size": len(upload.content)}
        return Response.json({**answer, "sha256": digest, "description": description}, status=201)

    def create_ticket(self, request: Request) -> Response:
        ticket = inputs.ticket(
            request.form(), devices=self.collections["devices"], now=data.stamp(datetime.fromtimestamp(self.clock(), UTC))
        )
        added = self.collections["tickets"].add(lambda n: {"number": data.ticket_number(n), **ticket})
        return Response.json(added, status=201)

    def _device(self, text: str) -> data.Record:
        device = self.collections["devices"].get(whole(text) or 0)
        if device is None:
            raise Refusal(404, "not_found", f"There is no device {text}.")
        return device
