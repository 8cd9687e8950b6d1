"""A small authorization server (RFC 6749, 7636, 7009): a page where people agree, codes, refresh tokens that rotate.

`/agree/authorize` shows the page, `/agree/token` gives tokens, `/agree/revoke` ends a grant, `/agree/me` wants a living
access token. A refresh token that is used a second time ends the whole grant, as careful servers do. What it demands is
set on `AgreeServer`: PKCE, the place of the client's secret, whether refresh tokens are given at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_plus, urlencode

from demo.vendor.web import Json, Refusal, Request, Response, Route

CLIENT_ID, CLIENT_SECRET = "agree-client", "agree-client-secret"

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>Sample identity</title></head><body>
<h1>Sample identity</h1><p>{client} wants to act for you.</p>
<form method="get" action="/agree/decide">{fields}<button name="decision" value="agree">Agree</button>
<button name="decision" value="decline">Decline</button></form></body></html>"""
_POST_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>Back</title></head><body>
<form method="post" action="{action}">{fields}<button>Back to the app</button></form></body></html>"""


@dataclass
class Grant:
    """What somebody agreed to: the living tokens, and the ones that were used up."""

    access: str = ""
    ends: float = 0.0
    refresh: str = ""
    used: set[str] = field(default_factory=set)
    alive: bool = True


@dataclass
class _Code:
    redirect_uri: str
    challenge: str
    method: str


class AgreeServer:
    """The state of the server. `lifetime` of access tokens in seconds; `clock` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything, and demand what is usual."""
        self.lifetime: float = 600
        self.demand_pkce = True
        self.secret_in = "basic"  # or "body", nowhere else
        self.give_refresh = True
        self.grants: list[Grant] = []
        self.reused = 0  # how often a used refresh token came again
        self.extra: dict[str, str] = {}  # parameters that the redirect brings along
        self.refuse_revocation = 0  # a status
        self._codes: dict[str, _Code] = {}

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/agree/authorize", self.authorize),
            Route("GET", "/agree/decide", self.decide),
            Route("POST", "/agree/token", self.token),
            Route("POST", "/agree/revoke", self.revoke),
            Route("GET", "/agree/me", self.me),
        ]

    def authorize(self, request: Request) -> Response:
        """The page. A client that is not known is refused here and sent nowhere."""
        if request.get("client_id") != CLIENT_ID or request.get("response_type") != "code" or not request.get("redirect_uri"):
            return Response.html("<h1>The request is wrong</h1>", status=400)
        if self.demand_pkce and request.get("code_challenge_method") != "S256":
            return _redirect(request.get("redirect_uri"), {"error": "invalid_request", "state": request.get("state")})
        return Response.html(_PAGE.format(client=html.escape(request.get("client_id")), fields=_hidden(dict(request.query))))

    def decide(self, request: Request) -> Response:
        where, state = request.get("redirect_uri"), request.get("state")
        if request.get("decision") != "agree":
            return _redirect(where, {"error": "access_denied", "error_description": "The person said no.", "state": state})
        code = secrets.token_urlsafe(16)
        with self._lock:
            self._codes[code] = _Code(where, request.get("code_challenge"), request.get("code_challenge_method"))
        answer = {"code": code, "state": state, **self.extra}
        if request.get("response_mode") == "form_post":
            return Response.html(_POST_PAGE.format(action=html.escape(where), fields=_hidden(answer)))
        return _redirect(where, answer)

    def token(self, request: Request) -> Response:
        values = dict(request.form())
        self._authenticate(request, values)
        with self._lock:
            if values.get("grant_type") == "authorization_code":
                return self._for_code(values)
            if values.get("grant_type") == "refresh_token":
                return self._for_refresh(values.get("refresh_token", ""))
        raise _TokenRefusal(400, "unsupported_grant_type", "It takes codes and refresh tokens.")

    def revoke(self, request: Request) -> Response:
        values = dict(request.form())
        self._authenticate(request, values)
        if self.refuse_revocation:
            raise _TokenRefusal(self.refuse_revocation, "unsupported_token_type", "Not now.")
        with self._lock:
            for grant in self.grants:
                if values.get("token") in (grant.refresh, grant.access):
                    grant.alive = False
        return Response(200, [("Content-Length", "0")])

    def me(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            for grant in self.grants:
                if scheme == "Bearer" and token and token == grant.access and grant.alive and grant.ends > self.clock():
                    return Response.json({"user": "sample"})
        raise Refusal(401, "invalid_token", "The access token is unknown or has ended.")

    def _for_code(self, values: dict[str, str]) -> Response:
        code = self._codes.pop(values.get("code", ""), None)
        if code is None or code.redirect_uri != values.get("redirect_uri"):
            raise _TokenRefusal(400, "invalid_grant", "The code is unknown, was used, or belongs to another address.")
        if code.challenge:
            digest = base64.urlsafe_b64encode(hashlib.sha256(values.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
            if digest != code.challenge:
                raise _TokenRefusal(400, "invalid_grant", "The verifier does not fit.")
        grant = Grant()
        self.grants.append(grant)
        return self._issue(grant)

    def _for_refresh(self, token: str) -> Response:
        for grant in self.grants:
            if token in grant.used:
                grant.alive = False
                self.reused += 1
            if grant.alive and token and token == grant.refresh:
                return self._issue(grant)
        raise _TokenRefusal(400, "invalid_grant", "The refresh token is unknown or was used.")

    def _issue(self, grant: Grant) -> Response:
        grant.used.add(grant.refresh)
        grant.access, grant.refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24) if self.give_refresh else ""
        grant.ends = self.clock() + self.lifetime
        answer: dict[str, Json] = {"access_token": grant.access, "token_type": "Bearer", "expires_in": self.lifetime}
        return Response.json(answer | ({"refresh_token": grant.refresh} if grant.refresh else {}))

    def _authenticate(self, request: Request, values: dict[str, str]) -> None:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if self.secret_in == "basic":
            user, _, password = base64.b64decode(credentials or "").decode().partition(":")
            right = scheme == "Basic" and (unquote_plus(user), unquote_plus(password)) == (CLIENT_ID, CLIENT_SECRET)
        else:
            right = not scheme and (values.get("client_id"), values.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not right:
            raise _TokenRefusal(401, "invalid_client", f"The client's secret is expected in the {self.secret_in}.")


class _TokenRefusal(Refusal):
    def response(self) -> Response:
        return Response.json({"error": self.code, "error_description": self.message}, status=self.status)


def _redirect(where: str, params: dict[str, str]) -> Response:
    glue = "&" if "?" in where else "?"
    return Response(302, [("Location", f"{where}{glue}{urlencode(params)}"), ("Content-Length", "0")])


def _hidden(values: dict[str, str]) -> str:
    return "".join(f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in values.items())
