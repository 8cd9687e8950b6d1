"""Which connection a run uses: the walk, what an organization sets about it, and who learns what of a connection above."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from actions import runs
from connections import services as connections
from connections.choosing import overrides
from connections.choosing.walk import Choice, choose
from connections.mapping import tables
from connections.models import Connection
from integrations.models import Integration, Organization, Role, User
from integrations.organizations import moving
from integrations.refusals import Conflict, Invalid
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of, action_values, member
from tests.pages import signed_in, text, value
from tests.vendor.server import VendorServer

KEY = {"auth": {"type": "apikey", "apiKeyName": "X-API-Key", "apiKeyLocation": "header"}}
ADVICE = (
    "Connect Client A to Sample and make the connection its default, or ask an admin of an organization above to allow one of theirs "
    "for organizations below."
)


@pytest.fixture
def integration(vendor: VendorServer, make_integration: MakeIntegration) -> Integration:
    actions = [action_values(key="echo", path="/echo"), action_values(key="other", name="Other", path="/echo/other")]
    return make_integration(base_uri=vendor.url, actions=actions, **KEY)


@pytest.fixture
def own(integration: Integration, make_connection: MakeConnection) -> Connection:
    """Client A's own default."""
    return make_connection(integration, name="Own", credentials={"apiKey": "key of A"})


@pytest.fixture
def above(integration: Integration, make_connection: MakeConnection, cast: Cast) -> Connection:
    """The MSP's default, which it keeps to itself."""
    return make_connection(integration, name="Shared", organization=cast.msp, user=cast.alice, credentials={"apiKey": "key of the MSP"})


def allow(connection: Connection, below: str = "everybody") -> None:
    connections.change(connection=connection, below=below)


def map_client(integration: Integration, cast: Cast, organization: Organization, customer: str = "4711") -> None:
    tables.save(mapping=tables.mapping_of(cast.msp, integration), changes={organization.pk: (customer, "Acme")}, user=cast.alice)


def walk(choice: Choice) -> list[tuple[str, bool]]:
    return [(step.rule, step.taken) for step in choice.steps]


def test_own_default_is_taken_before_anything_above(integration: Integration, own: Connection, above: Connection, cast: Cast) -> None:
    allow(above)
    map_client(integration, cast, cast.client_a)
    choice = choose(organization=cast.client_a, integration=integration, user=cast.carol)
    assert (choice.connection, choice.reason, walk(choice)) == (own, "It is the default of Client A.", [("default", True)])


