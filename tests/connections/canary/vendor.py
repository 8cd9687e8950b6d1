"""A careless vendor, and the integrations and secrets with which it is called."""

from __future__ import annotations

import json
from typing import Any

from tests.connections.canary.search import planted
from tests.connections.server import Handler

SECRETS = {
    name: planted(name)
    for name in ("apiKey", "appKey", "password", "clientSecret", "refreshToken", "accessToken", "session", "field", "default", "rotated")
}
MODES = ("serves", "refuses", "confuses", "moves", "breaks")


class Vendor:
    """Answers harmlessly while it serves. Else it repeats everything that it was sent, in body, headers and the reason of its status.

    What a vendor puts into the records of an action is kept as it came: these are what somebody asked for. So it serves nothing of ours.
    """

    def __init__(self) -> None:
        self.mode = "serves"

    def __call__(self, to: Handler) -> None:
        sent = json.dumps({**to.server.seen[-1].headers, "path": to.path, "body": to.server.seen[-1].body.decode("utf-8", "replace")})
        match self.mode:
            case "serves" if to.path.startswith("/token"):
                document = {"access_token": SECRETS["accessToken"], "refresh_token": SECRETS["rotated"], "expires_in": 3600}
                answer(to, 200, document)
            case "serves":
                answer(to, 200, {"token": SECRETS["session"]} if to.path.startswith("/login") else [{"id": 1, "name": "harmless"}])
            case "refuses":
                document = {"error": "invalid_request", "error_description": sent, "message": sent, "detail": {"sent": sent}}
                answer(to, 400 if to.path.startswith("/token") else 403, document, sent)
            case "confuses":
                to.reply(200, f"<html><title>{sent}</title>{sent}</html>".encode(), Content_Type="text/html", X_Sent=sent)
            case "moves":
                to.reply(302, sent.encode(), Location=f"http://localhost:1{to.path}", Content_Type="text/plain", X_Sent=sent)
            case "breaks":
                to.raw(f"HTTP/1.1 {sent}\r\n\r\n{sent}".encode())


def answer(to: Handler, status: int, document: Any, sent: str = "") -> None:
    body = json.dumps(document).encode()
    if not sent:
        to.reply(status, body, Content_Type="application/json")
        return
    to.send_response(status, sent)
    for name, value in (
        ("Content-Type", "application/json"),
        ("X-Sent", sent),
        ("Set-Cookie", f"a={sent}"),
        ("Content-Length", str(len(body))),
    ):
        to.send_header(name, value)
    to.end_headers()
    to.wfile.write(body)


def definitions(host: str) -> dict[str, tuple[dict[str, Any], dict[str, str]]]:
    """Integrations by name, each with the credentials of its connection."""
    login = {"url": f"{host}/login", "params": {"u": "{{credentials.username}}", "p": "{{credentials.password}}"}}
    token = f"{host}/token"
    return {
        "key": ({"type": "apikey", "apiKeyName": "key", "apiKeyLocation": "query"}, _secrets("apiKey")),
        "keys": ({"type": "apikey", "placements": [
            {"name": "X-Key", "value": "{{credentials.apiKey}}"},
            {"name": "X-Both", "value": 'B {{base64(credentials.appKey, ":", settings.field)}}'},
            {"location": "query", "name": "f", "value": "{{settings.field}}"}]}, _secrets("apiKey", "appKey")),
        "basic": ({"type": "basic"}, {"username": "user", **_secrets("password")}),
        "bearer": ({"type": "bearer"}, {"token": SECRETS["accessToken"]}),
        "client": ({"type": "oauth2", "tokenUri": token}, {"clientId": "id", **_secrets("clientSecret")}),
        "refresh": (
            {"type": "oauth2", "grantType": "refresh_token", "tokenUri": token, "clientAuthentication": "body"},
            {"clientId": "id", **_secrets("clientSecret", "refreshToken")},
        ),
        "password": (
            {"type": "oauth2", "grantType": "password", "tokenUri": token},
            {"clientId": "id", "username": "user", **_secrets("clientSecret", "password")},
        ),
        "login": ({"type": "login", "tokenKey": "token", "steps": [login]}, {"username": "user", **_secrets("password")}),
        "digest": ({"type": "digest"}, {"username": "user", **_secrets("password")}),
    }  # fmt: skip


def _secrets(*names: str) -> dict[str, str]:
    return {name: SECRETS[name] for name in names}
