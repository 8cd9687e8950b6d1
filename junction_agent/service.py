"""The agent at work: asks Junction for requests, makes those that its file allows, sends back what comes."""

from __future__ import annotations

import json
import logging
import platform
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

from junction_agent import VERSION, protocol
from junction_agent.config import Config
from junction_agent.credentials import Credential, Mask
from junction_agent.identity import Identity
from junction_agent.line import Forged, Gone, Line, LineError, Revoked
from junction_agent.policy import Refused, host_matches, parts_of
from junction_agent.vendor import SAFE, Answered, ExchangeError, Request, Vendors, request_of

logger = logging.getLogger("junction_agent")

FIRST_PAUSE = 1.0  # seconds after Junction could not be reached; doubled each time
LONGEST_PAUSE = 60.0
LEAVE_SECONDS = 5.0  # for requests on their way, when the agent is to end
IDLE_BEAT = 25.0  # seconds between two signs of life without work; with work Junction says how many
SPARE_BYTES = 1024  # of a message's head, for what stands beside the headers of an answer
ROOM_PAUSES = (0.05, 1.0)  # between two looks whether a slow caller has taken something: the first one, the longest


@dataclass
class Job:
    """A request that Junction gave to this agent; `claim` proves that it still is this agent's."""

    id: str
    claim: str
    cancelled: threading.Event = field(default_factory=threading.Event)
    answered: Answered | None = None

    def cancel(self) -> None:
        self.cancelled.set()
        if self.answered:
            self.answered.break_off()


