"""Who may install: sharing allow, ask and deny, requests with their decisions, tiles that are found, deleting with all that is connected."""

from __future__ import annotations

import pytest
from django.urls import reverse

from actions.models import Run
from connections import services as connections
from connections.models import Connection, Credential
from integrations import installing
from integrations import services as integrations
from integrations.models import AuditEntry, Integration
from integrations.refusals import Conflict, Invalid
from tests.cast import Cast, MakeConnection, MakeIntegration
from tests.pages import signed_in, text

PAGE = "integration-detail"


@pytest.fixture
def asking(make_integration: MakeIntegration) -> Integration:
    """Published by the MSP for those who ask."""
    made = make_integration(name="Ledger")
    return integrations.update(integration=made, sharing="ask")


def may_connect(integration: Integration, cast: Cast) -> dict[str, bool]:
    places = (cast.msp, cast.client_a, cast.client_b, cast.stranger_org)
    return {place.slug: not installing.why_not(integration, place) for place in places}


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        ("allow", {"managed-services": True, "client-a": True, "client-b": True, "stranger": False}),
        ("ask", {"managed-services": True, "client-a": False, "client-b": False, "stranger": False}),
        ("deny", {"managed-services": True, "client-a": False, "client-b": False, "stranger": False}),
    ],
)
def test_sharing_policy_decides_who_below_may_connect(asking: Integration, cast: Cast, policy: str, allowed: dict[str, bool]) -> None:
    integrations.update(integration=asking, sharing=policy)
    assert may_connect(asking, cast) == allowed


def test_denied_integration_is_out_of_sight_below_except_for_who_uses_it(
    asking: Integration, make_connection: MakeConnection, cast: Cast
) -> None:
    integrations.update(integration=asking, sharing="allow")
    make_connection(asking)
    integrations.update(integration=asking, sharing="deny")
    assert signed_in(cast.carol).get(reverse(PAGE, args=[asking.slug])).status_code == 200
    Connection.objects.all().delete()
    assert signed_in(cast.carol).get(reverse(PAGE, args=[asking.slug])).status_code == 404


def test_request_is_asked_approved_with_a_note_and_lets_that_organization_in(asking: Integration, cast: Cast) -> None:
    client = signed_in(cast.carol, cast.client_a)
    page = reverse(PAGE, args=[asking.slug])
    assert "Managed Services wants to be asked first." in text(client.get(page))
    client.post(reverse("integration-ask", args=[asking.slug]), {"reason": "Month end"})
    assert "The request to Managed Services waits for an answer." in text(client.get(page))
    owner = signed_in(cast.alice, cast.msp)
    assert "1 install request waits for your decision." in text(owner.get(reverse("integration-list")))
    assert "Month end" in text(owner.get(reverse("install-request-list")))
    [asked] = asking.install_requests.all()
    owner.post(reverse("install-request-decide", args=[asked.pk]), {"choice": "approve", "answer": "Welcome"})
    assert may_connect(asking, cast) == {"managed-services": True, "client-a": True, "client-b": False, "stranger": False}
    made = connections.create(organization=cast.client_a, user=cast.carol, integration=asking, name="Main", credentials={})
    assert Connection.objects.get() == made
    assert list(AuditEntry.objects.filter(kind="share").order_by("pk").values_list("actor_name", "verb", "note")) == [
        ("Carol", "requested", "Month end"),
        ("Alice", "approved", "Welcome"),
    ]


def test_declined_request_says_why_and_can_be_asked_anew(asking: Integration, cast: Cast) -> None:
    asked = installing.ask(integration=asking, organization=cast.client_a, user=cast.carol)
    installing.decide(request=asked, approve=False, user=cast.alice, answer="Use the other one")
    page = text(signed_in(cast.carol).get(reverse(PAGE, args=[asking.slug])))
    assert "Managed Services has declined the request. They said: Use the other one" in page
    again = installing.ask(integration=asking, organization=cast.client_a, user=cast.carol, reason="Please")
    assert (again.pk, again.state, again.answer) == (asked.pk, "open", "")


def test_asking_is_refused_where_it_makes_no_sense(asking: Integration, cast: Cast) -> None:
    def said(organization: str) -> str:
        with pytest.raises(Conflict) as refusal:
            installing.ask(integration=asking, organization=getattr(cast, organization), user=cast.alice)
        return refusal.value.message

    assert said("msp") == "Managed Services need not ask for Ledger."
    assert said("stranger_org") == ("Ledger cannot be asked for. It is published by Managed Services, which is not above Stranger.")
    asked = installing.ask(integration=asking, organization=cast.client_a, user=cast.carol)
    assert said("client_a") == "This has been asked already, and waits for an answer."
    installing.decide(request=asked, approve=True, user=cast.alice)
    assert said("client_a") == "This is approved already."
    with pytest.raises(Invalid) as refusal:
        installing.ask(integration=asking, organization=cast.client_b, user=cast.alice, reason="x" * 501)
    assert refusal.value.errors == {"reason": ["At most 500 characters; this note has 501."]}


def test_withdrawn_approval_keeps_what_is_connected(asking: Integration, cast: Cast) -> None:
    asked = installing.ask(integration=asking, organization=cast.client_a, user=cast.carol)
    installing.decide(request=asked, approve=True, user=cast.alice)
    connection = connections.create(organization=cast.client_a, user=cast.carol, integration=asking, name="Main", credentials={})
    installing.decide(request=asked, approve=False, user=cast.alice)
    assert signed_in(cast.carol).get(reverse("connection-detail", args=[connection.pk])).status_code == 200
    assert may_connect(asking, cast)["client-a"] is False


