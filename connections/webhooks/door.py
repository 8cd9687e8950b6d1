"""The door at which vendors knock: public, answered before any work is done."""

from __future__ import annotations

import logging

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from connections.exchange import Headers
from connections.secrets import SecretError
from connections.webhooks.handshakes import Reply
from connections.webhooks.received import Received
from connections.webhooks.receiving import LATER, receive

logger = logging.getLogger(__name__)


@csrf_exempt
@login_not_required
@never_cache
def hook(request: HttpRequest, token: str) -> HttpResponse:
    """Take a message, or answer a question of the vendor's."""
    try:
        body = _body(request)
    except _TooLarge:
        return _response(Reply(f"At most {settings.WEBHOOK_MAX_BYTES:,} bytes are taken.\n".encode(), status=413))
    except (UnreadablePostError, OSError):
        return _response(Reply(b"The body could not be read.\n", status=400))
    url = settings.PUBLIC_URL + request.get_full_path()
    headers = Headers((name, value) for name, value in request.headers.items())
    try:
        return _response(receive(token, Received(request.method or "", url, headers, body)))
    except SecretError as error:
        logger.error("A webhook could not be checked: %s", error)
        return _response(LATER)


class _TooLarge(Exception):
    pass


def _body(request: HttpRequest) -> bytes:
    """The body, byte for byte. Raises `_TooLarge` before more than is taken was read."""
    most = settings.WEBHOOK_MAX_BYTES
    length = request.headers.get("Content-Length") or ""
    if length and (not length.isdecimal() or int(length) > most):
        raise _TooLarge
    if not length and request.META.get("wsgi.input_terminated"):  # in chunks, of which Django does not know
        body: bytes = request.META["wsgi.input"].read(most + 1)
        if len(body) > most:
            raise _TooLarge
        return body
    return request.read()  # not `request.body`, whose limit is that of forms


def _response(reply: Reply) -> HttpResponse:
    response = HttpResponse(reply.body, content_type=reply.content_type, status=reply.status)
    for name, value in reply.headers:
        response[name] = value
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - Django would log the address, which is a secret
    # What goes back may have been written by whoever asks; no browser makes anything of it.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
