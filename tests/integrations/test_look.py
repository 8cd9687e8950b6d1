"""The template tags, the one template of fields, and the pages that show errors."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.template import Context, Template
from django.template.loader import get_template
from django.urls import reverse

from integrations.forms import RefusableForm
from integrations.templatetags import look
from integrations.widgets import AffixedInput, Card, ChoiceCards, DropZone
from tests.cast import Cast, MakeIntegration
from tests.pages import signed_in, text


class SampleForm(forms.Form):
    name = forms.CharField(help_text="What people see.")
    host = forms.CharField(widget=AffixedInput(prefix="https://"), required=False)
    method = forms.ChoiceField(
        choices=[("apikey", "API key"), ("none", "None")],
        widget=ChoiceCards(cards={"apikey": Card(text="One key.", reasons=("the portal creates keys",), icon="key-round")}),
    )
    paginated = forms.BooleanField(required=False)
    scopes = forms.MultipleChoiceField(choices=[("a", "A")], widget=forms.CheckboxSelectMultiple, required=False)
    place = forms.ChoiceField(choices=[("header", "Header")], widget=forms.RadioSelect, required=False)
    document = forms.FileField(widget=DropZone(hint="YAML or JSON"), required=False)
    revision = forms.CharField(widget=forms.HiddenInput, required=False)


class Elements(HTMLParser):
    """The elements of a page as (tag, attributes), in their order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.found if name == tag and attributes.items() <= found.items()]


def rendered(source: str, **context: Any) -> str:
    return Template("{% load look %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        (0, "0 ms"),
        (84.4, "84 ms"),
        (3200, "3.2 s"),
        (59_990, "1 min 0 s"),
        (timedelta(minutes=4, seconds=5), "4 min 5 s"),
        (7_800_000, "2 h 10 min"),
    ],
)
def test_elapsed_speaks_as_people_do(value: timedelta | float | None, said: str) -> None:
    assert look.elapsed(value) == said


def test_grouped_sets_thousands_apart() -> None:
    assert [look.grouped(value) for value in (0, 12480, None)] == ["0", "12,480", "\N{EN DASH}"]


def test_json_pretty_keeps_order_and_is_escaped_on_a_page() -> None:
    assert (
        rendered("{{ value|json_pretty }}", value={"b": 1, "a": "<i>"})
        == "{\n  &quot;b&quot;: 1,\n  &quot;a&quot;: &quot;&lt;i&gt;&quot;\n}"
    )


def test_icon_is_an_ornament_unless_it_has_a_label() -> None:
    (ornament,) = Elements(rendered('{% icon "plus" %}')).named("svg")
    (said,) = Elements(rendered('{% icon "plus" label=label %}', label='A "b"')).named("svg")
    assert (ornament["aria-hidden"], ornament["width"]) == ("true", "16")
    assert (said["role"], said["aria-label"]) == ("img", 'A "b"')


def test_kind_of_every_field() -> None:
    form = SampleForm()
    assert {field.name: look.kind(field) for field in form} == {
        "name": "input",
        "host": "input",
        "method": "cards",
        "paginated": "checkbox",
        "scopes": "checkboxes",
        "place": "radio",
        "document": "dropzone",
        "revision": "hidden",
    }


def test_field_names_its_help_and_its_error() -> None:
    page = Elements(rendered("{% field form.name %}", form=SampleForm({"name": ""})))
    (control,) = page.named("input")
    assert (control["aria-invalid"], control["aria-describedby"]) == ("true", "id_name_helptext id_name_error")
    assert [found["id"] for _, found in page.found if "id" in found] == ["id_name", "id_name_error", "id_name_helptext"]
    assert page.named("label") == [{"class": "field-label", "for": "id_name"}]


def test_field_by_include_equals_field_by_tag() -> None:
    form = SampleForm()
    assert rendered('{% include "partials/field.html" with field=form.host %}', form=form) == rendered("{% field form.host %}", form=form)


def test_field_shows_prefix_of_widget_and_of_page_escaped() -> None:
    assert '<span class="affix">https://</span>' in rendered("{% field form.host %}", form=SampleForm())
    assert '<span class="affix">&lt;b&gt;</span>' in rendered("{% field form.host prefix=prefix %}", form=SampleForm(), prefix="<b>")


def test_choice_cards_are_radio_buttons_with_their_reasons() -> None:
    html = rendered("{% field form.method %}", form=SampleForm({"method": "apikey"}))
    chosen, other = Elements(html).named("input", type="radio", name="method")
    assert (chosen["value"], "checked" in chosen, chosen["aria-describedby"]) == ("apikey", True, "id_method_0_card")
    assert (other["value"], "checked" in other) == ("none", False)
    assert "<li>the portal creates keys</li>" in html


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "405", "500"])
def test_error_page_needs_no_request_and_holds_nothing_inline(name: str) -> None:
    page = Elements(get_template(f"{name}.html").render())
    assert [found for tag, found in page.found if tag == "script" and "src" not in found] == []
    assert [found for tag, found in page.found if tag == "style" or "style" in found] == []
    assert len(page.named("h1")) == 1


def test_address_that_only_takes_a_form_says_so_and_changes_nothing(cast: Cast, make_integration: MakeIntegration) -> None:
    browser, address = signed_in(cast.alice), reverse("mapping-import", args=[make_integration().slug])
    answer = browser.get(address, headers={"Accept": "text/html"})
    assert (answer.status_code, answer["Allow"], "This is no page" in text(answer)) == (405, "POST", True)
    assert browser.get(address, headers={"Accept": "application/json"}).content == b""


@pytest.mark.parametrize(
    ("pointer", "said"),
    [("/paths/~1users~1{id}/get", "paths &gt; /users/{id} &gt; get"), ("/a~0b", "a~b"), ("", "the document")],
)
def test_place_in_a_document_is_written_as_people_read_it(pointer: str, said: str) -> None:
    assert rendered("{{ pointer|place }}", pointer=pointer) == said


@pytest.mark.parametrize(
    ("markdown", "said"),
    [
        ("**New here?** See the [guide](https://x.example/a).", "New here? See the guide."),
        ("# Title\n\nUse `GET`.<br>__Now__", "Title\n\nUse GET.Now"),
        ("Of 5 * 3 items a_b_c stay.", "Of 5 * 3 items a_b_c stay."),
    ],
)
def test_description_is_shown_without_the_marks_of_markdown(markdown: str, said: str) -> None:
    assert rendered("{{ markdown|plain }}", markdown=markdown) == said


class RequiredForm(RefusableForm):
    name = forms.CharField(label="Name of the team")
    access = forms.ChoiceField(choices=[("1", "View")])
    scopes = forms.MultipleChoiceField(choices=[("a", "A")])
    path = forms.CharField(error_messages={"required": "Enter the path, for example /users."})


def test_field_that_was_left_out_says_which_one_it_is() -> None:
    assert RequiredForm({}).errors == {
        "name": ["Name of the team is missing."],
        "access": ["Choose one."],
        "scopes": ["Choose at least one."],
        "path": ["Enter the path, for example /users."],
    }
