"""POST /o/token/: the library's, but a client's secret cannot be tried out."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from oauth2_provider.views import TokenView

from integrations.accounts.attempts import SENTENCE, WINDOW, Attempts


class LimitedTokenView(TokenView):
    """Answers 429 after too many wrong secrets of one client, as RFC 6749 lets a server do for its own protection."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        attempts = Attempts("token", client_id(request), request.META.get("REMOTE_ADDR", ""))
        if attempts.are_too_many():
            answer = JsonResponse({"error": "temporarily_unavailable", "error_description": SENTENCE}, status=429)
            answer["Retry-After"] = str(WINDOW)
            return answer
        response: HttpResponse = super().post(request, *args, **kwargs)
        if response.status_code == 200:
            attempts.succeeded()
        elif response.status_code == 401:
            attempts.failed()
        return response


def client_id(request: HttpRequest) -> str:
    """Who says to be asking: by Basic authentication or in the body; "" where nobody does."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")[0]
        except (binascii.Error, ValueError):
            return ""
    return request.POST.get("client_id", "")
