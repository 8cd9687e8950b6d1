"""Mapping organizations below to a vendor's customers: options, suggestions, saving, CSV, and runs that read who an organization is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from actions import mapping_options, runs
from connections import services as connections
from connections.mapping import options, tables
from connections.mapping.models import MappedOrganization, Mapping, MappingOption
from connections.models import Connection
from integrations.models import Integration, Organization
from integrations.refusals import Conflict, Invalid
from tests.backends import Worker, eventually
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values
from tests.connections.server import serving
from tests.pages import HTMX, signed_in, text
from tests.vendor.server import VendorServer

PAGES = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "page_size"}
LISTED = [("1", "Acme Ltd"), ("2", "Zenith Dental"), ("3", "Client A, Inc."), ("4", "Twins"), ("5", "Twins GmbH")]


@pytest.fixture
def integration(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    actions = [
        action_values(key="customers", name="List customers", path="/faults/pages?total=257", paginated=True),
        action_values(key="broken", name="Broken", path="/faults/status?code=500"),
        action_values(key="one", name="One page", path="/faults/pages?total=7", resultsKey="items"),
    ]
    return make_integration(base_uri=vendor.url, pagination=PAGES, actions=actions)


@pytest.fixture
def connection(integration: Integration, make_connection: MakeConnection, cast: Cast) -> Connection:
    return make_connection(integration, name="Provider", organization=cast.msp, user=cast.alice)


@pytest.fixture
def mapping(integration: Integration, cast: Cast) -> Mapping:
    """That of the MSP with LISTED as options."""
    return tables.set_up(mapping=tables.mapping_of(cast.msp, integration), source="list", listed=LISTED)


def stored(integration: Integration, cast: Cast) -> dict[str, tuple[str, str]]:
    rows = tables.children(tables.mapping_of(cast.msp, integration)).exclude(value=None)
    return {row.slug: (row.value, row.label) for row in rows}


def refreshed(integration: Integration, cast: Cast, key: str = "customers", **values: Any) -> Mapping:
    """Set up from an action, refreshed in this process."""
    mapping = tables.set_up(
        mapping=tables.mapping_of(cast.msp, integration), source="action", action=action_of(integration, key).uid, **values
    )
    mapping_options.start(mapping=mapping, user=cast.alice)
    mapping_options.refresh(mapping.pk)
    return tables.mapping_of(cast.msp, integration)


# --- options ---------------------------------------------------------------------------------------------------------------


def test_a9_86_refresh_options_takes_them_from_a_paginated_action(integration: Integration, connection: Connection, cast: Cast) -> None:
    mapping = refreshed(integration, cast)
    assert (mapping.state, mapping.message, mapping.option_count) == ("idle", "257 options from 257 records.", 257)
    first = options.options_of(mapping)[0]
    assert (first.value, first.label) == ("1", "record-1")


def test_a9_89_options_come_from_an_action_that_is_not_paginated(integration: Integration, connection: Connection, cast: Cast) -> None:
    """No dummy paginated action is needed."""
    assert refreshed(integration, cast, "one").option_count == 7


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        (
            "customers",
            {"value_path": "number"},
            "None of the 257 records has a value at number. The first record has: id, name. Correct the path of the value, and refresh again.",
        ),
        (
            "broken",
            {},
            "The vendor has a fault of its own (500). Try again later; if it stays, tell the vendor. It said: This endpoint answers 500. The options of last time stay.",
        ),
    ],
)
def test_a9_86_refresh_that_fails_says_why_and_keeps_the_options_of_last_time(
    integration: Integration, connection: Connection, cast: Cast, key: str, values: dict[str, Any], message: str
) -> None:
    before = list(options.options_of(refreshed(integration, cast)).values_list("value", "label"))
    mapping = refreshed(integration, cast, key, **values)
    assert (mapping.state, mapping.message) == ("failed", message)
    assert list(options.options_of(mapping).values_list("value", "label")) == before


def test_options_leave_out_records_without_a_value_and_values_that_come_twice(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    records = [{"c": {"id": 7, "n": "Acme"}}, {"c": {"id": 7, "n": "Again"}}, {"c": {"id": None}}, {"c": {"id": "x"}}, {"c": 5}]
    with serving(lambda request: request.reply(200, json.dumps(records).encode(), Content_Type="application/json")) as server:
        integration = make_integration(base_uri=server.url)
        make_connection(integration, organization=cast.msp, user=cast.alice)
        mapping = refreshed(integration, cast, "list_users", value_path="c.id", label_path="c.n")
    assert list(options.options_of(mapping).values_list("value", "label")) == [("7", "Acme"), ("x", "x")]
    assert mapping.message == "2 options from 5 records. 2 without a value at c.id were left out. 1 had a value that was there already."


def test_second_refresh_waits_for_the_first(integration: Integration, connection: Connection, cast: Cast) -> None:
    mapping = tables.set_up(
        mapping=tables.mapping_of(cast.msp, integration), source="action", action=action_of(integration, "customers").uid
    )
    mapping_options.start(mapping=mapping, user=cast.alice)
    with pytest.raises(Conflict) as refused:
        mapping_options.start(mapping=mapping, user=cast.alice)
    assert refused.value.message == "The options are being refreshed already."


def test_refresh_whose_message_was_lost_is_taken_up_again(integration: Integration, connection: Connection, cast: Cast) -> None:
    mapping = tables.set_up(
        mapping=tables.mapping_of(cast.msp, integration), source="action", action=action_of(integration, "customers").uid
    )
    mapping = mapping_options.start(mapping=mapping, user=cast.alice)
    assert mapping.run is not None
    assert mapping_options.recover() == 0
    runs.execute(mapping.run)
    assert mapping_options.recover() == 1
    mapping_options.refresh(mapping.pk)
    assert tables.mapping_of(cast.msp, integration).option_count == 257


@pytest.mark.django_db(transaction=True)
def test_worker_refreshes_the_options(worker: Worker, integration: Integration, connection: Connection, cast: Cast) -> None:
    mapping = tables.set_up(
        mapping=tables.mapping_of(cast.msp, integration), source="action", action=action_of(integration, "customers").uid
    )
    answer = signed_in(cast.alice).post(reverse("api-mapping-refresh", args=[integration.slug]), content_type="application/json")
    assert (answer.status_code, answer.json().get("state")) == (202, "refreshing"), answer.content
    eventually(lambda: Mapping.objects.filter(pk=mapping.pk, state="idle", option_count=257).exists())


def test_late_refresh_overwrites_no_newer_choice_of_a_source(integration: Integration, connection: Connection, cast: Cast) -> None:
    mapping = tables.set_up(
        mapping=tables.mapping_of(cast.msp, integration), source="action", action=action_of(integration, "customers").uid
    )
    mapping_options.start(mapping=mapping, user=cast.alice)
    tables.set_up(mapping=mapping, source="list", listed=LISTED)
    mapping_options.refresh(mapping.pk)
    assert list(options.options_of(tables.mapping_of(cast.msp, integration)).values_list("value", "label")) == LISTED
    assert MappingOption.objects.count() == len(LISTED)


def test_search_of_fifty_thousand_options_ignores_case_and_accents(mapping: Mapping) -> None:
    options.replace(mapping, ((str(number), f"Müller {number} Söhne") for number in range(50_000)))
    assert [one.value for one in options.found(mapping, "SOHNE 4242 muller", 3)] == ["4242", "14242", "24242"]
    assert [one.value for one in options.found(mapping, "49999")] == ["49999"]
    assert options.found(mapping, "12")[0].value == "12"
    assert options.found(mapping, "nobody") == []


def test_more_options_than_there_may_be_are_refused_and_the_old_ones_stay(mapping: Mapping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "MAX_OPTIONS", 10)
    with pytest.raises(Invalid) as refused:
        options.replace(mapping, [(str(number), "x") for number in range(11)])
    assert refused.value.errors == {"options": ["There are more than 10 options. Narrow the list down, with an input of the action."]}
    assert options.options_of(mapping).count() == len(LISTED) == MappingOption.objects.count()


# --- mapping ---------------------------------------------------------------------------------------------------------------


def test_a9_89_mapping_needs_no_paginated_endpoint_and_no_options(make_integration: MakeIntegration, cast: Cast) -> None:
    """It is there from the start, and takes what is typed."""
    integration = make_integration()
    mapping = tables.mapping_of(cast.msp, integration)
    saved = tables.save(mapping=mapping, changes={cast.client_a.pk: (" 47  11 ", "Acme")}, user=cast.alice)
    assert (str(saved), stored(integration, cast)) == ("1 mapped", {"client-a": ("47 11", "Acme")})


def test_a9_88_mapping_survives_the_end_of_the_connection(integration: Integration, connection: Connection, cast: Cast) -> None:
    mapping = refreshed(integration, cast, connection=connection)
    tables.save(mapping=mapping, changes={cast.client_a.pk: ("7", "")}, user=cast.alice)
    connections.delete(connection=connection)
    mapping = tables.mapping_of(cast.msp, integration)
    assert (stored(integration, cast), mapping.connection, mapping.option_count) == ({"client-a": ("7", "record-7")}, None, 257)


def test_mapped_value_stays_when_its_option_goes(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    tables.save(mapping=mapping, changes={cast.client_a.pk: ("1", "")}, user=cast.alice)
    tables.set_up(mapping=mapping, source="list", listed=LISTED[1:])
    page = signed_in(cast.alice).get(reverse("integration-mapping", args=[integration.slug]))
    assert "Acme Ltd (no longer an option)" in text(page)
    assert stored(integration, cast) == {"client-a": ("1", "Acme Ltd")}


def test_saving_is_all_or_nothing(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    with pytest.raises(Invalid) as refused:
        tables.save(
            mapping=mapping, changes={cast.client_a.pk: ("1", ""), cast.client_b.pk: ("99", ""), cast.stranger_org.pk: ("2", "")}, user=None
        )
    assert refused.value.errors == {
        f"mappings.{cast.client_b.pk}": ["99 is not among the options. Choose one of them, or refresh them if it is new at the vendor."],
        f"mappings.{cast.stranger_org.pk}": ["There is no such organization below Managed Services."],
    }
    assert stored(integration, cast) == {}


def test_a9_87_suggestions_are_never_saved_and_name_ties(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    twins = Organization.objects.create(name="Twins", parent=cast.msp)
    near = Organization.objects.create(name="Zenith Dentall", parent=cast.client_a)
    tie = Organization.objects.create(name="Twins Ltd", parent=cast.msp)
    found = tables.suggest(mapping=mapping)
    assert found.clear == {
        cast.client_a.pk: ("3", "Client A, Inc.", 95),
        twins.pk: ("4", "Twins", 100),
        near.pk: ("2", "Zenith Dental", 94),
    }
    assert found.ambiguous == {tie.pk: [("4", "Twins"), ("5", "Twins GmbH")]}
    assert found.none == 1
    assert MappedOrganization.objects.count() == 0


def test_option_that_fits_several_organizations_goes_to_the_one_that_it_fits_best(
    mapping: Mapping, integration: Integration, cast: Cast
) -> None:
    acme, longer = (Organization.objects.create(name=name, parent=cast.msp) for name in ("Acme", "Acme Holding"))
    assert set(tables.suggest(mapping=mapping).clear) == {cast.client_a.pk, acme.pk}
    twin = Organization.objects.create(name="ACME GmbH", parent=cast.msp)
    found = tables.suggest(mapping=mapping)
    assert (found.ambiguous, longer.pk in found.clear) == ({acme.pk: [("1", "Acme Ltd")], twin.pk: [("1", "Acme Ltd")]}, False)
    # What is somebody's already is suggested to nobody else.
    tables.save(mapping=mapping, changes={acme.pk: ("1", "")}, user=cast.alice)
    assert set(tables.suggest(mapping=mapping).clear) == {cast.client_a.pk}


# --- CSV -------------------------------------------------------------------------------------------------------------------


def test_csv_round_trip_keeps_every_mapping(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    tables.set_up(mapping=mapping, source="typed")
    odd = {cast.client_a.pk: ("=cmd|x", 'Acme, "the" one'), cast.client_b.pk: ("'quoted", "+49")}
    tables.save(mapping=mapping, changes=odd, user=cast.alice)
    before = stored(integration, cast)
    data = "".join(tables.export(mapping)).encode()
    assert b"\n=" not in data
    assert b",=" not in data
    MappedOrganization.objects.all().delete()
    assert str(tables.import_csv(mapping=mapping, data=data, user=cast.alice)) == "2 mapped"
    assert stored(integration, cast) == before
    assert str(tables.import_csv(mapping=mapping, data=data, user=cast.alice)) == "0 mapped, 2 as before"


def test_csv_with_a_wrong_line_says_which_and_imports_nothing(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    Organization.objects.create(name="Twins", parent=cast.msp)
    Organization.objects.create(name="twins", parent=cast.client_a)
    lines = [
        "organization,name,value",
        "client-a,,1",
        "nowhere,,2",
        "stranger,,2",
        ",Twins,4",
        "client-b,,77",
        "client-a,,2",
        ",,3",
        ",Client B,2",
    ]
    with pytest.raises(Invalid) as refused:
        tables.import_csv(mapping=mapping, data="\n".join(lines).encode(), user=cast.alice)
    assert refused.value.errors == {
        "line 3": ["There is no organization “nowhere” below Managed Services. Use its slug, as the export has it."],
        "line 4": ["There is no organization “stranger” below Managed Services. Use its slug, as the export has it."],
        "line 5": ["2 organizations are named Twins. Add a column organization with the slug."],
        "line 6": ["77 is not among the options. Choose one of them, or refresh them if it is new at the vendor."],
        "line 7": ["client-a stands in line 2 already. Keep one of them."],
        "line 8": ["The line names no organization."],
        "line 9": ["Client B stands in line 6 already. Keep one of them."],
    }
    assert stored(integration, cast) == {}


def test_csv_takes_away_what_it_has_empty_and_leaves_alone_what_it_does_not_name(
    mapping: Mapping, integration: Integration, cast: Cast
) -> None:
    tables.save(mapping=mapping, changes={cast.client_a.pk: ("1", ""), cast.client_b.pk: ("2", "")}, user=cast.alice)
    saved = tables.import_csv(mapping=mapping, data=b"organization,value\nclient-a,\n", user=cast.alice)
    assert (str(saved), stored(integration, cast)) == ("0 mapped, 1 no longer mapped", {"client-b": ("2", "Zenith Dental")})


# --- runs ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def echoing(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    """An integration that reads the mapping in host, path, query, headers, defaults and body."""
    return make_integration(
        name="Echoing",
        base_uri=f"http://{{{{mapping.label}}}}:{vendor.url.rpartition(':')[2]}",
        headers={"X-Customer": "{{mapping.id}}", "X-Any": "{{mapping.id || 'none'}}"},
        query={"customer": "${mapping.id}"},
        actions=[
            action_values(
                key="echo",
                method="POST",
                path="/echo/{{mapping.id}}/{part}",
                parameters=[
                    {"name": "of", "in": "query", "type": "string", "default": "is {{ mapping.id }}"},
                    {"name": "part", "in": "path"},
                ],
                body={"contentType": "application/json"},
            )
        ],
    )


def test_run_for_a_mapped_organization_reads_the_mapping_wherever_placeholders_go(
    vendor: VendorServer, echoing: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    connection = make_connection(echoing, organization=cast.msp, user=cast.alice)
    tables.save(mapping=tables.mapping_of(cast.msp, echoing), changes={cast.client_a.pk: ("a/1?x", "127.0.0.1")}, user=cast.alice)
    body = {
        "customer": "{{mapping.id}}",
        "mail": "Dear {{name}}, {{credentials.apiKey}} {{mapping.id + credentials.apiKey}}",
        "list": ["${mapping.label}"],
    }
    run = runs.start(
        action=action_of(echoing),
        organization=cast.client_a,
        user=cast.alice,
        inputs={"part": "{{mapping.id}}", "body": body},
        hand_over=False,
    )
    runs.execute(run.pk)
    run.refresh_from_db()
    sent = vendor.requests[-1]
    assert (run.connection, run.mapped) == (connection, {"id": "a/1?x", "label": "127.0.0.1"})
    assert (sent.path, sent.header("X-Customer"), sent.header("X-Any")) == ("/echo/a%2F1%3Fx/a%2F1%3Fx", "a/1?x", "a/1?x")
    assert sent.query.split("&") == ["of=is%20a%2F1%3Fx", "customer=a%2F1%3Fx"]
    # Whatever else stands in braces belongs to the vendor: no input reads a secret.
    assert json.loads(sent.body) == {**body, "customer": "a/1?x", "list": ["127.0.0.1"]}
    assert run.inputs["body"] == body


def test_a9_88_mapping_survives_uninstalling_and_counts_again_when_it_is_installed_anew(
    vendor: VendorServer, echoing: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    make_connection(echoing, organization=cast.msp, user=cast.alice)
    tables.save(mapping=tables.mapping_of(cast.msp, echoing), changes={cast.client_a.pk: ("4711", "127.0.0.1")}, user=cast.alice)
    alice = signed_in(cast.alice)
    page = alice.post(reverse("integration-uninstall", args=[echoing.slug]), follow=True)
    assert "Echoing is uninstalled from Managed Services. Mappings are kept." in text(page)
    assert (Connection.objects.count(), stored(echoing, cast)) == (0, {"client-a": ("4711", "127.0.0.1")})
    make_connection(echoing, name="Anew", organization=cast.msp, user=cast.alice)
    alice.delete(f"/api/integrations/{echoing.slug}/connections")  # and once more, by a program
    assert (Connection.objects.count(), stored(echoing, cast)) == (0, {"client-a": ("4711", "127.0.0.1")})
    again = make_connection(echoing, name="Anew", organization=cast.msp, user=cast.alice)
    run = runs.start(action=action_of(echoing), organization=cast.client_a, user=cast.alice, inputs={"part": "x"}, hand_over=False)
    runs.execute(run.pk)
    assert (run.connection, vendor.requests[-1].path, vendor.requests[-1].header("X-Customer")) == (again, "/echo/4711/x", "4711")


def test_run_for_an_organization_that_is_not_mapped_is_refused_where_it_reads_the_mapping(
    echoing: Integration, integration: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    make_connection(echoing, organization=cast.msp, user=cast.alice)
    with pytest.raises(Conflict) as refused:
        runs.start(action=action_of(echoing), organization=cast.client_a, user=cast.alice, inputs={"part": "x"}, hand_over=False)
    assert refused.value.message == (
        "This run needs to know which customer of the vendor Client A is ({{mapping.id}}), and it is not mapped. "
        "Map it on the page Mapping of the integration, in the organization above that has the mapping."
    )
    make_connection(integration, organization=cast.msp, user=cast.alice)
    with pytest.raises(Conflict):
        runs.start(
            action=action_of(integration, "one"),
            organization=cast.client_b,
            user=cast.alice,
            inputs={"x": "{{mapping.id}}"},
            hand_over=False,
        )


def test_placeholder_with_an_alternative_needs_no_mapping(
    vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration(
        base_uri=vendor.url, headers={"X-Any": "{{mapping.id || 'none'}}"}, actions=[action_values(path="/echo")]
    )
    connection = make_connection(integration)
    run = runs.start(action=action_of(integration), connection=connection, user=cast.carol, inputs={}, hand_over=False)
    runs.execute(run.pk)
    assert vendor.requests[-1].header("X-Any") == "none"


def test_mapping_of_an_organization_below_leads_no_connection_above_elsewhere(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    """The value may stand in a host: what client A maps does not count for the MSP's connection."""
    integration = make_integration(base_uri="https://{{mapping.id}}.example.com")
    make_connection(integration, organization=cast.msp, user=cast.alice)
    branch = Organization.objects.create(name="Branch", parent=cast.client_a)
    tables.save(mapping=tables.mapping_of(cast.client_a, integration), changes={branch.pk: ("evil", "")}, user=cast.carol)
    with pytest.raises(Conflict):
        runs.start(action=action_of(integration), organization=branch, user=cast.alice, inputs={}, hand_over=False)