def test_api_asks_and_decides(asking: Integration, cast: Cast) -> None:
    carol, alice = signed_in(cast.carol), signed_in(cast.alice)
    made = carol.post(f"/api/integrations/{asking.slug}/install-requests", {"reason": "Month end"}, "application/json")
    assert (made.status_code, made.json()["organization"]["slug"], made.json()["state"]) == (201, "client-a", "open")
    path = f"/api/install-requests/{made.json()['id']}/decision"
    assert carol.post(path, {"approve": True}, "application/json").status_code == 403
    assert signed_in(cast.eve).post(path, {"approve": True}, "application/json").status_code == 404
    assert alice.post(path, {"approve": "yes"}, "application/json").json()["errors"] == [
        {"field": "approve", "message": "Enter true or false."}
    ]
    assert alice.post(path, {"approve": True, "answer": []}, "application/json").json()["errors"] == [
        {"field": "answer", "message": "Enter text."}
    ]
    assert alice.post(path, {"approve": True, "answer": "Welcome"}, "application/json").json()["state"] == "approved"
    listed = {user.username: len(signed_in(user).get("/api/install-requests").json()["_embedded"]["install-request"])
              for user in (cast.alice, cast.carol, cast.dave, cast.eve)}  # fmt: skip
    assert listed == {"alice": 1, "carol": 1, "dave": 0, "eve": 0}


# --- tiles -----------------------------------------------------------------------------------------------------------


def test_tiles_are_found_by_text_category_and_tag(make_integration: MakeIntegration, cast: Cast) -> None:
    tickets, ledger = make_integration(name="Tickets"), make_integration(name="Ledger")
    integrations.update(integration=tickets, category="Help desk", tags=["support", "Büro"], is_beta=True)
    integrations.update(integration=ledger, category="Finance", tags=["support tools"])
    client = signed_in(cast.carol)

    def found(**query: str) -> list[str]:
        return [row.name for row in client.get(reverse("integration-list"), query).context["installable"]]

    assert found() == ["Ledger", "Tickets"]
    assert found(category="Finance") == ["Ledger"]
    assert found(tag="support") == ["Tickets"]  # the whole tag
    assert found(tag="büro") == ["Tickets"]
    assert found(q="help") == ["Tickets"]
    assert found(q="tools") == ["Ledger"]
    assert found(q="nothing of the kind") == []
    page = client.get(reverse("integration-list"))
    assert page.context["categories"] == ["Finance", "Help desk"]
    assert page.content.decode().count(">Beta</span>") == 1


def test_details_are_set_in_the_wizard_and_over_the_api(make_integration: MakeIntegration, cast: Cast) -> None:
    integration = make_integration()
    client = signed_in(cast.bob)
    values = {
        "name": "Tickets",
        "description": "",
        "category": "Help desk",
        "tags": "Support, support,  first line ",
        "is_beta": "on",
        "sharing": "ask",
    }
    assert client.post(reverse("wizard-step", args=[integration.slug, "details"]), values).status_code == 302
    shown = client.get(f"/api/integrations/{integration.slug}").json()
    assert {name: shown[name] for name in ("category", "tags", "isBeta", "sharingPolicy")} == {
        "category": "Help desk",
        "tags": ["support", "first line"],
        "isBeta": True,
        "sharingPolicy": "ask",
    }
    for bad, field in (({"tags": "support"}, "tags"), ({"sharingPolicy": "maybe"}, "sharingPolicy"), ({"isBeta": 1}, "isBeta")):
        answer = client.put(f"/api/integrations/{integration.slug}", bad, "application/json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


# --- delete ----------------------------------------------------------------------------------------------------------


def test_delete_is_refused_while_connected_and_says_by_whom(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration()
    make_connection(integration)
    client = signed_in(cast.bob)
    url = reverse("integration-delete", args=[integration.slug])
    page = text(client.get(url))
    assert "1 connection uses it Client A." in page
    answer = text(client.post(url, follow=True))
    assert "1 connection uses this integration. Delete it first, or set the status to hidden." in answer
    assert client.post(url, {"cascade": "something else"}).status_code == 422
    assert Integration.objects.filter(pk=integration.pk).exists()


def test_delete_takes_everything_along_when_the_name_is_typed(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration()
    make_connection(integration)
    answer = signed_in(cast.bob).post(reverse("integration-delete", args=[integration.slug]), {"cascade": "Sample"})
    assert answer["Location"] == reverse("integration-list")
    assert [model.objects.count() for model in (Integration, Connection, Credential, Run)] == [0, 0, 0, 0]
    assert list(AuditEntry.objects.filter(verb="deleted").order_by("pk").values_list("kind", "object_name", "organization_name")) == [
        ("connection", "Main", "Client A"),
        ("integration", "Sample", "Managed Services"),
    ]


def test_api_deletes_what_is_connected_only_when_told_so(
    make_integration: MakeIntegration, make_connection: MakeConnection, cast: Cast
) -> None:
    integration = make_integration()
    make_connection(integration)
    client = signed_in(cast.bob)
    assert client.delete(f"/api/integrations/{integration.slug}").status_code == 409
    assert client.delete(f"/api/integrations/{integration.slug}?cascade=true").status_code == 204
    assert Connection.objects.count() == 0