class Agent:
    """Runs until something interrupts it. Raises `Revoked` where Junction does not know it any more."""

    def __init__(self, config: Config, identity: Identity) -> None:
        self._config = config
        self._line = Line(config.server, identity, config.proxy, config.ca)
        self._vendors = Vendors(config.policy, ca=config.vendor_ca)
        self._slots = threading.Semaphore(config.concurrency)
        self._jobs: dict[str, Job] = {}
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._workers = 0
        self._given: SimpleQueue[tuple[Job, dict[str, Any], bytes]] = SimpleQueue()
        self._beat_seconds = 4.0
        self._revoked = False

    def run(self) -> None:
        threading.Thread(target=self._beats, name="beats", daemon=True).start()
        try:
            self._ask_for_work()
        finally:
            # Nothing is begun any more; what is on its way has a moment to end.
            end = time.monotonic() + LEAVE_SECONDS
            while self._jobs and not self._revoked and time.monotonic() < end:
                time.sleep(0.05)
            self._stop.set()
            for job in list(self._jobs.values()):
                job.cancel()
        if self._revoked:
            raise Revoked

    def _ask_for_work(self) -> None:
        failures = 0
        while not self._stop.is_set():
            # Nothing is asked for that could not be begun at once.
            if not self._slots.acquire(timeout=0.5):
                continue
            try:
                pause = self._poll()
            except Revoked:
                self._revoked = True
                break
            except (LineError, protocol.Malformed) as error:
                self._slots.release()
                failures += 1
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
                (logger.error if isinstance(error, Forged) else logger.warning)("%s Next try in %.0f s.", error, pause)
            else:
                if failures:
                    logger.info("Connected again.")
                failures = 0
            self._stop.wait(pause)

    def _poll(self) -> float:
        """Ask for one request and begin it; the seconds until the next question."""
        meta, body = self._line.ask("poll", {"version": VERSION}, hold=protocol.HOLD_SECONDS)
        if not meta.get("job"):
            self._slots.release()
            return float(meta.get("again", 0)) * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
        self._beat_seconds = float(meta.get("beat", 4.0))
        job = Job(str(meta["job"]), str(meta["claim"]))
        with self._turn:
            self._jobs[job.id] = job
        if len(self._jobs) > self._workers:
            self._workers += 1
            threading.Thread(target=self._serve, name="request", daemon=True).start()
        self._given.put((job, meta, body))
        return 0.0

    def _serve(self) -> None:
        """A thread that does one request after the other, over a connection to Junction of its own."""
        while True:
            self._work(*self._given.get())

    # --- signs of life ---

    def _beats(self) -> None:
        """Tell Junction which requests are on their way; hear which of them nobody wants any more."""
        last = float("-inf")
        while not self._stop.wait(min(1.0, self._beat_seconds / 2)):
            with self._turn:
                running = dict(self._jobs)
            if time.monotonic() - last < (self._beat_seconds if running else IDLE_BEAT):
                continue
            last = time.monotonic()
            said = {
                "jobs": {job.id: job.claim for job in running.values()}, "version": VERSION, "latency": self._line.rtt_ms,
                "host": platform.node(), "concurrency": self._config.concurrency,
            }  # fmt: skip
            with suppress(LineError, Gone, Revoked):  # the poll says what is wrong
                meta, _ = self._line.ask("beat", said)
                for name in meta.get("gone", []):
                    if name in running:
                        running[name].cancel()

    # --- one request ---

    def _work(self, job: Job, meta: dict[str, Any], body: bytes) -> None:
        mask = Mask([])
        try:
            try:
                request, mask = self._prepared(request_of(meta, body), str(meta.get("credential") or ""))
                self._made(job, request, mask)
            except Refused as error:
                logger.warning("Refused: %s", error)
                self._fail(job, mask, ExchangeError(str(error), kind="agent_refused", sent=False, permanent=True))
            except ExchangeError as error:
                if not job.cancelled.is_set():
                    self._fail(job, mask, error)
            except protocol.Malformed:
                self._fail(
                    job, mask, ExchangeError("The agent cannot read this request; update it.", kind="invalid", sent=False, permanent=True)
                )
        except Gone:
            logger.debug("Nobody waits for request %s any more.", job.id)
        except Revoked:
            self._stop.set()
        except LineError as error:
            logger.warning("The answer to a request could not be sent to Junction. %s", error)
        except Exception:  # whatever it was: Junction must not wait for an answer that never comes
            logger.exception("A request ended by a fault of the agent.")
            with suppress(LineError, Gone, Revoked):
                self._fail(
                    job, mask, ExchangeError("The agent has a fault here; its log says more.", kind="closed", sent=True, permanent=True)
                )
        finally:
            with self._turn:
                self._jobs.pop(job.id, None)
            self._slots.release()

    def _prepared(self, request: Request, name: str) -> tuple[Request, Mask]:
        """The request with the credential that it asks for, and what hides that credential. Raises `Refused`."""
        if not name:
            return request, Mask([])
        credential: Credential | None = self._config.credentials.get(name)
        if credential is None:
            raise Refused(f"The agent's file has no [credentials.{name}]. Add it there, or choose another one on the connection.")
        scheme, host, port, _ = parts_of(request.url)
        if not host_matches(host, port, scheme, credential.hosts):
            raise Refused(f"The agent's file does not let {host}:{port} have [credentials.{name}]. Add it to its hosts if it should.")
        url, headers = credential.put_on(request.url, request.headers)
        # What comes back compressed could hide the secret.
        headers = [pair for pair in headers if pair[0].lower() != "accept-encoding"] + [("Accept-Encoding", "identity")]
        # Who may pretend to be a server that gets the agent's own secret is said by the agent's file alone.
        return replace(request, url=url, headers=headers, authorities="", minimum_tls=""), Mask(credential.secrets)

    def _made(self, job: Job, request: Request, mask: Mask) -> None:
        targets = self._vendors.targets(request)
        if request.method not in SAFE:
            # Junction notes that it may have been sent, so that no other agent sends it too; or says that one has it.
            self._line.ask("begin", {"job": job.id, "claim": job.claim})
        with self._vendors.exchange(request, targets) as answered:
            job.answered = answered
            if job.cancelled.is_set():
                raise Gone
            if mask.hides and any(name.lower() == "content-encoding" and value.lower() != "identity" for name, value in answered.headers):
                raise ExchangeError(
                    f"{request.shown} answered compressed although it was asked not to, so the agent cannot take its credential out of the answer.",
                    kind="malformed", sent=True, permanent=True,
                )  # fmt: skip
            self._pass_on(job, answered, mask)

    def _pass_on(self, job: Job, answered: Answered, mask: Mask) -> None:
        """Send the answer to Junction, no faster than its reader takes it."""
        head = [(mask.text(name), mask.text(value)) for name, value in answered.headers]
        meta: dict[str, Any] = {"head": {"status": answered.status, "reason": mask.text(answered.reason), "headers": head}}
        if len(json.dumps(meta)) > protocol.MAX_HEAD_BYTES - SPARE_BYTES:
            raise ExchangeError(
                f"The headers of the answer are larger than {protocol.MAX_HEAD_BYTES // 1024} KiB, which no server should send.",
                kind="too_large", sent=True, permanent=True,
            )  # fmt: skip
        number, ended = 0, False
        for piece in answered.pieces():
            if job.cancelled.is_set():
                raise Gone
            ended = answered.complete
            self._part(job, number, {**meta, "end": ended}, mask.piece(piece, last=ended))
            number, meta = number + 1, {}
        if not ended:
            self._part(job, number, {**meta, "end": True}, mask.piece(b"", last=True))

    def _part(self, job: Job, number: int, meta: dict[str, Any], data: bytes) -> None:
        found, _ = self._line.ask("part", {"job": job.id, "claim": job.claim, "number": number, **meta}, data)
        pause, longest = ROOM_PAUSES
        while int(found.get("room", 1)) < 1 and not meta.get("end"):
            if job.cancelled.wait(pause):
                raise Gone
            pause = min(pause * 1.5, longest)
            found, _ = self._line.ask("room", {"job": job.id, "claim": job.claim})

    def _fail(self, job: Job, mask: Mask, error: ExchangeError) -> None:
        said = {"message": mask.text(error.message), "kind": error.kind, "sent": error.sent, "permanent": error.permanent}
        self._line.ask("part", {"job": job.id, "claim": job.claim, "number": None, "error": said, "end": True})