# --- pages -----------------------------------------------------------------------------------------------------------------


def clients(cast: Cast, count: int) -> list[Organization]:
    return [Organization.objects.create(name=f"Practice {number:03}", parent=cast.msp) for number in range(count)]


def test_a9_85_mapping_table_has_ten_rows_a_page_and_a_filter_of_the_unmapped(
    mapping: Mapping, integration: Integration, cast: Cast
) -> None:
    clients(cast, 25)
    tables.save(mapping=mapping, changes={cast.client_a.pk: ("1", "")}, user=cast.alice)
    alice = signed_in(cast.alice)
    url = reverse("integration-mapping", args=[integration.slug])
    first = alice.get(url)
    assert (len(first.context["rows"]), first.context["total"], first.context["mapped_count"]) == (10, 27, 1)
    assert len(alice.get(f"{url}?page=3").context["rows"]) == 7
    assert alice.get(f"{url}?only=unmapped").context["page"].paginator.count == 26
    assert [row.organization.name for row in alice.get(f"{url}?q=practice 02").context["rows"]] == [f"Practice 02{n}" for n in range(5)]


def test_a9_88_edits_of_several_pages_and_searches_are_saved_together(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    many = clients(cast, 25)
    alice = signed_in(cast.alice)
    url = reverse("integration-mapping", args=[integration.slug])

    def send(before: Any, typed: dict[Organization, str], **fields: str) -> Any:
        shown = [str(row.organization.pk) for row in before.context["rows"]]
        values = {f"value.{row.organization.pk}": row.value for row in before.context["rows"]}
        values |= {f"value.{one.pk}": value for one, value in typed.items()}
        return alice.post(
            url, {"edits": before.context["edits"], "shown": shown, "page": before.context["page"].number, **values, **fields}, headers=HTMX
        )

    page = alice.get(url)
    page = send(page, {cast.client_a: "1"}, do="page:2")
    assert page.context["page"].number == 2
    page = send(page, {many[9]: "2"}, do="search", q="practice 02")
    page = send(page, {many[20]: "3"}, do="page:1", q="")
    assert MappedOrganization.objects.count() == 0
    assert "3 not saved, on all pages" in text(page)
    page = send(page, {}, do="save", q="")
    assert "Saved: 3 mapped." in text(page)
    assert stored(integration, cast) == {
        "client-a": ("1", "Acme Ltd"),
        many[9].slug: ("2", "Zenith Dental"),
        many[20].slug: ("3", "Client A, Inc."),
    }


def test_a9_87_suggested_values_are_shown_and_saved_only_when_asked(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    Organization.objects.create(name="Twins AG", parent=cast.msp)
    alice = signed_in(cast.alice)
    url = reverse("integration-mapping", args=[integration.slug])
    page = alice.post(url, {"do": "suggest"})
    shown = text(page)
    assert "1 suggested, 1 with several that fit equally well, 1 without one that fits." in shown
    assert "Suggested, 95 %" in shown
    assert "2 options fit equally well: Twins (4), Twins GmbH (5). Choose one." in shown
    assert stored(integration, cast) == {}
    alice.post(url, {"do": "save", "edits": page.context["edits"]})
    assert stored(integration, cast) == {"client-a": ("3", "Client A, Inc.")}


def test_refused_row_says_what_is_wrong_and_loses_no_other_edit(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    alice = signed_in(cast.alice)
    url = reverse("integration-mapping", args=[integration.slug])
    edits = json.dumps({str(cast.client_a.pk): ["1", "", None], str(cast.client_b.pk): ["99", "", None]})
    page = alice.post(url, {"do": "save", "edits": edits})
    assert (page.status_code, len(json.loads(page.context["edits"]))) == (422, 2)
    assert "Client B: 99 is not among the options." in text(page)


def test_a9_86_text_boxes_become_lists_once_the_options_are_there(integration: Integration, connection: Connection, cast: Cast) -> None:
    alice = signed_in(cast.alice)
    url = reverse("integration-mapping", args=[integration.slug])
    name = f'name="value.{cast.client_a.pk}"'
    assert f'<input type="text" {name}' in alice.get(url).content.decode()
    refreshed(integration, cast, "one")
    page = alice.get(url).content.decode()
    assert (f"<select {name}" in page, page.count('<option value="7">record-7 (7)</option>')) == (True, 2)


def test_many_options_are_searched_on_the_server(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    options.replace(mapping, ((str(number), f"Customer {number}") for number in range(1000)))
    alice = signed_in(cast.alice)
    page = alice.get(reverse("integration-mapping", args=[integration.slug]))
    assert (page.context["searches"], page.context["choices"], "Customer 999" in text(page)) == (True, [], False)
    found = alice.get(reverse("mapping-options", args=[integration.slug]), {f"value.{cast.client_a.pk}": "customer 999"})
    assert '<option value="999">Customer 999</option>' in found.content.decode()
    exact = alice.get(reverse("mapping-options", args=[integration.slug]), {f"value.{cast.client_a.pk}": "12"})
    assert f'<span id="label-{cast.client_a.pk}" hx-swap-oob="innerHTML">Customer 12</span>' in exact.content.decode()


def test_page_imports_a_file_and_tells_of_wrong_lines(mapping: Mapping, integration: Integration, cast: Cast) -> None:
    alice = signed_in(cast.alice)
    url = reverse("mapping-import", args=[integration.slug])
    wrong = alice.post(url, {"file": SimpleUploadedFile("m.csv", b"organization,value\nclient-a,1\nnobody,2\n")})
    assert (wrong.status_code, "Line 3: There is no organization “nobody” below Managed Services." in text(wrong)) == (422, True)
    right = alice.post(url, {"file": SimpleUploadedFile("m.csv", b"organization,value\nclient-a,1\n")}, follow=True)
    assert "Imported: 1 mapped." in text(right)


def test_a9_89_page_sets_up_a_list_from_text_and_from_a_file(integration: Integration, cast: Cast) -> None:
    alice = signed_in(cast.alice)
    url = reverse("mapping-setup", args=[integration.slug])
    alice.post(url, {"source": "list", "listed": "1,Acme\n2,Zenith"})
    assert list(options.options_of(tables.mapping_of(cast.msp, integration)).values_list("value", "label")) == [
        ("1", "Acme"),
        ("2", "Zenith"),
    ]
    alice.post(url, {"source": "list", "listed": "", "file": SimpleUploadedFile("o.csv", b"label;value\nOne;1\n")})
    assert list(options.options_of(tables.mapping_of(cast.msp, integration)).values_list("value", "label")) == [("1", "One")]
    empty = alice.post(url, {"source": "list", "listed": " "})
    assert (empty.status_code, "The list is empty. Enter a customer a line, or choose a file." in text(empty)) == (422, True)


def test_page_sets_up_an_action_and_begins_to_fetch(integration: Integration, connection: Connection, cast: Cast) -> None:
    uid = action_of(integration, "customers").uid
    values = {"source": "action", "action": str(uid), "value_path": "id", "label_path": "name"}
    alice = signed_in(cast.alice)
    page = alice.post(reverse("mapping-setup", args=[integration.slug]), values, follow=True)
    assert "The options are being fetched" in text(page)
    mapping = tables.mapping_of(cast.msp, integration)
    mapping_options.refresh(mapping.pk)
    status = alice.get(reverse("mapping-status", args=[integration.slug]))
    assert (status.headers["HX-Trigger"], "257 options , fetched just now. They come from the action List customers." in text(status)) == (
        "options-came",
        True,
    )
    wrong = alice.post(reverse("mapping-setup", args=[integration.slug]), {**values, "inputs": "{", "value_path": "$.["})
    assert (wrong.status_code, "This is no JSON" in text(wrong)) == (422, True)


def test_each_organization_has_a_mapping_of_its_own_that_those_below_do_not_see(
    mapping: Mapping, integration: Integration, cast: Cast
) -> None:
    tables.save(mapping=mapping, changes={cast.client_a.pk: ("1", ""), cast.client_b.pk: ("2", "")}, user=cast.alice)
    carol, eve = signed_in(cast.carol), signed_in(cast.eve)
    urls = {
        name: reverse(name, args=[integration.slug])
        for name in ("integration-mapping", "mapping-export", "api-mapping-csv", "api-mapping-options")
    }
    answers: list[Any] = list(map(carol.get, urls.values()))
    said = "".join(b"".join(one.streaming_content if one.streaming else [one.content]).decode() for one in answers)
    assert [word for word in ("Client B", "client-b", "Zenith", "Acme") if word in said] == []
    assert {name: eve.get(url).status_code for name, url in urls.items()} == dict.fromkeys(urls, 404)
    assert carol.get(f"{urls['api-mapping-csv']}?organization={cast.msp.pk}").status_code == 422


# --- API -------------------------------------------------------------------------------------------------------------------


def test_api_does_what_the_pages_do(integration: Integration, connection: Connection, cast: Cast) -> None:
    alice = signed_in(cast.alice)
    url = reverse("api-mapping", args=[integration.slug])
    made = alice.put(
        url,
        {"source": "list", "options": [{"value": "1", "label": "Client A"}, {"value": 2}], "connection": str(connection.pk)},
        content_type="application/json",
    ).json()
    assert {name: made[name] for name in ("source", "connection", "options", "organizations", "mapped", "state")} == {
        "source": "list", "connection": str(connection.pk), "options": 2, "organizations": 2, "mapped": 0, "state": "idle",
    }  # fmt: skip
    found = alice.get(f"{url}/options?q=CLIENT").json()
    assert (found["total"], found["_embedded"]["option"]) == (1, [{"value": "1", "label": "Client A"}])
    assert alice.get(f"{url}/suggestions").json() == {
        "suggestions": [{"organization": str(cast.client_a.pk), "score": 100, "options": [{"value": "1", "label": "Client A"}]}],
        "none": 1,
    }
    changes = {"mappings": [{"organization": "client-a", "id": "1"}, {"organization": str(cast.client_b.pk), "id": "2"}]}
    assert alice.patch(f"{url}/organizations", changes, content_type="application/json").json() == {
        "mapped": 2,
        "cleared": 0,
        "unchanged": 0,
    }
    assert alice.get(f"{url}/organizations?unmapped=true").json()["total"] == 0
    export: Any = alice.get(f"{url}/csv")
    csv = b"".join(export.streaming_content).decode("utf-8-sig")
    assert csv.splitlines() == ["organization,name,value,label", "client-a,Client A,1,Client A", "client-b,Client B,2,2"]
    put = alice.put(f"{url}/csv", csv.replace("client-b,Client B,2,2", "client-b,Client B,,"), content_type="text/csv")
    assert put.json() == {"mapped": 0, "cleared": 1, "unchanged": 1}
    refused = alice.patch(
        f"{url}/organizations",
        {"mappings": [{"organization": "stranger", "id": "1"}, {"organization": "client-a"}]},
        content_type="application/json",
    )
    assert [(error["field"], error["message"]) for error in refused.json()["errors"]] == [
        ("mappings.0", "There is no such organization below Managed Services. Send its id or slug."),
        ("mappings.1", "Enter id as text, or null to take the mapping away; label is text."),
    ]


def test_three_hundred_organizations_and_fifty_thousand_options_need_few_queries(
    mapping: Mapping, integration: Integration, cast: Cast, django_assert_max_num_queries: Any
) -> None:
    clients(cast, 300)
    options.replace(mapping, ((str(number), f"Practice {number:03} Ltd") for number in range(50_000)))
    alice = signed_in(cast.alice)
    url = reverse("integration-mapping", args=[integration.slug])
    with django_assert_max_num_queries(25):
        page = alice.get(url)
    assert len(page.content) < 60_000
    with django_assert_max_num_queries(25):
        page = alice.post(url, {"do": "suggest"}, headers=HTMX)
    assert "300 suggested" in text(page)
    with django_assert_max_num_queries(40):
        page = alice.post(url, {"do": "save", "edits": page.context["edits"]}, headers=HTMX)
    assert "Saved: 300 mapped." in text(page)
