"""What Junction's proxy is compared with: a bare Django view, no middleware, no user, no database, that uses requests.Session.

Served by `gunicorn benchmarks.proxy_plain:application` with threads. VENDOR is where it sends its requests.
"""

from __future__ import annotations

import json
import os
from typing import Any

import requests
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from requests.adapters import HTTPAdapter

VENDOR = os.environ["VENDOR"]
session = requests.Session()
session.mount("http://", HTTPAdapter(pool_maxsize=64))


def proxied(request: HttpRequest) -> HttpResponse:
    asked: dict[str, Any] = json.loads(request.body)
    answer = session.request(
        asked.get("method", "GET"), VENDOR + asked["url"], params=asked.get("params"), headers={"X-Key": "a-key"}, timeout=30
    )
    return HttpResponse(answer.content, status=answer.status_code, content_type=answer.headers.get("Content-Type"))


urlpatterns = [path("request", proxied)]
settings.configure(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"], SECRET_KEY="of a benchmark")
application = get_wsgi_application()
