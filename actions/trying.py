"""Try it: up to three pages of one action with settings that are not saved yet, what they show, and what they suggest.

Nothing is stored. Each request is sent once, without repetitions; the whole takes no longer than `LONGEST` seconds plus
one request.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Final

from actions import page_requests, reading, requests, suggesting
from actions.loops import Guard
from actions.pagination import End, PageRequest, PageSeen, PaginationError, Token, strategy_of
from actions.records import ResultsKeyError, records
from actions.runs import Plan
from actions.suggesting import Change, Comparison
from connections import media
from connections.bodies import text_of
from connections.client import Client
from connections.exchange import Answer, Outgoing
from connections.retries import CallError
from connections.transport import TransportError
from integrations.definition import Definition, NoPagination, PagePagination, Pagination, pagination_gaps
from integrations.openapi import paging
from integrations.operation import Operation
from integrations.refusals import Invalid
from integrations.storable import mended

PAGES: Final = 3
LONGEST: Final = 25.0  # seconds after which no further request is sent
SMALL: Final = 10  # records of a page that is only to show whether there are more
SHOWN_BODY: Final = 600  # characters of a request's body
SHOWN_RECORD: Final = 1500  # characters of a record


@dataclass
class Look:
    """One page: the request without secrets, and what was taken from its answer. `status` is None where no answer came,
    `record_count` where nobody looked for records."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: str
    status: int | None = None
    elapsed_ms: int = 0
    byte_count: int = 0
    content_type: str = ""
    record_count: int | None = None
    total: int | None = None
    next_position: str = ""
    first_record: str = ""


@dataclass
class Attempt:
    """A walk of up to PAGES pages. `works` says that a further page brought new records only, or that the one page is surely all."""

    pagination: Pagination
    looks: list[Look] = field(default_factory=list)
    works: bool = False
    message: str = ""
    evidence: list[str] = field(default_factory=list)
    seen: list[PageSeen] = field(default_factory=list)
    first_rows: list[Any] = field(default_factory=list)


@dataclass
class Trial:
    """What was tried first, the other ways that were tried after it, and the settings that are suggested, if any."""

    attempts: list[Attempt]
    suggested: Pagination | None = None
    changes: list[Change] = field(default_factory=list)


def try_it(
    *,
    client: Client,
    definition: Definition,
    operation: Operation,
    pagination: Pagination,
    inputs: dict[str, Any],
    page_size: int | None = None,
) -> Trial:
    """Walk with these settings; where they do not work, with those that the first answer hints at. Raises `Invalid` for bad inputs.

    `page_size` asks for smaller pages than the settings do, so that a short list has several.
    """
    trier = _Trier(client, definition, operation, inputs, page_size)
    first = trier.begin(pagination)
    attempts = [first]
    best = first
    if not first.works or isinstance(pagination, NoPagination):
        page = trier.plain_page(first)
        for candidate in suggesting.candidates(operation, pagination, page) if page else []:
            attempt = trier.walk(candidate.pagination, finds_records=operation.results_key is None)
            attempt.evidence.insert(0, f"hint: {candidate.reason}")
            attempts.append(attempt)
            if attempt.works:
                best = attempt
                break
    return trier.conclude(attempts, best)