def test_named_connection_is_taken_before_the_own_default(
    integration: Integration, own: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    second = make_connection(integration, name="Second", credentials={"apiKey": "k"})
    choice = choose(organization=cast.client_a, integration=integration, user=cast.carol, named=second)
    assert (choice.connection, walk(choice)) == (second, [("explicit", True)])


def test_a9_84_several_named_connections_of_one_organization_have_one_default(
    integration: Integration, own: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    second = make_connection(integration, name="Second", credentials={"apiKey": "k"})
    assert choose(organization=cast.client_a, integration=integration).connection == own
    connections.change(connection=second, is_default=True)
    assert choose(organization=cast.client_a, integration=integration).connection == second
    connections.change(connection=second, is_default=False)
    choice = choose(organization=cast.client_a, integration=integration)
    assert (choice.connection, choice.steps[0].why) == (None, "Client A has 2 connections of its own, but none is its default.")


def test_without_any_connection_the_walk_says_why_and_what_to_do(integration: Integration, cast: Cast) -> None:
    choice = choose(organization=cast.client_a, integration=integration, user=cast.carol)
    assert choice.problem == (
        "No connection to Sample can be used for Client A. Client A has no connection of its own. No organization above has mapped Client A. "
        f"No organization above has a default connection. {ADVICE}"
    )
    with pytest.raises(Conflict):
        choice.found()


def test_a9_90_connection_above_is_inherited_only_when_its_owner_allows_it(integration: Integration, above: Connection, cast: Cast) -> None:
    """A child sees only its own connections unless that is changed."""
    before = choose(organization=cast.client_a, integration=integration, user=cast.carol)
    assert (before.connection, walk(before)) == (None, [("default", False), ("mapped", False), ("inherited", False)])
    # Nothing names what carol may not know of.
    assert before.steps[2].why == "An organization above has a connection. Its owner does not allow organizations below to use it."
    assert before.steps[2].connection is None
    allow(above)
    after = choose(organization=cast.client_a, integration=integration, user=cast.carol)
    assert (after.connection, walk(after)[-1]) == (above, ("inherited", True))


def test_nearest_organization_above_that_allows_it_is_inherited_from(
    integration: Integration, above: Connection, own: Connection, cast: Cast
) -> None:
    branch = Organization.objects.create(name="Branch", parent=cast.client_a)
    allow(above)
    assert choose(organization=branch, integration=integration).connection == above
    allow(own)
    assert choose(organization=branch, integration=integration).connection == own
    assert choose(organization=cast.client_b, integration=integration).connection == above


def test_connection_for_mapped_organizations_is_not_for_others(integration: Integration, above: Connection, cast: Cast) -> None:
    allow(above, "mapped")
    map_client(integration, cast, cast.client_a)
    mapped = choose(organization=cast.client_a, integration=integration, user=cast.carol)
    assert (mapped.connection, mapped.reason) == (above, "An organization above has mapped Client A to Acme.")
    other = choose(organization=cast.client_b, integration=integration)
    assert other.connection is None
    assert other.steps[-1].why == (
        "Managed Services has a connection. Its owner allows it only for organizations below that are mapped, and Client B is not mapped."
    )


def test_mapping_alone_lets_nobody_below_use_the_connection(integration: Integration, above: Connection, cast: Cast) -> None:
    map_client(integration, cast, cast.client_a)
    assert choose(organization=cast.client_a, integration=integration, user=cast.carol).connection is None
    # Who may use the connection where it is may use it for those below.
    assert choose(organization=cast.client_a, integration=integration, user=cast.alice).connection == above


def test_mapping_names_the_connection_with_which_the_mapped_run(
    integration: Integration, above: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    second = make_connection(integration, name="Second", organization=cast.msp, user=cast.alice, credentials={"apiKey": "k"})
    tables.set_up(mapping=tables.mapping_of(cast.msp, integration), source="typed", connection=second)
    map_client(integration, cast, cast.client_a)
    assert choose(organization=cast.client_a, integration=integration, user=cast.alice).connection == second
    second.delete()
    assert choose(organization=cast.client_a, integration=integration, user=cast.alice).connection == above


def test_connection_of_an_organization_beside_is_never_taken(integration: Integration, own: Connection, cast: Cast) -> None:
    allow(own)
    choice = choose(organization=cast.client_b, integration=integration, user=cast.alice, named=own)
    assert choice.problem == "It belongs to Client A, which is not above Client B."
    assert choose(organization=cast.client_b, integration=integration, user=cast.alice).connection is None


def test_connection_that_waits_for_authorization_is_not_passed_over(
    integration: Integration, own: Connection, above: Connection, cast: Cast
) -> None:
    """Another account's data would be worse than a failure."""
    allow(above)
    Connection.objects.filter(pk=own.pk).update(state=Connection.State.REAUTHORIZE)
    choice = choose(organization=cast.client_a, integration=integration)
    assert (choice.connection, choice.reason) == (own, "It is the default of Client A. It has to be authorized before it works.")


# --- what an organization sets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "fallback", "has_own", "is_mapped", "taken", "steps"),
    [
        ("default", "default", True, True, "Own", ["default"]),
        ("default", "default", False, True, "Shared", ["default", "mapped"]),
        ("default", "mapping", False, True, "Shared", ["default", "mapped"]),
        ("default", "mapping", False, False, None, ["default", "mapped"]),
        ("default", "fail", False, True, None, ["default"]),
        ("mapping", "default", True, True, "Shared", ["mapped"]),
        ("mapping", "default", True, False, "Own", ["mapped", "default"]),
        ("mapping", "default", False, False, "Shared", ["mapped", "default", "inherited"]),
        ("mapping", "mapping", True, False, None, ["mapped"]),
        ("mapping", "fail", True, False, None, ["mapped"]),
        ("name", "default", True, True, "Shared", ["name"]),
        ("name", "fail", True, True, "Shared", ["name"]),
    ],
)  # fmt: skip
def test_a9_90_override_of_an_integration_sets_selection_and_fallback(
    integration: Integration,
    above: Connection,
    make_connection: MakeConnection,
    cast: Cast,
    selection: str,
    fallback: str,
    has_own: bool,
    is_mapped: bool,
    taken: str | None,
    steps: list[str],
) -> None:
    allow(above)
    if has_own:
        make_connection(integration, name="Own", credentials={"apiKey": "k"})
    if is_mapped:
        map_client(integration, cast, cast.client_a)
    overrides.set_override(
        organization=cast.client_a, integration=integration, user=cast.carol, selection=selection, name="shar", fallback=fallback
    )
    choice = choose(organization=cast.client_a, integration=integration, user=cast.carol)
    assert (choice.connection.name if choice.connection else None, [step.rule for step in choice.steps]) == (taken, steps)


def test_a9_90_override_of_an_action_wins_over_that_of_the_integration(
    integration: Integration, own: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    second = make_connection(integration, name="Second", credentials={"apiKey": "k"})
    echo, other = action_of(integration, "echo").uid, action_of(integration, "other").uid
    overrides.set_override(organization=cast.client_a, integration=integration, user=cast.carol, selection="chosen", connection=second)
    overrides.set_override(
        organization=cast.client_a, integration=integration, user=cast.carol, action=other, selection="chosen", connection=own
    )
    found = {
        key: choose(organization=cast.client_a, integration=integration, action=uid).connection
        for key, uid in (("echo", echo), ("other", other), ("any", None))
    }
    assert found == {"echo": second, "other": own, "any": second}
    overrides.clear_override(organization=cast.client_a, integration=integration, action=other)
    assert choose(organization=cast.client_a, integration=integration, action=other).connection == second


def test_chosen_connection_that_was_deleted_is_told_of(
    integration: Integration, own: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    second = make_connection(integration, name="Second", credentials={"apiKey": "k"})
    overrides.set_override(
        organization=cast.client_a, integration=integration, user=cast.carol, selection="chosen", connection=second, fallback="fail"
    )
    connections.delete(connection=second)
    assert choose(organization=cast.client_a, integration=integration).problem == (
        "No connection to Sample can be used for Client A. The connection that was chosen has been deleted. Choose another one. "
        "Client A has set for Sample that no other connection is tried: name one, or change that setting."
    )


def test_name_that_several_connections_have_takes_none(
    integration: Integration, own: Connection, make_connection: MakeConnection, cast: Cast
) -> None:
    for name in ("Prod Europe", "Prod US"):
        make_connection(integration, name=name, credentials={"apiKey": "k"})
    values: dict[str, Any] = {"organization": cast.client_a, "integration": integration, "user": cast.carol, "selection": "name"}
    overrides.set_override(**values, name="prod", fallback="fail")
    choice = choose(organization=cast.client_a, integration=integration)
    assert choice.steps[0].why == "2 connections of Client A have that name in theirs: Prod Europe, Prod US. Write more of it."
    overrides.set_override(**values, name="PROD us", fallback="fail")
    assert str(choose(organization=cast.client_a, integration=integration).connection) == "Prod US"


def test_override_refuses_what_cannot_work(integration: Integration, above: Connection, cast: Cast) -> None:
    values: dict[str, Any] = {"organization": cast.client_a, "integration": integration, "user": cast.carol}
    with pytest.raises(Invalid) as refused:
        overrides.set_override(**values, selection="chosen", connection=above, fallback="whatever")
    assert refused.value.errors == {
        "fallback": ["Use one of: default, mapping, fail."],
        "connection": ["This connection cannot be used here. Its owner does not allow organizations below to use it."],
    }
    with pytest.raises(Invalid) as refused:
        overrides.set_override(**values, selection="name", name="  ")
    assert refused.value.errors == {"name": ["Enter a part of the connection's name, for example Production."]}


# --- runs ------------------------------------------------------------------------------------------------------------------


def test_run_without_a_connection_uses_the_one_of_the_walk(
    vendor: VendorServer, integration: Integration, above: Connection, cast: Cast
) -> None:
    allow(above)
    run = runs.start(action=action_of(integration, "echo"), organization=cast.client_a, user=cast.carol, inputs={}, hand_over=False)
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.connection, run.organization, run.verdict) == (above, cast.client_a, "complete")
    assert vendor.requests[-1].header("X-API-Key") == "key of the MSP"


def test_run_with_an_inherited_connection_belongs_to_the_organization_that_ran_it(
    integration: Integration, above: Connection, cast: Cast
) -> None:
    allow(above)
    run = runs.start(action=action_of(integration, "echo"), organization=cast.client_a, user=cast.carol, inputs={}, hand_over=False)
    neighbour = member("neighbour", cast.client_b, Role.ADMIN)
    seen = {
        str(user): signed_in(user).get(reverse("run-detail", args=[run.pk])).status_code
        for user in (cast.carol, cast.alice, cast.eve, neighbour)
    }
    assert seen == {"Carol": 200, "Alice": 200, "Eve": 404, "Neighbour": 404}
    page = signed_in(cast.carol).get(reverse("run-detail", args=[run.pk]))
    assert "For Client A, with Shared of Managed Services" in text(page)
    assert reverse("connection-detail", args=[above.pk]) not in page.content.decode()


@pytest.mark.parametrize("end", ["lent no more", "moved away"])
def test_run_is_not_resumed_with_a_connection_that_is_no_longer_lent(
    integration: Integration, above: Connection, cast: Cast, end: str
) -> None:
    allow(above)
    run = runs.start(action=action_of(integration, "echo"), organization=cast.client_a, user=cast.carol, inputs={}, hand_over=False)
    runs.cancel(run=run)
    if end == "moved away":
        moving.move(organization=cast.client_a, parent=cast.stranger_org)
    else:
        allow(above, "nobody")
    refused = signed_in(cast.carol).post(f"/api/runs/{run.pk}/resume", content_type="application/json")
    said = {
        "moved away": "It belongs to Managed Services, which is not above Client A.",
        "lent no more": "Its owner does not allow organizations below to use it.",
    }
    assert (refused.status_code, refused.json()["detail"]) == (409, said[end])
    if end == "lent no more":  # who may use the connection itself resumes it
        assert signed_in(cast.alice).post(f"/api/runs/{run.pk}/resume", content_type="application/json").status_code == 202


def test_nobody_below_reads_an_inherited_connection(integration: Integration, above: Connection, cast: Cast) -> None:
    """Its secrets and its settings are its owner's."""
    allow(above)
    carol = signed_in(cast.carol)
    answers = [
        carol.get(reverse("connection-detail", args=[above.pk])),
        carol.get(reverse("api-connection", args=[above.pk])),
        carol.patch(reverse("api-connection", args=[above.pk]), {"name": "x"}, content_type="application/json"),
        carol.post(reverse("connection-test", args=[above.pk])),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 404]
    choice = carol.get(reverse("api-connection-choice", args=[integration.slug])).json()
    assert choice["connection"] == {"id": str(above.pk), "name": "Shared", "organization": str(cast.msp.pk)}
    assert "key of the MSP" not in json.dumps(choice) + text(carol.get(reverse("integration-choice", args=[integration.slug])))


def test_api_runs_with_what_the_organization_uses_when_no_connection_is_named(
    integration: Integration, own: Connection, above: Connection, cast: Cast
) -> None:
    allow(above)

    def start(user: User, **body: Any) -> Any:
        payload = {"action": str(action_of(integration, "echo").uid), **body}
        return signed_in(user).post(reverse("api-run-list"), payload, content_type="application/json")

    assert start(cast.carol).json()["connection"] == str(own.pk)
    named = start(cast.carol, connection=str(above.pk)).json()
    assert (named["connection"], named["organization"]) == (str(above.pk), str(cast.client_a.pk))
    for_b = start(cast.alice, organization="client-b").json()
    assert (for_b["connection"], for_b["organization"]) == (str(above.pk), str(cast.client_b.pk))
    allow(above, "nobody")
    assert start(cast.carol, connection=str(above.pk)).json()["errors"][0]["field"] == "connection"
    connections.delete(connection=own)
    refused = start(cast.carol)
    assert (refused.status_code, refused.json()["detail"].startswith("No connection to Sample can be used for Client A.")) == (409, True)
    assert start(cast.dave).status_code == 403
    assert start(cast.eve).status_code == 422


def test_page_of_a_run_starts_with_what_the_walk_found_and_runs_for_the_own_organization(
    integration: Integration, above: Connection, cast: Cast
) -> None:
    url = reverse("action-run", args=[integration.slug, action_of(integration, "echo").uid])
    carol = signed_in(cast.carol)
    assert "No connection to Sample can be used for Client A." in text(carol.get(url))
    allow(above)
    page = carol.get(url)
    assert value(page, "connection") == str(above.pk)
    assert page.context["form"]["connection"].help_text == (
        "It is the default of an organization above, which allows it for organizations below."
    )
    carol.post(url, {"connection": str(above.pk)})
    run = runs_of(cast.client_a)[0]
    assert (run.connection, run.organization) == (above, cast.client_a)


def runs_of(organization: Organization) -> list[Any]:
    return list(organization.runs.all())


# --- the page and the API --------------------------------------------------------------------------------------------------


def test_page_shows_the_walk_and_what_it_would_be_for_another_organization(
    integration: Integration, own: Connection, above: Connection, cast: Cast
) -> None:
    allow(above)
    alice = signed_in(cast.alice)
    url = reverse("integration-choice", args=[integration.slug])
    assert "Shared It is the default of Managed Services." in text(alice.get(url))
    for_b = text(alice.get(f"{url}?organization=client-b"))
    assert "Shared of Managed Services It is the default of Managed Services, which allows it for organizations below." in for_b
    assert "The organization's own default Client B has no connection of its own." in for_b
    refused = alice.get(f"{url}?organization=stranger")
    assert (refused.status_code, "You see no organization named stranger." in text(refused)) == (422, True)


def test_stranger_learns_nothing_of_the_choice(integration: Integration, own: Connection, cast: Cast) -> None:
    eve = signed_in(cast.eve)
    urls = [reverse("integration-choice", args=[integration.slug]), reverse("api-connection-choice", args=[integration.slug])]
    assert [eve.get(url).status_code for url in urls] == [404, 404]
    what_if = signed_in(cast.carol).get(f"{urls[1]}?organization={cast.client_b.pk}")
    assert what_if.status_code == 422


def test_page_sets_and_clears_an_override(integration: Integration, own: Connection, make_connection: MakeConnection, cast: Cast) -> None:
    second = make_connection(integration, name="Second", credentials={"apiKey": "k"})
    carol = signed_in(cast.carol)
    uid = action_of(integration, "other").uid
    url = f"{reverse('integration-choice', args=[integration.slug])}?action={uid}"
    answer = carol.post(url, {"selection": "chosen", "connection": str(second.pk), "name": "", "fallback": "fail"}, follow=True)
    assert "Second Client A has chosen it." in text(answer)
    assert choose(organization=cast.client_a, integration=integration, action=uid).connection == second
    carol.post(url, {"clear": "1"})
    assert choose(organization=cast.client_a, integration=integration, action=uid).connection == own
    assert signed_in(cast.dave).post(url, {"clear": "1"}).status_code == 403


def test_api_sets_lists_and_clears_overrides(integration: Integration, own: Connection, cast: Cast) -> None:
    carol = signed_in(cast.carol)
    url = reverse("api-connection-overrides", args=[integration.slug])
    put = carol.put(url, {"selection": "chosen", "connection": str(own.pk), "fallback": "fail"}, content_type="application/json")
    assert put.status_code == 200, put.content
    listed = carol.get(url).json()
    assert [(row["action"], row["selection"], row["connection"], row["fallback"]) for row in listed] == [
        (None, "chosen", str(own.pk), "fail")
    ]
    choice = carol.get(reverse("api-connection-choice", args=[integration.slug])).json()
    assert (choice["override"]["selection"], choice["steps"][0]["rule"], choice["problem"]) == ("chosen", "chosen", None)
    assert carol.delete(url).status_code == 204
    assert carol.get(url).json() == []


def test_changes_of_the_choice_are_in_the_audit_log(integration: Integration, above: Connection, cast: Cast, client: Client) -> None:
    signed_in(cast.alice).put(
        reverse("api-connection-overrides", args=[integration.slug]),
        {"selection": "mapping", "fallback": "fail"},
        content_type="application/json",
    )
    signed_in(cast.alice).patch(reverse("api-connection", args=[above.pk]), {"below": "everybody"}, content_type="application/json")
    log = signed_in(cast.alice).get(reverse("api-audit")).json()["_embedded"]
    entries = [(entry["action"], entry["after"]) for entry in next(iter(log.values()))][:2]
    assert entries[0] == ("changed", {"below": "everybody"})
    assert (entries[1][0], entries[1][1]["selection"], entries[1][1]["fallback"]) == ("connection choice set", "mapping", "fail")
