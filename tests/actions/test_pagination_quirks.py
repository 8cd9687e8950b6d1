"""Every pagination type and every quirk, walked over a socket: the exact records, and the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from actions import results, runs
from actions.models import Run
from integrations.models import User
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.vendor.pages import record
from tests.vendor.pages import records as all_records
from tests.vendor.server import VendorServer

PAGE = {"type": "page", "resultsKey": "items", "pageParam": "page", "defaultPageSize": 10}
INDEX = {"type": "index", "resultsKey": "items", "indexParam": "offset", "defaultPageSize": 10}
POINTER = {"type": "pointer", "resultsKey": "items", "afterParam": "cursor", "pointerPath": "next", "defaultPageSize": 10}
LINK = {"type": "link", "resultsKey": "items", "nextPageKey": "next", "defaultPageSize": 10}
HEADER = {"type": "link", "resultsKey": "$", "nextLinkLocation": "header"}
RANGE = {"type": "range", "resultsKey": "$", "defaultPageSize": 10}
SEARCH = {**PAGE, "resultsKey": "Data.Rows", "pageParam": "Data.Page", "pageLocation": "body", "pageSizeParam": "Data.Size", "pageSizeLocation": "body"}  # fmt: skip
GRAPHQL = {
    "type": "pointer", "resultsKey": "data.items.nodes", "afterParam": "variables.after", "afterLocation": "body", "defaultPageSize": 10,
    "pageSizeParam": "variables.first", "pageSizeLocation": "body", "pointerPath": "data.items.pageInfo.endCursor",
    "hasMorePath": "data.items.pageInfo.hasNextPage",
}  # fmt: skip
# Endpoints that stand under /faults and not under /faults/quirks.
F_PAGE = {**PAGE, "pageSizeParam": "page_size"}
F_INDEX = {**INDEX, "resultsKey": "results", "pageSizeParam": "limit"}
F_CURSOR = {**POINTER, "resultsKey": "data", "pointerPath": "$.next_cursor", "pageSizeParam": "limit"}
F_LINKS = {**LINK, "resultsKey": "data", "nextPageKey": "links.next", "pageSizeParam": "per_page"}
F_HEADER = {**HEADER, "pageSizeParam": "per_page"}
WINDOW = {**INDEX, "pageSizeParam": "limit", "defaultPageSize": 250, "windowSize": 1000, "windowPath": "id"}
EXPRESSION = {"type": "expression", "resultsKey": "items", "defaultPageSize": 10}
COUNTED = {
    **EXPRESSION, "firstExpression": '{"cursor": 1}',
    "nextExpression": 'body.more_data ? {"cursor": paginationValues.cursor + 1} : null',
}  # fmt: skip

XML_RECORDS = [{"@id": str(n), "name": f"record-{n}"} for n in range(1, 26)]
TEXT_RECORDS = [{"id": str(n), "name": f"record-{n}"} for n in range(1, 26)]


@dataclass(frozen=True)
class Row:
    """A list, its settings, and what a run of it ends with; without `records` those from 1 to 25, each once."""

    name: str
    path: str
    pagination: dict[str, Any]
    pages: int = 3
    verdict: str = "complete"
    records: list[Any] = field(default_factory=lambda: all_records(25))
    message: str = ""  # that the run's has to begin with
    action: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)


def first(count: int) -> list[Any]:
    return all_records(count)


ROWS = [
    # 23: one list of an API pages in its own way
    Row("action pages in its own way", "/faults/quirks/flag", PAGE, action={"pagination": {**POINTER, "hasMorePath": "more_data"}}),
    Row("action has a page size of its own", "/faults/quirks/largest", {**PAGE, "pageSizeParam": "size", "defaultPageSize": 100},
        action={"pagination": {**PAGE, "pageSizeParam": "size", "defaultPageSize": 5}}),
    # 1: base of the page number, and whether the first request has it
    Row("page from 1", "/faults/pages?total=25&cap=10", F_PAGE),
    Row("page from 0", "/faults/pages?total=25&cap=10&first=0", {**F_PAGE, "startPage": 0}),
    Row("page from 7", "/faults/pages?total=25&cap=10&first=7", {**F_PAGE, "startPage": 7}),
    Row("first page without its number", "/faults/quirks/unsent", {**PAGE, "sendOnFirstRequest": False}),
    # 2, 3: what an index counts, and by how much it grows
    Row("index counts records", "/faults/index?total=25&cap=10", F_INDEX),
    Row("index from 1", "/faults/quirks/last-id?none=1", {**INDEX, "indexParam": "starting_after", "startIndex": 1}, records=all_records(25)[1:]),
    Row("index counts records from 1", "/faults/quirks/one-based", {**INDEX, "indexParam": "startAt", "startIndex": 1}),
    Row("index counts pages", "/faults/quirks/page-offset", {**INDEX, "increment": "one"}),
    Row("server gives less than was asked for", "/faults/index?total=25&cap=7", F_INDEX, pages=4),
    # 4, 5: the page size
    Row("page size without a cap is refused", "/faults/quirks/largest", {**PAGE, "pageSizeParam": "size", "defaultPageSize": 100}, 0, "failed", [],
        "The vendor refused the request as invalid (400)."),
    Row("page size is capped", "/faults/quirks/largest", {**PAGE, "pageSizeParam": "size", "defaultPageSize": 100, "maxPageSize": 10}),
    Row("page size with the first request only", "/faults/quirks/limit-once", {**POINTER, "pageSizeParam": "limit", "pageSizeFirstOnly": True}),
    Row("page and size as numbers in the body", "/faults/quirks/search", SEARCH, action={"method": "POST"}, inputs={"body": {"Data": {"Filter": "all"}}}),
    Row("page and size as text in the body", "/faults/quirks/search?text=1", {**SEARCH, "numbersAsText": True}, action={"method": "POST"},
        inputs={"body": {"Data": {"Filter": "all"}}}),
    # 6: totals
    Row("total at a path", "/faults/quirks/total?where=records", {**PAGE, "totalPath": "stats.found"}),
    Row("total of pages at a path", "/faults/quirks/total?where=pages", {**PAGE, "totalPath": "stats.pages", "totalCounts": "pages"},
        message="All 3 pages that the server counts were received."),
    Row("total in a header", "/faults/quirks/total?where=header", {**PAGE, "totalHeader": "X-Found"}, message="All 25 records that the server counts were received."),
    Row("total of pages in a header", "/faults/quirks/total?where=pages-header", {**PAGE, "totalHeader": "X-WP-TotalPages", "totalCounts": "pages"},
        message="All 3 pages that the server counts were received."),
    Row("total is text", "/faults/quirks/total?where=text", {**PAGE, "totalPath": "stats.found"}, message="All 25 records that the server counts were received."),
    Row("total is null", "/faults/quirks/total?where=null", PAGE, message="An empty page followed."),
    Row("total is an object", "/faults/quirks/total?where=object", PAGE, message="All 25 records that the server counts were received."),
    Row("total stopped counting", "/faults/quirks/total?where=gte", PAGE, message="An empty page followed."),
    Row("total names too few", "/faults/quirks/total?where=fewer", PAGE, message="An empty page followed."),
    Row("total names too many", "/faults/quirks/total?where=more", PAGE, verdict="ambiguous",
        message="An empty page followed. But the server named a total of 35 records, and 25 were received."),
    Row("total that is not to be believed", "/faults/quirks/total?where=more", {**PAGE, "totalCounts": "nothing"}, message="An empty page followed."),
    # 7: flags
    *(Row(f"flag written as {style}", f"/faults/quirks/flag?style={style}", {**POINTER, "hasMorePath": "more_data"}, message="The server says that no page follows.")
      for style in ("true", "text", "yes", "number")),
    Row("flag of the last page", "/faults/quirks/flag?style=last", {**POINTER, "lastPagePath": "end_of_stream"}),
    Row("more is said while a page is empty", "/faults/quirks/empty-middle?more=1", PAGE, 1, "ambiguous", first(10),
        "An empty page followed, although the server says that there is more."),
    Row("more is said while a page is empty, and believed", "/faults/quirks/empty-middle?more=1", {**PAGE, "emptyPageEnds": False, "hasMorePath": "has_more"}, 4),
    # 8: the last record
    Row("cursor is the id of the last record", "/faults/quirks/last-id", {**POINTER, "afterParam": "starting_after", "pointerLocation": "record", "pointerPath": "id", "hasMorePath": "has_more"}),
    Row("cursor is the id of the last record, nothing says more", "/faults/quirks/last-id?none=1", {**POINTER, "afterParam": "starting_after", "pointerLocation": "record", "pointerPath": "id"}),
    Row("cursor of the last record by a path over all", "/faults/quirks/last-id?none=1", {**POINTER, "afterParam": "starting_after", "pointerPath": "$.items[*].id"}),
    # 9: where a cursor is and how it is written
    Row("cursor in a nested body", "/faults/quirks/graphql", GRAPHQL, action={"method": "POST"}, inputs={"body": {"query": "query {}"}}),
    Row("cursor in a header, sent in a header", "/faults/quirks/cursor-header",
        {**POINTER, "pointerLocation": "header", "pointerHeader": "X-Next-Cursor", "afterParam": "Next-Cursor", "afterLocation": "header"}),
    Row("cursor within a URL", "/faults/quirks/cursor-url", {**POINTER, "afterParam": "page_token", "pointerForm": "url"}),
    Row("cursor to be decoded", "/faults/quirks/cursor-encoded", {**POINTER, "pointerForm": "encoded"}),
    Row("cursor that was to be decoded is sent as it is", "/faults/quirks/cursor-encoded", POINTER, 1, "failed", first(10), "The vendor refused the request"),
    Row("cursor that begins with a star", "/faults/quirks/star", {**POINTER, "firstCursor": "*", "pointerPath": "nextCursorMark", "repeatEnds": True}, 4),
    Row("cursor is a number", "/faults/cursor?total=25&cap=10&number=1", F_CURSOR),
    # 10, 20, 21: the position elsewhere
    Row("page in a header", "/faults/quirks/header-page", {**PAGE, "resultsKey": "$", "pageParam": "X-Page", "pageLocation": "header", "totalHeader": "X-Total-Pages", "totalCounts": "pages"}),
    Row("page in the path", "/faults/quirks/path/{page}/list", {**PAGE, "pageLocation": "path"}, action={"parameters": [{"name": "page", "in": "path"}]}),
    Row("page in a form", "/faults/quirks/form", {**PAGE, "pageLocation": "body"}, inputs={"body": "filter=all"},
        action={"method": "POST", "body": {"contentType": "application/x-www-form-urlencoded"}}),
    Row("range of records", "/faults/quirks/range", RANGE, message="All 25 records that the server counts were received."),
    Row("range without a unit", "/faults/quirks/range?unit=", {**RANGE, "rangeUnit": ""}),
    Row("range past the end is 416", "/faults/quirks/range?past=416", RANGE),
    Row("range past the end is empty", "/faults/quirks/range?past=empty", RANGE),
    Row("range is cut by the server", "/faults/quirks/range?size=7", RANGE, 4),
    Row("range is ignored", "/faults/quirks/range?ignored=1", RANGE, 1, message="The server answered with the whole list instead of a range of it."),
    Row("cursor in the path", "/faults/quirks/hop/{c}", {**POINTER, "afterParam": "c", "afterLocation": "path", "firstCursor": "start"},
        action={"parameters": [{"name": "c", "in": "path"}]}),
    Row("page as a matrix parameter", "/faults/quirks/matrix;page={page}", {**PAGE, "pageLocation": "path"}, action={"parameters": [{"name": "page", "in": "path"}]}),
    Row("page within a segment of the path", "/faults/quirks/page={page}/json", {**PAGE, "pageLocation": "path"},
        action={"parameters": [{"name": "page", "in": "path"}]}),
    # 11, 12: the end of cursors, and holes
    *(Row(f"last cursor is {end}", f"/faults/cursor?total=25&cap=10&end={end}", F_CURSOR) for end in ("null", "absent", "empty", "false")),
    Row("list is null after the last record", "/faults/cursor?total=20&cap=10&null_last=1", F_CURSOR, 2, records=first(20)),
    Row("last cursor is the same again", "/faults/cursor?total=25&cap=10&end=same", F_CURSOR, verdict="loop", message="Page 4 would repeat page 3"),
    Row("last cursor is the same again, and that is the end", "/faults/cursor?total=25&cap=10&end=same", {**F_CURSOR, "repeatEnds": True},
        message="The server repeated its last page, which the settings take for the end."),
    Row("empty pages with a live cursor", "/faults/cursor?total=25&cap=10&empty=2,3", F_CURSOR, 5),
    Row("empty page with a live cursor is the end", "/faults/cursor?total=25&cap=10&empty=2,3", {**F_CURSOR, "emptyPageEnds": True}, 1, records=first(10)),
    # 13: next links
    *(Row(f"link is {style}", f"/faults/links?total=25&cap=10&style={style}", F_LINKS) for style in ("absolute", "relative", "query", "network")),
    Row("link begins with the host", "/faults/quirks/bare-host", LINK),
    Row("link has lost a parameter", "/faults/quirks/tenant?tenant=t%201", LINK, 1, "failed", first(10), "The vendor refused the request as invalid (400)."),
    Row("link has lost a parameter that is sent again", "/faults/quirks/tenant?tenant=t%201", {**LINK, "restoreParams": True}),
    # 14: Link headers
    *(Row(f"Link header written as {style}", f"/faults/link-header?total=25&cap=10&style={style}", F_HEADER)
      for style in ("plain", "several", "case", "unquoted", "fields", "relative", "params")),
    Row("Link header with results=false", "/faults/quirks/sentry", HEADER, message="The last page names no next one."),
    # 15, 22: shapes
    Row("OData 4", "/faults/quirks/shape?shape=odata", {**LINK, "resultsKey": "value", "nextPageKey": "@odata.nextLink"}),
    Row("OData 2", "/faults/quirks/shape?shape=odata2", {**LINK, "resultsKey": "d.results", "nextPageKey": "d.__next"}),
    Row("HAL", "/faults/quirks/shape?shape=hal", {**LINK, "resultsKey": "_embedded.users", "nextPageKey": "_links.next.href"}),
    Row("JSON:API", "/faults/quirks/shape?shape=jsonapi", {**LINK, "resultsKey": "data", "nextPageKey": "links.next"}),
    Row("records are an array", "/faults/quirks/shape?shape=root", {**PAGE, "resultsKey": "$"}),
    Row("records are a map", "/faults/quirks/shape?shape=map", {**PAGE, "resultsKey": "users"}),
    Row("one record as an object", "/faults/quirks/shape?shape=single&total=1", {**PAGE, "resultsKey": "user"}, 1, records=first(1)),
    Row("records in several lists", "/faults/quirks/shape?shape=wildcard", {**PAGE, "resultsKey": "$.groups[*].users"}),
    Row("records deep within", "/faults/quirks/shape?shape=nested", {**PAGE, "resultsKey": "response.body.list"}),
    Row("records as XML", "/faults/quirks/shape?shape=xml", {**PAGE, "resultsKey": "users.user"}, records=XML_RECORDS),
    Row("one record as XML", "/faults/quirks/shape?shape=xml&total=1", {**PAGE, "resultsKey": "users.user"}, 1, records=XML_RECORDS[:1]),
    Row("no record as XML", "/faults/quirks/shape?shape=xml&total=0", {**PAGE, "resultsKey": "users.user"}, 1, records=[]),
    Row("records as CSV", "/faults/quirks/shape?shape=csv", {**PAGE, "resultsKey": "$"}, records=TEXT_RECORDS),
    Row("records as TSV", "/faults/quirks/shape?shape=tsv", {**PAGE, "resultsKey": ""}, records=TEXT_RECORDS),
    Row("records as NDJSON", "/faults/quirks/shape?shape=ndjson", {**PAGE, "resultsKey": ""}),
    # 16, 17, 18: what servers do at the end
    Row("page begins with the record that ended the one before", "/faults/quirks/inclusive?total=19",
        {**POINTER, "afterParam": "since", "pointerLocation": "record", "pointerPath": "id", "repeatEnds": True}, 3,
        records=[*first(10), *all_records(19)[9:19], record(19)]),
    *(Row(f"past the end is {end}", f"/faults/index?total=20&cap=10&past_end={end}", F_INDEX, 2, records=first(20)) for end in ("empty", "404", "400", "416", "204", "null")),
    Row("no list at all", "/faults/quirks/no-such-list", PAGE, 0, "failed", [], "The vendor has nothing at this address (404)."),
    Row("no list is an empty one", "/faults/quirks/no-such-list", {**PAGE, "endStatuses": [404]}, 0, records=[]),
    Row("server refuses after 1,000 records", "/faults/quirks/window", {**INDEX, "pageSizeParam": "limit", "defaultPageSize": 250}, 4, "ambiguous", first(1000),
        "The server answered page 5 with status 400, as past the end of a list. After exactly 1,000 records this may also be a limit of the server."),
    Row("server refuses after 1,000 records and is asked anew", "/faults/quirks/window", {**WINDOW, "windowParam": "after"}, 6, records=first(1500)),
    Row("server counts what one query gives and is asked anew", "/faults/quirks/window?counted=1", {**WINDOW, "windowParam": "after"}, 6, records=first(1500)),
    Row("server refuses a page that goes beyond its window", "/faults/quirks/window?strict=1", {**WINDOW, "windowParam": "after", "defaultPageSize": 300}, 5,
        records=first(1500)),
    Row("window begins with the record that ended the one before", "/faults/quirks/window", {**WINDOW, "windowParam": "from", "uniqueBy": "id"}, 7,
        records=first(1500)),
    Row("window by a field that records do not have", "/faults/quirks/window", {**WINDOW, "windowParam": "after", "windowPath": "created"}, 3, "failed", first(750),
        "The window path created leads to nothing in the last record"),
    Row("next link is never null", "/faults/quirks/never-null", LINK, 3, "loop", message="Page 4 would repeat page 3"),
    Row("next link is never null, and a flag says the end", "/faults/quirks/never-null", {**LINK, "lastPagePath": "end_of_stream"}),
    # 19: cursors that expire, or belong to their query
    Row("cursor has expired", "/faults/quirks/expired", POINTER, 2, "failed", first(20), "The vendor refused the request as invalid (400)."),
    Row("cursor belongs to the query that it was made with", "/faults/quirks/bound", POINTER, inputs={"filter": "all"},
        action={"parameters": [{"name": "filter", "in": "query"}]}),
    # 24: records that move while the list is read
    Row("records that come twice are kept once", "/faults/quirks/inclusive?total=19",
        {**POINTER, "afterParam": "since", "pointerLocation": "record", "pointerPath": "id", "repeatEnds": True, "uniqueBy": "id"}, 3, records=first(19)),
    # expressions: what no other type says
    Row("expression counts", "/faults/quirks/flag", COUNTED, message="The expression gives no values for a next page."),
    Row("expression of two positions", "/faults/quirks/pair", {**EXPRESSION, "firstExpression": '{"a": 1, "b": 1000}', "emptyPageEnds": True,
        "nextExpression": '{"a": paginationValues.a + 1, "b": paginationValues.b - 1}'}, message="An empty page followed."),
    Row("expression of a cursor", "/faults/cursor?total=25&cap=10", {**EXPRESSION, "resultsKey": "data", "cursorExpression": "body.next_cursor",
        "firstExpression": "query.cursor ? {'cursor': query.cursor, 'limit': query.limit} : {'limit': query.limit}"}),
    Row("expression of a link", "/faults/links?total=25&cap=10&style=relative", {**EXPRESSION, "resultsKey": "data", "pageSizeParam": "per_page",
        "nextExpression": "body.links.next ? {'url': body.links.next} : null"}),
    Row("expression into a body", "/faults/quirks/search", {**EXPRESSION, "resultsKey": "Data.Rows", "valuesLocation": "body",
        "firstExpression": "{'Data.Page': 1, 'Data.Size': query.limit}",
        "nextExpression": "records.count = query.limit ? {'Data.Page': paginationValues.`Data.Page` + 1, 'Data.Size': query.limit} : null"},
        action={"method": "POST"}, inputs={"body": {"Data": {"Filter": "all"}}}),
    Row("expression into a header", "/faults/quirks/header-page", {**EXPRESSION, "resultsKey": "$", "firstExpression": "{'headers': {'X-Page': 1}}",
        "nextExpression": "paginationValues.headers.`X-Page` < $number(headers.`x-total-pages`) ? {'headers': {'X-Page': paginationValues.headers.`X-Page` + 1}} : null"}),
    Row("expression of the last record", "/faults/quirks/last-id", {**EXPRESSION, "nextExpression": "body.has_more ? {'starting_after': records.last.id} : null"}),
    Row("expression that reads what was sent", "/faults/quirks/flag", {**EXPRESSION,
        "nextExpression": "body.more_data ? {'cursor': ($exists(query.cursor) ? $number(query.cursor) : 1) + 1}"}),
    Row("expression that repeats itself", "/faults/quirks/flag", {**COUNTED, "nextExpression": "{'cursor': 1}"}, 1, "loop", first(10), "Page 2 would repeat page 1"),
    Row("expression that gives no object", "/faults/quirks/flag", {**COUNTED, "nextExpression": "paginationValues.cursor + 1"}, 0, "failed", [],
        "The expression of the pagination gives 2 and not an object of values."),
    Row("expression that cannot be evaluated", "/faults/quirks/flag", {**COUNTED, "nextExpression": "{'cursor': body.items + 1}"}, 0, "failed", [],
        "The expression {'cursor': body.items + 1} cannot be evaluated"),
    # misbehaviour
    Row("index is ignored", "/faults/index?total=1000&cap=10&ignore=offset", F_INDEX, 1, "loop", first(10), "Page 2 repeats page 1"),
    *(Row(f"page numbers in a loop of {n}", f"/faults/pages?total=1000&cap=10&period={n}", {**F_PAGE, "totalCounts": "nothing"}, n, "loop", first(10 * n),
          f"Page {n + 1} repeats page 1") for n in (1, 2, 5)),
    *(Row(f"cursors in a loop of {n}", f"/faults/cursor?total=1000&cap=10&period={n}&loop_from=3", F_CURSOR, n + 2, "loop", first(10 * n + 20),
          f"Page {n + 3} would repeat page 3") for n in (1, 2, 5)),
    *(Row(f"links in a loop of {n}", f"/faults/links?total=1000&cap=10&period={n}", F_LINKS, n, "loop", first(10 * n), f"Page {n + 1} repeats page 1") for n in (1, 2, 5)),
    Row("last page for ever", "/faults/index?total=20&cap=10&past_end=last", {**F_INDEX, "totalCounts": "nothing"}, 2, "loop", first(20), "Page 3 repeats page 2"),
    Row("last page for ever is the end", "/faults/index?total=20&cap=10&past_end=last", {**F_INDEX, "totalCounts": "nothing", "repeatEnds": True}, 2, records=first(20)),
    Row("short last page for ever", "/faults/pages?total=25&cap=10&past_end=last", {**F_PAGE, "totalCounts": "nothing"},
        message="The server repeated its last page, which was shorter than the others."),
    Row("page that shrinks in the middle", "/faults/quirks/slots", {**INDEX, "increment": "size"}, 4),
    Row("expression without an end", "/faults/quirks/flag?total=0", {**COUNTED, "nextExpression": "{'cursor': paginationValues.cursor + 1, 'n': $random()}",
        "emptyPageEnds": True}, 1, records=[], message="An empty page followed."),
    Row("HTML in the middle", "/faults/quirks/broken?how=html", PAGE, 1, "failed", first(10), "Page 2 cannot be read. The server answered with an HTML page"),
    Row("JSON that breaks off", "/faults/quirks/broken?how=cut", PAGE, 1, "failed", first(10), "Page 2 cannot be read. The body of the answer"),
]  # fmt: skip


Walk = Callable[[Row], Run]


@pytest.fixture
def walk(vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection, carol: User) -> Walk:
    def walked(row: Row, **definition: Any) -> Run:
        action = action_values(path=row.path, paginated=True, **row.action)
        integration = make_integration(base_uri=vendor.url, pagination=row.pagination, actions=[action], **definition)
        connection = make_connection(integration, credentials={"apiKey": "k-123"} if "auth" in definition else None)
        run = runs.start(action=action_of(integration), connection=connection, user=carol, inputs=row.inputs, max_pages=None)
        runs.execute(run.pk)
        run.refresh_from_db()
        return run

    return walked


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_list_is_walked_to_its_last_record(walk: Walk, row: Row) -> None:
    run = walk(row)
    assert (run.verdict, list(results.records(run))) == (row.verdict, row.records), run.message
    assert (run.page_count, run.message[: len(row.message)]) == (row.pages, row.message)


@pytest.mark.parametrize(
    ("how", "limits", "message"),
    [
        ("truncated&declared=5000", {}, "closed the connection before its answer was complete. Try again later."),
        ("drip&bytes=3000&chunk=1&interval_ms=20", {"EGRESS_TOTAL_TIMEOUT": 0.4}, "did not finish its answer within 0.4 seconds."),
    ],
)
def test_page_that_never_comes_whole_fails_the_run(
    walk: Walk, vendor: VendorServer, settings: Any, monkeypatch: pytest.MonkeyPatch, how: str, limits: dict[str, float], message: str
) -> None:
    monkeypatch.setattr("connections.answers.outcomes.FIRST_WAIT", 0.01)
    for name, value in limits.items():
        setattr(settings, name, value)
    run = walk(Row("", f"/faults/quirks/broken?how={how}", PAGE))
    assert (run.verdict, run.page_count, list(results.records(run))) == ("failed", 1, first(10))
    assert run.message.startswith(f"{vendor.url}/faults/quirks/broken {message}")


@pytest.mark.parametrize(("named", "records", "verdict"), [(True, 25, "complete"), (False, 10, "failed")])
def test_other_origin_gets_credentials_only_where_the_definition_names_it(
    walk: Any, vendor: VendorServer, named: bool, records: int, verdict: str
) -> None:
    with VendorServer() as elsewhere:
        auth = {"type": "apikey", "apiKeyName": "X-API-Key"}
        origins = [elsewhere.url] if named else []
        run = walk(Row("", f"/faults/quirks/guarded?to={elsewhere.url}", LINK), auth=auth, credentialOrigins=origins)
        assert (run.verdict, run.record_count) == (verdict, records), run.message
        assert {request.header("X-API-Key") for request in elsewhere.requests} == {"k-123" if named else None}


@pytest.mark.parametrize("named", [True, False])
def test_next_link_passes_the_address_guard(walk: Any, settings: Any, named: bool) -> None:
    origins = ["https://10.0.0.1:8443"] if named else []
    auth = {"type": "apikey", "apiKeyName": "X-API-Key"}
    run = walk(Row("", "/faults/quirks/guarded?to=https://10.0.0.1:8443", LINK), auth=auth, credentialOrigins=origins)
    assert (run.verdict, run.page_count) == ("failed", 1)
    assert run.message.startswith("10.0.0.1 leads to 10.0.0.1, which is not a public address"), run.message


# --- the index ------------------------------------------------------------------------------------------------------------

# What vendors do, by the numbers under which we keep them, and where it is shown: the beginnings of names of rows, or tests elsewhere.
QUIRKS: dict[int, tuple[str, ...]] = {
    1: ("page from 0", "page from 1", "page from 7", "first page without its number"),
    2: ("index counts records", "index counts records from 1", "index counts pages"),
    3: ("server gives less than was asked for",),
    4: ("page size without a cap is refused", "page size is capped", "page and size as numbers in the body", "page and size as text in the body"),
    5: ("page size with the first request only",),
    6: ("total at a path", "total of pages at a path", "total is null", "total names too few", "total names too many", "total in a header", "total of pages in a header"),
    7: ("flag written as true", "flag written as text", "more is said while a page is empty"),
    8: ("cursor is the id of the last record",),
    9: ("cursor in a nested body", "cursor in a header, sent in a header", "cursor within a URL", "cursor to be decoded", "cursor that was to be decoded is sent as it is"),
    10: ("cursor in a nested body", "cursor in a header, sent in a header", "cursor in the path", "page in a header"),
    11: ("last cursor is null", "list is null after the last record", "flag of the last page"),
    12: ("empty pages with a live cursor",),
    13: ("link is relative", "link is network", "link begins with the host", "link has lost a parameter that is sent again",
         "tests/actions/test_pagination.py::test_link_becomes_absolute", "test_other_origin_gets_credentials_only_where_the_definition_names_it",
         "tests/actions/test_hostile_answers.py::test_next_link_is_kept_without_the_key"),
    14: ("Link header written as several", "Link header written as case", "Link header written as unquoted", "Link header with results=false"),
    15: ("OData 4", "OData 2", "HAL", "JSON:API"),
    16: ("next link is never null", "next link is never null, and a flag says the end", "page begins with the record that ended the one before"),
    17: ("last page for ever", "past the end is 404", "past the end is 400", "past the end is 416", "past the end is 204"),
    18: ("server refuses after 1,000 records", "server refuses after 1,000 records and is asked anew"),
    19: ("cursor has expired", "cursor belongs to the query that it was made with"),
    20: ("page and size as numbers in the body",),
    21: ("range of records", "page as a matrix parameter", "page within a segment of the path"),
    22: ("records are a map", "records are an array", "one record as an object", "records as XML", "records as CSV", "records as NDJSON", "records in several lists"),
    23: ("action pages in its own way", "action has a page size of its own"),
    24: ("records that come twice are kept once", "tests/actions/test_unique.py::test_list_that_moves_while_it_is_read_is_read_to_its_end"),
    25: ("tests/actions/test_run_ledger.py::test_parked_run_goes_on_when_its_time_has_come",
         "tests/actions/test_run_ledger.py::test_failed_run_goes_on_from_its_last_page",
         "tests/actions/test_runs.py::test_client_credentials_token_is_fetched_once_and_renewed_when_it_is_rejected"),
    # 26, an export that is ordered, waited for and downloaded, is three actions and no list: docs/pagination.md says so.
}  # fmt: skip
MISBEHAVIOUR = (
    *(f"{what} in a loop of {n}" for what in ("page numbers", "cursors", "links") for n in (1, 2, 5)),
    "index is ignored",
    "last page for ever",
    "short last page for ever",
    "total names too few",
    "total names too many",
    "page that shrinks in the middle",
    "HTML in the middle",
    "JSON that breaks off",
    "test_page_that_never_comes_whole_fails_the_run",  # truncated, slow drip
)


@pytest.mark.parametrize("name", sorted({*chain.from_iterable(QUIRKS.values()), *MISBEHAVIOUR}))
def test_every_quirk_is_shown_somewhere(name: str) -> None:
    file, _, test = name.rpartition("::")
    if test.startswith("test_"):
        text = (Path(settings.BASE_DIR) / file).read_text() if file else Path(__file__).read_text()
        assert f"\ndef {test}(" in text
    else:
        assert name in [row.name for row in ROWS]


def test_no_number_is_left_out() -> None:
    assert list(QUIRKS) == list(range(1, 26))
