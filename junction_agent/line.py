"""The line to Junction: signed questions over HTTPS, answers whose signature fits the question."""

from __future__ import annotations

import hmac
import http.client
import platform
import secrets
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from junction_agent import VERSION, protocol
from junction_agent.identity import Identity

MAX_ANSWER_BYTES = 64 * 1024 * 1024  # a request that Junction has made, its body included
CONNECT_SECONDS = 10.0
SECONDS = 20.0  # for an answer, beyond what Junction was asked to hold it back


class LineError(Exception):
    """No answer that can be trusted came. The sentence is for the log."""


class Forged(LineError):
    """An answer without a signature of Junction that fits the question."""


class Revoked(Exception):
    """Junction does not know this agent any more."""


class Gone(Exception):
    """The request is not wanted any more: its caller went away, or another agent has it."""


@dataclass
class Line:
    """One for all threads; each keeps a connection of its own. `rtt_ms` is the round trip of the last short question."""

    server: str
    identity: Identity
    proxy: str = ""
    ca: str = ""
    rtt_ms: int = 0
    _offset: float = 0.0
    _threads: threading.local = field(default_factory=threading.local)

    def ask(self, verb: str, meta: dict[str, Any], data: bytes = b"", *, hold: float = 0.0) -> tuple[dict[str, Any], bytes]:
        """Junction's answer. `hold` is how many seconds it may think. Raises `LineError`, `Revoked` and `Gone`."""
        body = protocol.pack(meta, data)
        for _ in range(2):
            status, answer = self._once(protocol.PATH + verb, body, hold)
            found, rest = self._unpacked(answer)
            if status == 200:
                return found, rest
            if status == 410:
                raise Gone
            if status == 403 and found.get("error") == "revoked":
                raise Revoked
            if status == 401 and found.get("error") == "clock":
                # Signed like every answer, so it is Junction that says how late it is.
                self._offset = float(found["time"]) - time.time()
                continue
            if status == 401 and found.get("error") == "replayed":
                continue  # it was sent twice because the connection broke
            raise LineError(f"Junction answered {status}: {found.get('message') or found.get('error') or 'no reason given'}")
        raise LineError("Junction does not accept the time of this agent's questions. Set the clock of this machine.")

    def _once(self, path: str, body: bytes, hold: float) -> tuple[int, bytes]:
        nonce, moment = secrets.token_urlsafe(16), str(int(time.time() + self._offset))
        who = self.identity
        text = protocol.question(path=path, instance=who.instance, time=moment, nonce=nonce, body=body)
        headers = {
            protocol.INSTANCE: who.instance,
            protocol.TIME: moment,
            protocol.NONCE: nonce,
            protocol.SIGNATURE: protocol.sign(who.key, text),
        }
        started = time.monotonic()
        status, fields, answer = self.post(path, body, headers, seconds=hold + SECONDS)
        took = time.monotonic() - started
        if took > hold + SECONDS:
            raise Forged("An answer came too late to be trusted; it was dropped.")
        signed = protocol.answer(
            path=path, instance=who.instance, time=fields.get(protocol.TIME, ""), nonce=nonce, status=status, body=answer
        )
        if not protocol.is_signed(who.server_key, fields.get(protocol.SIGNATURE, ""), signed):
            if status >= 500 or status in (404, 407, 429):
                raise LineError(f"Junction, or a proxy in front of it, answered {status}.")
            if status == 401:
                raise LineError("Junction does not know this agent, or something in between asks for credentials (401). Was it deleted?")
            raise Forged(f"An answer ({status}) is not signed by Junction for this question; it was dropped.")
        if not hold:
            self.rtt_ms = round(took * 1000)
        return status, answer

    def post(self, path: str, body: bytes, headers: dict[str, str], *, seconds: float) -> tuple[int, dict[str, str], bytes]:
        """One exchange; over a kept connection that was closed meanwhile it is made once more. Raises `LineError`."""
        was_kept = getattr(self._threads, "connection", None) is not None
        try:
            return self._exchange(path, body, headers, seconds)
        except (ConnectionError, http.client.HTTPException, OSError) as error:
            self.hang_up()
            if not was_kept or isinstance(error, TimeoutError):
                raise LineError(self._sentence(error)) from None
        try:
            return self._exchange(path, body, headers, seconds)
        except (ConnectionError, http.client.HTTPException, OSError) as error:
            self.hang_up()
            raise LineError(self._sentence(error)) from None

    def _exchange(self, path: str, body: bytes, headers: dict[str, str], seconds: float) -> tuple[int, dict[str, str], bytes]:
        connection = getattr(self._threads, "connection", None) or self._connected()
        connection.sock.settimeout(seconds)
        fixed = {"Content-Type": "application/octet-stream", "User-Agent": f"junction-agent/{VERSION}"}
        connection.request("POST", path, body, {**fixed, **headers})
        response = connection.getresponse()
        answer = response.read(MAX_ANSWER_BYTES + 1)
        if response.will_close or len(answer) > MAX_ANSWER_BYTES:
            self.hang_up()
        if len(answer) > MAX_ANSWER_BYTES:
            raise LineError("An answer of Junction is too large.")
        return response.status, {name.title(): value for name, value in response.headers.items()}, answer

    def _connected(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.server)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        through = urlsplit(self.proxy)
        near = (through.hostname or "", through.port or 3128) if self.proxy else (host, port)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            if self.ca:
                context.load_verify_locations(self.ca)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(*near, timeout=CONNECT_SECONDS, context=context)
        else:
            connection = http.client.HTTPConnection(*near, timeout=CONNECT_SECONDS)
        if self.proxy:
            connection.set_tunnel(host, port)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._threads.connection = connection
        return connection

    def hang_up(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._threads, "connection", None)
        self._threads.connection = None
        if connection is not None:
            connection.close()

    def _sentence(self, error: BaseException) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"The TLS certificate of {self.server} is not trusted: {error.verify_message}. See `ca` in docs/agent.md."
        if isinstance(error, TimeoutError):
            return f"{self.server} did not answer in time."
        return f"{self.server} cannot be reached ({error})."

    @staticmethod
    def _unpacked(answer: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            return protocol.unpack(answer)
        except protocol.Malformed:
            raise LineError("An answer of Junction cannot be read; agent and Junction may be of different versions.") from None


def enrol(server: str, code: str, *, proxy: str = "", ca: str = "") -> Identity:
    """Exchange keys under a code of the page Agents. Raises `LineError`."""
    try:
        name, secret = protocol.split_code(code)
    except protocol.Malformed:
        raise LineError("This is no whole enrolment code. Copy it again from the page Agents of Junction.") from None
    key = protocol.new_key()
    public_key = protocol.public_of(key)
    meta = {
        "code": name,
        "publicKey": public_key,
        "proof": protocol.asked(secret, name=name, public_key=public_key),
        "version": VERSION,
        "host": platform.node(),
    }
    line = Line(server, Identity(server, "", "", key), proxy, ca)
    status, _, answer = line.post(f"{protocol.PATH}enrol", protocol.pack(meta), {}, seconds=SECONDS)
    line.hang_up()
    try:
        found, _ = protocol.unpack(answer)
    except protocol.Malformed:
        raise LineError(f"{server} answered {status} and not as Junction does. Check the address.") from None
    if status != 200:
        raise LineError(str(found.get("message") or f"Junction answered {status}."))
    instance, server_key = str(found.get("instance")), str(found.get("serverKey"))
    proof = protocol.granted(secret, name=name, public_key=public_key, instance=instance, server_key=server_key)
    if not hmac.compare_digest(proof, str(found.get("proof"))):
        raise Forged("Whoever answered does not know the code, so it is not Junction. Nothing was kept.")
    return Identity(server, instance, str(found.get("agent")), key, server_key)
