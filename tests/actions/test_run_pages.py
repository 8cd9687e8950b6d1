"""Pages of runs against the vendor: fill the form, start, watch, read, download, cancel, repeat; and who may."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from actions import runs
from actions.models import Action, Run
from connections.models import Connection
from integrations.models import Integration
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of
from tests.pages import HTMX, errors, signed_in, text, value
from tests.vendor.pages import records as vendor_records
from tests.vendor.server import VendorServer

KEY = "sample-key"
PAGES = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "page_size", "defaultPageLimit": 2}
TYPED = [
    {"name": "id", "in": "path", "type": "integer", "description": "<p>Number of the <b>device</b>.</p>"},
    {"name": "active", "in": "query", "type": "boolean", "default": True},
    {"name": "archived", "in": "query", "type": "boolean"},
    {"name": "order", "in": "query", "enum": ["asc", "desc"], "default": "asc"},
    {"name": "tags", "in": "query", "type": "array", "enum": ["a", "b"]},
    {"name": "ids", "in": "query", "type": "array", "items": "integer"},
    {"name": "filter", "in": "query", "type": "object", "style": "deepObject"},
    {"name": "since", "in": "query", "format": "date"},
]
DEVICE = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "site": {"type": "integer"}}}
ACTIONS = [
    {"name": "Pages", "key": "pages", "method": "GET", "path": "/faults/pages", "paginated": True}
    | {
        "parameters": [{"name": "total", "in": "query", "type": "integer"}, {"name": "period", "in": "query", "type": "integer"}]
        + [{"name": name, "in": "query", "type": "integer", "default": 50} for name in ("page", "page_size")]
    },
    {"name": "Typed", "key": "typed", "method": "GET", "path": "/echo", "parameters": TYPED[1:]},
    {"name": "By id", "key": "by_id", "method": "GET", "path": "/echo/{id}", "parameters": TYPED[:1]},
    {"name": "Create", "key": "create", "method": "POST", "path": "/echo"}
    | {"body": {"required": True, "contentType": "application/json", "schema": DEVICE}},
    {"name": "Send form", "key": "send_form", "method": "POST", "path": "/echo"}
    | {"body": {"required": True, "contentType": "application/x-www-form-urlencoded", "schema": DEVICE}},
    {"name": "Delete", "key": "delete", "method": "DELETE", "path": "/echo"},
]


@pytest.fixture
def integration(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    auth = {"type": "apikey", "apiKeyName": "X-API-Key", "apiKeyLocation": "header"}
    return make_integration(base_uri=vendor.url, auth=auth, pagination=PAGES, actions=ACTIONS)


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection) -> Connection:
    return make_connection(integration, credentials={"apiKey": KEY})


@pytest.fixture
def carols(connection: Connection, cast: Cast) -> Client:
    return signed_in(cast.carol)


def form_of(integration: Integration, key: str) -> str:
    return reverse("action-run", args=[integration.slug, action_of(integration, key).uid])


def at(page: str, run: Run, *more: str) -> str:
    return reverse(f"run-{page}", args=[run.pk, *more])


def values(connection: Connection, **inputs: Any) -> dict[str, Any]:
    return {"connection": str(connection.pk), "pages": "default"} | {f"inputs.{name}": given for name, given in inputs.items()}


def started(client: Client, connection: Connection, key: str, **inputs: Any) -> Run:
    """Send the form of an action and give back the run that it starts."""
    answer = client.post(form_of(connection.integration, key), values(connection, **inputs))
    run = Run.objects.order_by("created_at").last()
    assert run is not None, text(answer)
    assert answer["Location"] == at("detail", run)
    return run


def finished(run: Run) -> Run:
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


# --- the form -------------------------------------------------------------------------------------------------------


def test_form_has_a_control_for_every_type(carols: Client, integration: Integration) -> None:
    form = carols.get(form_of(integration, "typed")).context["form"]
    assert {name: type(field.widget).__name__ for name, field in form.fields.items()} == {
        "connection": "Select",
        "inputs.active": "CheckboxInput",
        "inputs.archived": "Select",
        "inputs.order": "Select",
        "inputs.tags": "CheckboxSelectMultiple",
        "inputs.ids": "TextInput",
        "inputs.filter": "Textarea",
        "inputs.since": "DateInput",
    }
    assert [form[f"inputs.{name}"].value() for name in ("active", "archived", "order")] == [True, None, "asc"]


def test_form_marks_what_is_required_and_tells_what_it_is(carols: Client, integration: Integration) -> None:
    field = carols.get(form_of(integration, "by_id")).context["form"]["inputs.id"].field
    assert (type(field.widget).__name__, field.required, field.help_text) == ("NumberInput", True, "Number of the device.")


def test_form_sends_values_in_their_types(carols: Client, connection: Connection, vendor: VendorServer) -> None:
    given = {"order": "desc", "tags": ["a", "b"], "ids": "1, 2", "filter": '{"kind": "router"}', "archived": "false", "since": "2024-01-31"}
    run = finished(started(carols, connection, "typed", **given))
    assert run.inputs == {
        "active": False,
        "archived": False,
        "order": "desc",
        "tags": ["a", "b"],
        "ids": [1, 2],
        "filter": {"kind": "router"},
        "since": "2024-01-31",
    }
    assert vendor.targets() == [
        "/echo?active=false&archived=false&order=desc&tags=a&tags=b&ids=1&ids=2&filter%5Bkind%5D=router&since=2024-01-31"
    ]
    assert run.verdict == "complete"


def test_form_shows_errors_at_their_fields_and_keeps_what_was_entered(carols: Client, connection: Connection) -> None:
    form = values(connection, ids="1, two", filter="{broken")
    answer = carols.post(form_of(connection.integration, "typed"), form)
    assert (answer.status_code, errors(answer)) == (
        422,
        {
            "inputs.ids": ["ids takes a whole number, not 'two'."],
            "inputs.filter": ['filter takes an object. Write JSON, for example {"name": "value"}.'],
        },
    )
    assert (value(answer, "inputs.ids"), value(answer, "inputs.filter")) == ("1, two", "{broken")
    assert Run.objects.count() == 0


def test_body_starts_with_an_example_and_is_sent_as_json(carols: Client, connection: Connection, vendor: VendorServer) -> None:
    page = carols.get(form_of(connection.integration, "create"))
    assert json.loads(value(page, "inputs.body")) == {"name": "example"}
    run = finished(started(carols, connection, "create", body='{"name": "switch", "site": 3}'))
    assert run.inputs == {"body": {"name": "switch", "site": 3}}
    assert [(request.method, json.loads(request.body)) for request in vendor.requests] == [("POST", {"name": "switch", "site": 3})]


def test_body_that_is_no_json_is_said_with_its_place(carols: Client, connection: Connection) -> None:
    answer = carols.post(form_of(connection.integration, "create"), values(connection, body='{"name": }'))
    assert errors(answer) == {"inputs.body": ["body is not valid JSON: Expecting value in line 1, column 10."]}
    assert value(answer, "inputs.body") == '{"name": }'


def test_form_body_has_a_field_for_each_value(carols: Client, connection: Connection, vendor: VendorServer) -> None:
    form = carols.get(form_of(connection.integration, "send_form")).context["form"]
    assert {name: form[name].field.required for name in form.fields if name != "connection"} == {
        "inputs.body.name": True,
        "inputs.body.site": False,
    }
    finished(started(carols, connection, "send_form", **{"body.name": "a b", "body.site": "3"}))
    assert [request.body for request in vendor.requests] == [b"name=a+b&site=3"]


@pytest.mark.parametrize(
    ("key", "warning"), [("pages", False), ("create", "This changes data at the vendor"), ("delete", "This deletes data at the vendor")]
)
def test_form_warns_of_actions_that_change_something(carols: Client, integration: Integration, key: str, warning: str | bool) -> None:
    page = text(carols.get(form_of(integration, key)))
    assert [title in page for title in ("This changes data at the vendor", "This deletes data at the vendor")] == [
        warning == "This changes data at the vendor",
        warning == "This deletes data at the vendor",
    ]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"pages": "default"}, (None, 2)),
        ({"pages": "all", "pageSize": "50"}, (50, None)),
        ({"pages": "some", "maxPages": "7"}, (None, 7)),
    ],
)
def test_form_says_how_much_to_fetch(
    carols: Client, connection: Connection, given: dict[str, str], stored: tuple[int | None, int | None]
) -> None:
    carols.post(form_of(connection.integration, "pages"), values(connection) | given)
    run = Run.objects.get()
    assert (run.page_size, run.max_pages) == stored


def test_form_leaves_out_what_the_walk_through_the_pages_sends_itself(carols: Client, integration: Integration) -> None:
    inputs = [name for name in carols.get(form_of(integration, "pages")).context["form"].fields if name.startswith("inputs.")]
    assert inputs == ["inputs.total", "inputs.period"]


def test_form_asks_for_the_number_of_pages_where_it_is_chosen(carols: Client, connection: Connection) -> None:
    answer = carols.post(form_of(connection.integration, "pages"), values(connection) | {"pages": "some"})
    assert errors(answer) == {"maxPages": ["Enter how many pages at most."]}


def test_form_offers_connections_that_the_user_may_use_and_the_own_default_first(
    connection: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    second = make_connection(connection.integration, name="A second", credentials={"apiKey": KEY})
    other = make_connection(connection.integration, organization=cast.client_b, name="Of B", credentials={"apiKey": KEY})
    url = form_of(connection.integration, "pages")
    carols = signed_in(cast.carol).get(url).context["form"].fields["connection"]
    assert carols.choices == [(str(second.pk), "A second"), (str(connection.pk), "Main (default)")]
    assert carols.initial == str(connection.pk)
    alices = signed_in(cast.alice).get(url).context["form"].fields["connection"]
    assert alices.initial == ""  # nobody runs in the name of a client by mistake
    assert alices.choices == [
        ("", "Choose a connection"),
        ("Client A", [(str(second.pk), "A second"), (str(connection.pk), "Main (default)")]),
        ("Client B", [(str(other.pk), "Of B (default)")]),
    ]
    foreign = signed_in(cast.carol).post(url, values(other))
    assert (list(errors(foreign)), Run.objects.count()) == (["connection"], 0)


def test_form_leads_to_connecting_where_nothing_is_connected(integration: Integration, cast: Cast) -> None:
    page = signed_in(cast.carol).get(form_of(integration, "pages"))
    assert "Connect first" in text(page)
    assert reverse("connection-new", args=[integration.slug]) in page.content.decode()


def test_run_again_starts_with_the_same_values(carols: Client, connection: Connection) -> None:
    given = {"order": "desc", "tags": ["b"], "ids": "1, 2", "filter": '{"kind": "router"}', "since": "2024-01-31"}
    run = started(carols, connection, "typed", **given)
    form = carols.get(form_of(connection.integration, "typed"), {"from": str(run.pk)}).context["form"]
    shown = {name: form[f"inputs.{name}"].value() for name in ("active", "order", "tags", "ids", "since")}
    assert shown == {"active": False, "order": "desc", "tags": ["b"], "ids": "[1,2]", "since": "2024-01-31"}
    assert json.loads(form["inputs.filter"].value()) == {"kind": "router"}


# --- watch and read -------------------------------------------------------------------------------------------------


def test_status_asks_for_itself_until_the_run_is_finished(carols: Client, connection: Connection) -> None:
    run = started(carols, connection, "pages", total="150")
    waiting = carols.get(at("status", run), {"pages": "0"}, headers=HTMX)
    assert ("every 1s" in waiting.content.decode(), "HX-Trigger" in waiting.headers) == (True, False)
    assert "Queued Waiting for a worker." in text(waiting)
    finished(run)
    done = carols.get(at("status", run), {"pages": "0"}, headers=HTMX)
    assert ("every 1s" in done.content.decode(), done.headers["HX-Trigger"]) == (False, "run-finished")
    assert text(done).startswith("Complete")


def test_status_says_that_the_run_has_grown(carols: Client, connection: Connection) -> None:
    run = started(carols, connection, "pages")
    Run.objects.filter(pk=run.pk).update(
        state="running", page_count=2, record_count=200, total=257, max_pages=None, started_at=timezone.now()
    )
    grown = carols.get(at("status", run), {"pages": "1"}, headers=HTMX)
    assert (grown.headers["HX-Trigger"], "Fetching page 3." in text(grown)) == ("run-grew", True)
    assert (grown.context["figures"].value, grown.context["figures"].limit) == (200, 257)
    assert "HX-Trigger" not in carols.get(at("status", run), {"pages": "2"}, headers=HTMX).headers


@pytest.mark.parametrize(
    ("inputs", "badge"),
    [
        ({"total": "150"}, '<span class="badge" data-state="complete">Complete</span>'),
        ({"total": "500"}, '<span class="badge" data-state="truncated">Truncated</span>'),
        ({"period": "1"}, '<span class="badge" data-state="loop">Loop</span>'),
    ],
)
def test_detail_shows_the_verdict(carols: Client, connection: Connection, inputs: dict[str, str], badge: str) -> None:
    run = finished(started(carols, connection, "pages", **inputs))
    page = carols.get(at("detail", run))
    assert badge in page.content.decode()
    assert run.message in text(page)


def test_records_are_shown_in_windows(carols: Client, connection: Connection) -> None:
    run = finished(started(carols, connection, "pages", total="120"))
    first, last = (carols.get(at("records", run), {"start": start}, headers=HTMX).context["window"] for start in ("0", "100"))
    assert first["table"].columns == ["id", "name"]
    assert [row[0].text for row in first["table"].rows] == [str(n) for n in range(1, 51)]
    assert [row[0].text for row in last["table"].rows] == [str(n) for n in range(101, 121)]
    assert [(part["first"], part["last"], part["before"], part["after"]) for part in (first, last)] == [
        (1, 50, None, 50),
        (101, 120, 50, None),
    ]
    beyond = carols.get(at("records", run), {"start": "99999"}, headers=HTMX).context["window"]
    assert (beyond["first"], beyond["last"]) == (101, 120)


def test_records_are_shown_as_json_and_pages_as_a_list(carols: Client, connection: Connection) -> None:
    run = finished(started(carols, connection, "pages", total="120"))
    as_json = carols.get(at("records", run), {"view": "json"}, headers=HTMX).context["window"]["json"]
    assert json.loads(as_json) == vendor_records(50)
    pages = carols.get(at("records", run), {"view": "pages"}, headers=HTMX).context["window"]["pages"]
    assert [(page.number, page.record_count, page.status) for page in pages] == [(1, 100, 200), (2, 20, 200)]


def test_records_opened_by_a_person_lead_to_the_page_of_the_run(carols: Client, connection: Connection) -> None:
    run = started(carols, connection, "pages")
    assert carols.get(at("records", run), {"view": "json"})["Location"] == f"{at('detail', run)}?view=json"


def test_downloads_hold_every_record(carols: Client, connection: Connection) -> None:
    run = finished(started(carols, connection, "pages", total="150"))
    answers = {form: carols.get(at("download", run, form)) for form in ("json", "ndjson", "csv")}
    contents = {form: body(answer) for form, answer in answers.items()}
    assert json.loads(contents["json"]) == vendor_records(150)
    assert [json.loads(line) for line in contents["ndjson"].splitlines()] == vendor_records(150)
    rows = list(csv.reader(io.StringIO(contents["csv"].decode())))
    assert rows == [["id", "name"], *([str(record["id"]), record["name"]] for record in vendor_records(150))]
    name = f"sample-pages-{run.created_at:%Y-%m-%d-%H%M}"
    assert {form: answer["Content-Disposition"] for form, answer in answers.items()} == {
        form: f'attachment; filename="{name}.{form}"' for form in answers
    }
    assert carols.get(at("download", run, "xml")).status_code == 404


def test_cancel_ends_a_run_that_waits(carols: Client, connection: Connection) -> None:
    run = started(carols, connection, "pages")
    answer = carols.post(at("cancel", run), headers=HTMX)
    assert (text(answer).startswith("Cancelled Cancelled before it began."), answer.headers["HX-Trigger"]) == (True, "run-finished")


def test_list_holds_the_newest_first_and_filters(carols: Client, connection: Connection) -> None:
    complete = finished(started(carols, connection, "pages", total="150"))
    truncated = finished(started(carols, connection, "pages", total="500"))
    waiting = started(carols, connection, "pages")

    def listed(**chosen: str) -> list[Run]:
        return list(carols.get(reverse("run-list"), chosen).context["page"])

    assert listed() == [waiting, truncated, complete]
    assert listed(verdict="complete") == [complete]
    assert listed(verdict="unfinished") == [waiting]
    assert listed(integration="sample", verdict="truncated") == [truncated]
    assert listed(integration="nonsense") == []


def test_no_page_shows_the_secret(carols: Client, connection: Connection, vendor: VendorServer) -> None:
    run = finished(started(carols, connection, "pages", total="20"))
    pages = [
        carols.get(url) for url in (at("detail", run), at("status", run), reverse("run-list"), form_of(connection.integration, "pages"))
    ]
    assert [KEY in page.content.decode() for page in pages] == [False] * 4
    assert {request.header("X-API-Key") for request in vendor.requests} == {KEY}  # while it was sent


# --- who may --------------------------------------------------------------------------------------------------------


def test_viewer_reads_runs_and_starts_or_cancels_none(carols: Client, connection: Connection, cast: Cast) -> None:
    run = started(carols, connection, "pages")
    daves = signed_in(cast.dave)
    read = [at("detail", run), at("status", run), at("download", run, "csv"), reverse("run-list")]
    assert [daves.get(url).status_code for url in read] == [200] * 4
    assert [(action in text(daves.get(at("detail", run)))) for action in ("Run again", "Cancel")] == [False, False]
    form = form_of(connection.integration, "pages")
    assert [daves.get(form).status_code, daves.post(form, values(connection)).status_code, daves.post(at("cancel", run)).status_code] == [
        403
    ] * 3
    assert (Run.objects.get().state, list(daves.get(reverse("run-list")).context["page"])) == ("queued", [run])


def test_stranger_finds_no_run_and_no_action(carols: Client, connection: Connection, cast: Cast) -> None:
    run = started(carols, connection, "pages")
    eves = signed_in(cast.eve)
    addresses = [
        at("detail", run),
        at("status", run),
        at("records", run),
        at("download", run, "csv"),
        form_of(connection.integration, "pages"),
    ]
    assert [eves.get(url, headers=HTMX).status_code for url in addresses] == [404] * 5
    assert eves.post(at("cancel", run)).status_code == 404
    assert list(eves.get(reverse("run-list")).context["page"]) == []


def test_draft_actions_have_no_page(make_integration: MakeIntegration, cast: Cast) -> None:
    draft = make_integration(status="draft")
    action = Action.objects.get(revision__integration=draft)
    assert signed_in(cast.alice).get(reverse("action-run", args=[draft.slug, action.uid])).status_code == 404
