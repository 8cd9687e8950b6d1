"""The provider in a browser: 25 clients mapped with one CSV file, values suggested and searched, nothing lost over pages."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from connections.mapping import options, tables
from integrations.models import Integration, Organization
from tests.browser.browser import SignIn
from tests.cast import Cast, MakeIntegration, action_values


@pytest.fixture
def integration(make_integration: MakeIntegration, cast: Cast) -> Integration:
    for number in range(25):
        Organization.objects.create(name=f"Practice {number:02}", slug=f"practice-{number:02}", parent=cast.msp)
    return make_integration(actions=[action_values(path="/customers/{{mapping.id}}")])


def test_twenty_five_clients_are_mapped_with_one_csv_file(
    page: Page, sign_in: SignIn, integration: Integration, cast: Cast, tmp_path: Path
) -> None:
    sign_in(cast.alice)
    page.goto(reverse("integration-detail", args=[integration.slug]))
    page.get_by_role("navigation", name="Integration").get_by_role("link", name="Mapping").click()
    expect(page.locator("#mapping")).to_contain_text("0 of 27 mapped")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["organization"].startswith("practice-"):
            row["value"], row["label"] = f"C-{row['organization'][-2:]}", row["name"].upper()
    filled = tmp_path / "filled.csv"
    with filled.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    page.get_by_role("link", name="Import CSV").click()
    page.get_by_role("dialog").get_by_label("CSV file").set_input_files(filled)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Imported: 25 mapped, 2 as before.")).to_be_visible()
    expect(page.locator("#mapping")).to_contain_text("25 of 27 mapped")
    page.get_by_label("Which organizations").select_option("unmapped")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#mapping tbody tr")).to_have_count(2)
    mapped = tables.children(tables.mapping_of(cast.msp, integration)).exclude(value=None)
    assert dict(mapped.values_list("slug", "value")) == {f"practice-{number:02}": f"C-{number:02}" for number in range(25)}


def test_suggested_and_searched_values_are_kept_over_pages_until_they_are_saved(
    page: Page, sign_in: SignIn, integration: Integration, cast: Cast
) -> None:
    mapping = tables.set_up(mapping=tables.mapping_of(cast.msp, integration), source="list", listed=[("1", "Client B GmbH")])
    options.replace(mapping, [("1", "Client B GmbH"), *((str(number), f"Customer {number}") for number in range(2, 1000))])
    sign_in(cast.alice)
    page.goto(reverse("integration-mapping", args=[integration.slug]))
    page.get_by_role("button", name="Suggest values").click()
    expect(page.locator("#mapping")).to_contain_text("1 suggested, 26 without one that fits.")
    expect(page.get_by_role("row", name="Client B")).to_contain_text("Suggested, 95 %")
    field = page.get_by_label("Customer that Client A is")
    field.press_sequentially("customer 998")
    expect(page.locator(f"#options-{cast.client_a.pk} option")).to_have_text(["Customer 998"])
    field.fill("998")
    expect(page.locator(f"#label-{cast.client_a.pk}")).to_have_text("Customer 998")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#mapping")).to_contain_text("2 not saved, on all pages")
    page.get_by_role("button", name="Save mappings").click()
    expect(page.locator("#mapping")).to_contain_text("Saved: 2 mapped.")
    assert dict(tables.children(mapping).exclude(value=None).values_list("slug", "value")) == {"client-a": "998", "client-b": "1"}
