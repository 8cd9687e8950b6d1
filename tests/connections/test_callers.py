"""`${user.…}` and `${tenant.…}`: each call says on whose behalf it is made, and nobody chooses who they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from actions import finalize, runs
from connections import checking, trials
from connections.callers import Caller
from connections.models import Connection
from connections.opening import client_for
from connections.retries import CallError
from integrations.definition import Definition, missing
from integrations.models import Membership, Organization, User
from integrations.organizations import members, tree
from integrations.refusals import Incomplete
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of
from tests.connections.server import Served, serving
from tests.pages import signed_in, text

HEADERS = {
    "X-User": "${user.username} ${user.displayName} ${user.email}",
    "X-Region": "${user.region}",
    "X-Tenant": "${tenant.id}",
    "X-Number": "{{tenant.customer_number}}",
    "X-Desk": '${user.desk || ""}',
}


@pytest.fixture
def server() -> Iterator[Served]:
    with serving(lambda handler: handler.reply(200, b"[]", Content_Type="application/json")) as served:
        yield served


@pytest.fixture
def connection(server: Served, cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection) -> Connection:
    User.objects.filter(pk__in=[cast.carol.pk, cast.alice.pk]).update(email="someone@example.com")
    tree.change(organization=cast.msp, fields={"customer_number": "M-1"})
    members.set_fields(membership=Membership.objects.get(user=cast.carol), fields={"region": "eu"})
    members.set_fields(membership=Membership.objects.get(user=cast.alice), fields={"region": "us"})
    return make_connection(make_integration(base_uri=server.url, headers=HEADERS, ping={"method": "GET", "uri": "/me"}))


def sent(server: Served) -> dict[str, str]:
    return {name: server.seen[-1].headers[name.lower()] for name in HEADERS if name.lower() in server.seen[-1].headers}


def caller(connection: Connection, user: User | None) -> Caller:
    return Caller(connection.organization, User.objects.get(pk=user.pk) if user else None)


def test_a12_110_every_caller_is_named_at_request_time_with_account_member_and_organization(
    connection: Connection, server: Served, cast: Cast
) -> None:
    common = {"X-Tenant": str(cast.client_a.pk), "X-Number": "M-1"}  # the number is inherited from above
    assert trials.test(connection=connection, user=caller(connection, cast.carol).user).ok
    assert sent(server) == {"X-User": "carol Carol someone@example.com", "X-Region": "eu", **common}
    assert trials.test(connection=connection, user=caller(connection, cast.alice).user).ok
    assert sent(server) == {"X-User": "alice Alice someone@example.com", "X-Region": "us", **common}
    tree.change(organization=cast.client_a, fields={"customer_number": "A-7"})  # the nearest one counts
    trials.test(connection=connection, user=caller(connection, cast.alice).user)
    assert sent(server)["X-Number"] == "A-7"


def test_run_calls_as_whoever_started_it(connection: Connection, server: Served, cast: Cast) -> None:
    for user, said in ((cast.carol, "carol Carol someone@example.com"), (cast.alice, "alice Alice someone@example.com")):
        action = action_of(connection.integration)
        run = runs.start(action=action, connection=connection, user=user, inputs={}, hand_over=False)
        runs.execute(run.pk)
        run.refresh_from_db()
        assert (run.verdict, sent(server)["X-User"]) == ("complete", said)


@pytest.mark.parametrize(
    ("user", "field", "sentence"),
    [
        (None, "user", "The integration sends ${user.username}, and no person stands behind this call."),
        ("bob", "email", "The integration sends ${user.email}, and the caller's account has no email address, or no person stands behind this call."),
        ("alice", "region", "The integration sends ${user.region}, and the caller has no field region in this organization. An admin adds it to the member on the organization's page."),
        ("alice", "number", "The integration sends ${tenant.customer_number}, and the organization has no field customer_number. An admin adds it on the organization's page."),
    ],
)  # fmt: skip
def test_missing_values_stop_the_call_and_say_who_can_add_them(
    connection: Connection, server: Served, cast: Cast, user: str | None, field: str, sentence: str
) -> None:
    if field == "region":
        members.set_fields(membership=Membership.objects.get(user=cast.alice), fields={})
    if field == "number":
        tree.change(organization=cast.msp, fields={})
    who = caller(connection, getattr(cast, user or "", None))
    client = client_for(connection, checking.definition_of(connection.integration), caller=who)
    with client, pytest.raises(CallError) as error:
        _ = client.headers
    assert (error.value.message, server.seen) == (sentence, [])


def test_line_breaks_reach_no_header(connection: Connection, server: Served, cast: Cast) -> None:
    """What an old row or a name brings is refused when the header is made; fields do not take it at all."""
    User.objects.filter(pk=cast.carol.pk).update(display_name="Carol\r\nX-Admin: yes")
    result = trials.test(connection=connection, user=caller(connection, cast.carol).user)
    assert (result.ok, result.message) == (
        False,
        "What would be sent in the header X-User holds a line break or another control character. Correct it.",
    )
    assert server.seen == []
    answer = signed_in(cast.alice).patch(
        f"/api/organizations/{cast.client_a.slug}", {"fields": {"region": "eu\r\nX-Admin: yes"}}, "application/json"
    )
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "fields.region", "message": "Remove line breaks and control characters: the value stands in headers."}],
    )


@pytest.mark.parametrize(
    "parts",
    [
        {"apiBaseUri": "https://${tenant.host}/v1"},
        {"ping": {"uri": "/${user.username}"}},
        {"auth": {"type": "oauth2", "grantType": "client_credentials", "tokenUri": "https://a.example/t", "tokenParams": {"as": "${user.email}"}}},
    ],
)  # fmt: skip
def test_callers_stand_in_no_address_and_no_token_request(parts: dict[str, Any]) -> None:
    definition = Definition.model_validate({"apiBaseUri": "https://a.example", **parts})
    [gap] = [gap.message for gap in missing(definition) if "stands in an address or in a token request" in gap.message]
    assert gap.endswith("an address must not change with the caller.")


def test_finalizing_refuses_an_address_that_changes_with_the_caller(make_integration: MakeIntegration, cast: Cast) -> None:
    draft = make_integration(status="draft", base_uri="https://${tenant.host}/v1")
    with pytest.raises(Incomplete):
        finalize.finalize(integration=draft, user=cast.bob)


# --- fields of members ----------------------------------------------------------------------------------------------


def test_admins_set_fields_of_members_on_a_page(cast: Cast) -> None:
    membership = Membership.objects.get(user=cast.carol)
    url = reverse("member-fields", args=[cast.client_a.slug, membership.pk])
    alice = signed_in(cast.alice)
    assert (
        reverse("member-fields", args=[cast.client_a.slug, membership.pk])
        in alice.get(reverse("organization-detail", args=[cast.client_a.slug])).content.decode()
    )
    assert alice.post(url, {"fields_-name": ["region", "email"], "fields_-value": ["eu", "x"]}).status_code == 422
    assert "${user.email} is the account's own email. Choose another name." in text(
        alice.post(url, {"fields_-name": ["email"], "fields_-value": ["x"]})
    )
    assert alice.post(url, {"fields_-name": ["region"], "fields_-value": ["eu"]}).status_code == 302
    membership.refresh_from_db()
    assert membership.fields == {"region": "eu"}
    assert signed_in(cast.carol).post(url, {"fields_-name": ["region"], "fields_-value": ["us"]}).status_code == 403


def test_api_sets_fields_and_role_of_members(cast: Cast) -> None:
    path = f"/api/organizations/{cast.client_a.slug}/members/carol"
    alice = signed_in(cast.alice)
    changed = alice.put(path, {"fields": {"region": "eu"}}, "application/json").json()
    assert (changed["role"], changed["fields"]) == ("operator", {"region": "eu"})
    assert alice.put(path, {"role": "builder"}, "application/json").json()["fields"] == {"region": "eu"}
    assert alice.put(path, {"fields": ["region"]}, "application/json").json()["errors"] == [
        {"field": "fields", "message": "Enter an object of texts."}
    ]


def test_fields_of_one_tree_say_nothing_in_another(cast: Cast, client_a: Organization) -> None:
    Membership.objects.create(user=cast.eve, organization=client_a, role="operator")
    members.set_fields(membership=Membership.objects.get(user=cast.eve, organization=cast.stranger_org), fields={"region": "elsewhere"})
    assert "region" not in Caller(client_a, cast.eve).values()["user"]
    assert Caller(cast.stranger_org, cast.eve).values()["user"]["region"] == "elsewhere"
