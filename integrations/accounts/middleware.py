"""Who is not signed in is sent to the sign-in page, except a part of a page that asks in the background."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control


class SignInMiddleware(LoginRequiredMiddleware):
    """htmx would follow a redirect and put the sign-in page where the fragment belongs; static/js/htmx-errors.js reads 401."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> Any:
        if request.headers.get("HX-Request") == "true":
            return HttpResponse("You are signed out. Sign in again.", status=401, content_type="text/plain; charset=utf-8")
        return super().handle_no_permission(request, view_func)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """What somebody saw signed in must not come back from the browser's cache after they have signed out."""
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response
