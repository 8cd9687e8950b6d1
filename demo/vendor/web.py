"""The little of HTTP that the sample vendor needs on top of WSGI: requests, responses, refusals and the route table."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import application_uri

MAX_BODY = 10 * 1024 * 1024  # bytes; a larger request is answered with 413
FORM_TYPE = "application/x-www-form-urlencoded"
Json = Any


class Refusal(Exception):
    """A request that is answered with an error: its status, a code for programs and a sentence for people."""

    def __init__(self, status: int, code: str, message: str, *, headers: Iterable[tuple[str, str]] = (), **details: Json) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers, self.details = status, code, message, list(headers), details

    def response(self) -> Response:
        return Response.json(
            {"error": {"code": self.code, "message": self.message, **self.details}}, status=self.status, headers=self.headers
        )


@dataclass(frozen=True)
class Upload:
    """One file of a multipart body."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True)
class Request:
    """A request in parts. Names of `headers` are lower case; `target` is the path and query exactly as they were sent."""

    method: str
    path: str
    target: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    origin: str  # scheme, host and mount point that the client used, without a slash at the end
    environ: WSGIEnvironment = field(repr=False)

    @classmethod
    def read(cls, environ: WSGIEnvironment) -> Self:
        """Read the request, body included. Raises Refusal 413 for a body over MAX_BODY."""
        headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
        headers |= {key.replace("_", "-").lower(): environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)}
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace") or "/"
        query = environ.get("QUERY_STRING", "")
        return cls(
            method=environ["REQUEST_METHOD"],
            path=path,
            target=environ.get("RAW_URI") or path + (f"?{query}" if query else ""),
            query=parse_qsl(query, keep_blank_values=True),
            headers=headers,
            body=_body(environ),
            origin=application_uri(environ).rstrip("/"),
            environ=environ,
        )

    def get(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        return dict(self.query).get(name, default)

    def values(self, name: str) -> list[str]:
        """All values of a query parameter, in order."""
        return [value for key, value in self.query if key == name]

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> dict[str, Json]:
        """The body as a JSON object. Raises Refusal 415 for another media type and 400 for what is no object."""
        if self.content_type != "application/json":
            raise Refusal(415, "unsupported_media_type", "Send the body as application/json.")
        try:
            value = json.loads(self.body)
        except ValueError:
            raise Refusal(400, "invalid_json", "The body is not valid JSON.") from None
        if not isinstance(value, dict):
            raise Refusal(400, "invalid_json", "The body is a JSON object.")
        return value

    def form(self) -> list[tuple[str, str]]:
        """The pairs of a form-encoded body. Raises Refusal 415 for another media type, 400 for bytes that are no UTF-8."""
        if self.content_type != FORM_TYPE:
            raise Refusal(415, "unsupported_media_type", f"Send the body as {FORM_TYPE}.")
        try:
            return parse_qsl(self.body.decode(), keep_blank_values=True, errors="strict")
        except UnicodeDecodeError:
            raise Refusal(400, "invalid_form", "The form is not encoded as UTF-8.") from None

    def multipart(self) -> tuple[dict[str, str], dict[str, Upload]]:
        """Fields and files of a multipart body by name. Raises Refusal 415 or 400 for anything else."""
        if self.content_type != "multipart/form-data":
            raise Refusal(415, "unsupported_media_type", "Send the body as multipart/form-data.")
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode("latin-1")
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        if not message.is_multipart():
            raise Refusal(400, "invalid_multipart", "The body does not hold the boundary that its Content-Type names.")
        fields: dict[str, str] = {}
        files: dict[str, Upload] = {}
        for part in message.iter_parts():
            name = str(part.get_param("name", "", header="content-disposition"))
            content = part.get_payload(decode=True)
            content = content if isinstance(content, bytes) else b""
            file_name = part.get_filename()
            if file_name is None:
                fields[name] = content.decode("utf-8", "replace")
            else:
                files[name] = Upload(file_name, part.get_content_type(), content)
        return fields, files


def whole(text: str) -> int | None:
    """The whole number that a text writes in digits, or None; more digits than any id has are none."""
    return int(text) if text.isdecimal() and len(text) <= 15 else None


def _body(environ: WSGIEnvironment) -> bytes:
    stream = environ["wsgi.input"]
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        body: bytes = stream.read(MAX_BODY + 1)
    else:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = stream.read(min(length, MAX_BODY + 1))
    if len(body) > MAX_BODY:
        raise Refusal(413, "too_large", f"A body has at most {MAX_BODY} bytes.")
    return body


@dataclass
class Response:
    """A response. Bytes get their Content-Length; an iterable of bytes is streamed as its headers say."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterable[bytes] = b""

    @classmethod
    def json(cls, value: Json, *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Self:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return cls(status, [("Content-Type", "application/json"), *headers], text.encode())

    @classmethod
    def html(cls, text: str, *, status: int = 200) -> Self:
        return cls(status, [("Content-Type", "text/html; charset=utf-8")], text.encode())

    def send(self, start_response: StartResponse, *, method: str = "GET") -> Iterable[bytes]:
        """Answer as WSGI wants it."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Status"
        headers = list(self.headers)
        names = {name.lower() for name, _ in headers}
        if isinstance(self.body, bytes):
            if self.status not in (204, 304) and "content-length" not in names:
                headers.append(("Content-Length", str(len(self.body))))
            start_response(f"{self.status} {phrase}", headers)
            return [] if method == "HEAD" else [self.body]
        start_response(f"{self.status} {phrase}", headers)
        return [] if method == "HEAD" else self.body


@dataclass(frozen=True)
class Route:
    """A method and a path template such as `/v1/devices/{id}`; what stands for the names in braces is passed to `handler` in order.

    `scope` is the permission that a caller needs, "" for a route that is open to everyone.
    """

    method: str
    template: str
    handler: Callable[..., Response]
    scope: str = ""

    def match(self, path: str) -> list[str] | None:
        """The values for the names of the template, or None where the path is another one."""
        pattern = re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(self.template))
        found = re.fullmatch(pattern, path)
        return list(found.groups()) if found else None


def find(routes: Iterable[Route], method: str, path: str) -> tuple[Route, list[str]]:
    """The first route for a request. Raises Refusal 404 for an unknown path and 405 for another method on a known one."""
    allowed: list[str] = []
    for route in routes:
        values = route.match(path)
        if values is None:
            continue
        if route.method == method or (method == "HEAD" and route.method == "GET"):
            return route, values
        allowed.append(route.method)
    if allowed:
        raise Refusal(405, "method_not_allowed", f"{path} takes {', '.join(allowed)}.", headers=[("Allow", ", ".join(allowed))])
    raise Refusal(404, "not_found", f"There is nothing at {path}.")
