"""Calls of the API in a test, as one person."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from integrations.models import User


class Caller:
    """`caller("GET", "integrations")`: the answer, whose status has to be `expect`. Headers are keyword arguments."""

    def __init__(self, user: User | None = None, *, bearer: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.bearer = bearer
        if user is not None:
            self.client.force_login(user)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer, whatever its status."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.bearer:
            given["Authorization"] = f"Bearer {self.bearer}"
        where = path if path.startswith("/") else f"/api/{path}"
        text = "" if body is None else json.dumps(body)
        return self.client.generic(method, where, text, content_type="application/json", headers=given)

    def __call__(self, method: str, path: str, body: Any = None, *, expect: int = 200, **headers: str) -> Any:
        answer = self.ask(method, path, body, **headers)
        assert answer.status_code == expect, (answer.status_code, answer.content)
        return answer.json() if answer.content else None
