"""The feature preview Custom Integrations: who sets it, what it stops, and what goes on."""

from __future__ import annotations

from django.urls import reverse

from integrations.models import Organization, User
from integrations.organizations import tree
from tests.cast import Cast, MakeConnection, MakeIntegration, action_of
from tests.pages import signed_in, text


def choose(user: User, organization: Organization, choice: str) -> str:
    client = signed_in(user, organization)
    client.post(reverse("feature-preview-set"), {"choice": choice})
    return text(client.get(reverse("feature-preview")))


def test_admin_enables_and_disables_with_a_green_confirmation(alice: User, msp: Organization) -> None:
    page = choose(alice, msp, "disable")
    assert "Custom Integrations is disabled for Managed Services and what is below it." in page
    client = signed_in(alice, msp)
    client.post(reverse("feature-preview-set"), {"choice": "enable"})
    shown = client.get(reverse("feature-preview"))
    assert [(message.level_tag, message.message) for message in shown.context["messages"]] == [
        ("success", "Custom Integrations is enabled for Managed Services and what is below it.")
    ]
    assert 'class="alert alert-success"' in shown.content.decode()


def test_nobody_but_an_admin_can_set_it(bob: User, msp: Organization) -> None:
    client = signed_in(bob, msp)
    assert client.post(reverse("feature-preview-set"), {"choice": "disable"}).status_code == 403
    page = client.get(reverse("feature-preview"))
    assert "Only an admin of Managed Services can change this." in text(page)
    assert reverse("feature-preview-set") not in page.content.decode()


def test_nearest_choice_on_the_way_up_decides(cast: Cast) -> None:
    floor = Organization.objects.create(name="Floor", parent=cast.client_a)
    assert floor.may_have_builder  # nobody chose
    tree.change(organization=cast.msp, custom_integrations=False)
    assert [one.may_have_builder for one in (cast.msp, cast.client_a, floor, cast.stranger_org)] == [False, False, False, True]
    tree.change(organization=cast.client_a, custom_integrations=True)
    assert [one.may_have_builder for one in (cast.msp, cast.client_a, floor)] == [False, True, True]


def test_disabled_builder_says_why_and_what_is_published_goes_on_working(
    cast: Cast, make_integration: MakeIntegration, make_connection: MakeConnection
) -> None:
    integration = make_integration()
    connection = make_connection(integration)
    tree.change(organization=cast.msp, custom_integrations=False)
    builder = signed_in(cast.bob, cast.msp)
    answer = builder.post("/api/integrations", {"name": "New"}, "application/json")
    assert (answer.status_code, answer.json()["type"], answer.json()["detail"]) == (
        403,
        "urn:junction:problem:feature-disabled",
        "The feature preview Custom Integrations is disabled for Managed Services. "
        "An admin can enable it under Settings > Feature Preview. What is published goes on working.",
    )
    assert "New Integration" not in text(builder.get(reverse("integration-list")))
    operator = signed_in(cast.carol, cast.client_a)
    assert operator.get(reverse("connection-new", args=[integration.slug])).status_code == 200
    started = operator.post("/api/runs", {"action": str(action_of(integration).uid), "connection": str(connection.pk)}, "application/json")
    assert started.status_code in (201, 202)


def test_disabled_builder_is_named_where_integrations_would_be(cast: Cast) -> None:
    tree.change(organization=cast.msp, custom_integrations=False)
    page = signed_in(cast.bob, cast.msp).get(reverse("integration-list"))
    assert "the feature preview Custom Integrations is disabled here; an admin can enable it." in text(page)
    assert f'href="{reverse("feature-preview")}"' in page.content.decode().partition("<main")[2]
    assert (
        "Custom Integrations"
        not in text(signed_in(cast.dave, cast.client_a).get(reverse("integration-list"))).partition("No integrations yet")[2]
    )