class _Trier:
    """The requests of one trial."""

    def __init__(self, client: Client, definition: Definition, operation: Operation, inputs: dict[str, Any], page_size: int | None) -> None:
        self.client, self.definition, self.operation, self.inputs, self.page_size = client, definition, operation, inputs, page_size
        self.deadline = time.monotonic() + LONGEST

    def begin(self, pagination: Pagination) -> Attempt:
        """The walk with the settings as they are; of settings with a gap only the first answer, asked for without them."""
        gaps = pagination_gaps(pagination)
        if not gaps:
            return self.walk(pagination)
        attempt = self.walk(NoPagination(results_key=pagination.results_key))
        attempt.pagination = pagination
        attempt.message = " ".join(sentence for _, sentence in gaps)
        return attempt

    def walk(self, pagination: Pagination, *, finds_records: bool = False) -> Attempt:
        """Up to PAGES pages, and what they show. What goes wrong is the attempt's message.

        With `finds_records` the results key is corrected by the first page: some answers look different once they are paged.
        """
        plan = self._plan(pagination)
        attempt = Attempt(pagination)
        comparison, guard = Comparison(), Guard()
        try:
            token: Token = plan.first(self.inputs, self._size(pagination))
            for number in range(1, PAGES + 1):
                if repeat := guard.before(plan.strategy.position(token)):
                    end = plan.strategy.ends_by_repeating(token, repeat)
                    return self._ended(attempt, comparison, end) if end else self._failed(attempt, comparison, repeat.message)
                outgoing = plan.request_by(self.client, self.inputs, token)
                answer = self._send(attempt, outgoing)
                judged = self.client.judge(answer, self.client.rules_for(self.operation))
                if not judged.is_fine and not (answer.status >= 400 and plan.strategy.ends_with(token, answer.status)):
                    return self._failed(attempt, comparison, judged.message)
                if finds_records and number == 1:
                    attempt.pagination = pagination = self._with_records(pagination, answer)
                    plan = self._plan(pagination)
                read = plan.read(answer, number, sent=outgoing)
                self._note(attempt, read, comparison)
                step = plan.strategy.advance(token, read.seen)
                if repeat := guard.after(plan.strategy.position(token), read.rows):
                    end = plan.strategy.ends_by_repeating(token, repeat)
                    return self._ended(attempt, comparison, end) if end else self._failed(attempt, comparison, repeat.message)
                if isinstance(step, End):
                    return self._ended(attempt, comparison, step)
                token = step.token
                attempt.looks[-1].total = token["total"]
                attempt.looks[-1].next_position = self._position(plan.strategy.position(token))
                if time.monotonic() > self.deadline:
                    break
        except (PaginationError, ResultsKeyError) as error:
            return self._failed(attempt, comparison, str(error))
        except (TransportError, CallError) as error:
            return self._failed(attempt, comparison, error.message)
        except requests.InputError as error:
            raise Invalid({f"inputs.{name}": sentences for name, sentences in error.fields.items()}) from None
        attempt.works, attempt.evidence = comparison.works, comparison.evidence
        attempt.message = f"{_pages(len(attempt.looks))} came, and there are more."
        if not comparison.works:
            attempt.message = f"{_pages(len(attempt.looks))} came, but the later ones brought records that were there before."
        return attempt

    def plain_page(self, attempt: Attempt) -> PageSeen | None:
        """The first answer as it is, whatever the settings say of it. Where the settings asked for no page size, a small
        one is asked for if the operation knows how: an answer that holds the whole list has no hint of further pages."""
        size = paging.size_parameter(self.operation)
        asked: str = getattr(attempt.pagination, "page_size_param", "")
        if attempt.seen and (asked or not size):
            return attempt.seen[0]
        probe = Attempt(NoPagination())
        page = PageRequest([(size, str(self.page_size or SMALL))] if size else [])
        try:
            outgoing = page_requests.build(self.operation, self.inputs, page, base=self.client.base, headers=self._headers())
            answer = self._send(probe, outgoing)
            if answer.status >= 400:
                return None
            body = media.value_of(answer, self.definition.media_types)
        except (TransportError, CallError, ValueError, requests.InputError):
            return None
        finally:
            attempt.looks += probe.looks
        return PageSeen(answer.status, answer.headers, body, answer.url, 0)

    def _with_records(self, pagination: Pagination, answer: Answer) -> Pagination:
        try:
            body = media.value_of(answer, self.definition.media_types, list_at=pagination.results_key)
            records(body, pagination.results_key, many=True)
        except ResultsKeyError:
            key = suggesting.results_key_of(body, self.operation.path)
            return pagination if key is None else suggesting.changed(pagination, [Change("resultsKey", pagination.results_key, key, "")])
        except ValueError:
            pass  # the page itself says what is wrong with it
        return pagination

    def conclude(self, attempts: list[Attempt], best: Attempt) -> Trial:
        """The suggestion: what worked, made surer by what its pages show."""
        before = attempts[0].pagination
        if not best.works:
            return Trial(attempts)
        evidence = "; ".join(best.evidence)
        changes = suggesting.differences(before, best.pagination, evidence) if best is not attempts[0] else []
        suggested = best.pagination
        refined = suggesting.refined(suggested, best.seen, asked=self._size(suggested))
        refined += self._page_zero(best)
        suggested = suggesting.changed(suggested, refined)
        changes += refined
        return Trial(attempts, suggested if changes else None, changes)

    def _page_zero(self, best: Attempt) -> list[Change]:
        """Whether there is a page 0 before page 1, with other records: nothing in the answers themselves would show it."""
        pagination = best.pagination
        if (
            not isinstance(pagination, PagePagination)
            or pagination.start_page != 1
            or not best.first_rows
            or time.monotonic() > self.deadline
        ):
            return []
        plan = self._plan(pagination)
        token = {**plan.strategy.first(self._size(pagination)), "page": 0}
        probe = Attempt(pagination)
        try:
            answer = self._send(probe, plan.request_by(self.client, self.inputs, token))
            rows = plan.read(answer, 1).rows if answer.status < 400 else []
        except (TransportError, CallError, PaginationError, ResultsKeyError, requests.InputError):
            return []
        comparison = Comparison()
        comparison.add(best.first_rows)
        comparison.add(rows)
        if not rows or not comparison.works:
            return []
        best.looks += probe.looks
        return [Change("startPage", 1, 0, f"page 0 has {len(rows)} records that page 1 does not have")]

    def _size(self, pagination: Pagination) -> int:
        return self.page_size or int(getattr(pagination, "default_page_size", 0))

    def _headers(self) -> dict[str, str]:
        return dict(self.client.headers)

    def _plan(self, pagination: Pagination) -> Plan:
        key = self.operation.results_key if self.operation.results_key is not None else pagination.results_key
        return Plan(self.operation, self.definition, strategy_of(pagination), key)

    def _send(self, attempt: Attempt, outgoing: Outgoing) -> Answer:
        url = self.client.redact(self.client.bare(outgoing.url))
        headers = [(name, self.client.redact(value)) for name, value in outgoing.headers]
        body = self.client.redact((outgoing.body or b"").decode("utf-8", "replace"))[:SHOWN_BODY]
        look = Look(outgoing.method, mended(url), headers, mended(body))
        attempt.looks.append(look)
        answer = self.client.send(outgoing)
        look.status, look.elapsed_ms = answer.status, answer.elapsed_ms
        look.byte_count, look.content_type = len(answer.body), mended(answer.content_type)
        return answer

    def _note(self, attempt: Attempt, read: reading.PageRead, comparison: Comparison) -> None:
        look = attempt.looks[-1]
        look.record_count = len(read.rows)
        attempt.seen.append(read.seen)
        comparison.add(read.rows)
        if read.rows:
            look.first_record = self._text(read.rows[0])
        if len(attempt.seen) == 1:
            attempt.first_rows = read.rows

    def _text(self, value: Any) -> str:
        clean = self.client.redact(json.dumps(value, indent=2, ensure_ascii=False))
        return mended(clean if len(clean) <= SHOWN_RECORD else f"{clean[:SHOWN_RECORD]} …")

    def _position(self, position: dict[str, Any]) -> str:
        """Where the next page is: a number, a cursor, or a URL without secrets."""
        value = next((value for value in position.values() if value not in ("", {})), "")
        text = self.client.bare(value) if isinstance(value, str) and "://" in value else text_of(value)
        return mended(self.client.redact(text))[:500]

    def _failed(self, attempt: Attempt, comparison: Comparison, message: str) -> Attempt:
        attempt.message, attempt.evidence = mended(self.client.redact(message)), comparison.evidence
        return attempt

    def _ended(self, attempt: Attempt, comparison: Comparison, end: End) -> Attempt:
        attempt.message = mended(f"The list ends after {_pages(len(attempt.looks))}. {end.message}")
        if isinstance(attempt.pagination, NoPagination):
            attempt.message = "One page came, and with these settings no other one is asked for."
        attempt.evidence = comparison.evidence
        # One page is the whole list only if the server itself says so: without that, the settings may simply not fit.
        attempt.works = end.sure and (comparison.works or end.reason == "total")
        return attempt


def _pages(count: int) -> str:
    return f"{count} page{'' if count == 1 else 's'}"
