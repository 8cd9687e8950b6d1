"""Forms of the pagination types: when to choose one, and its fields. A type is one class here.

The same forms serve the integration's default and an action that has a pagination of its own.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from integrations import services
from integrations.definition import (
    LARGEST_PAGE_SIZE,
    MAX_DEFAULT_PAGE_LIMIT,
    MAX_DEFAULT_PAGE_SIZE,
    IndexPagination,
    LinkPagination,
    NoPagination,
    PagePagination,
    PointerPagination,
    RangePagination,
)
from integrations.models import Integration
from integrations.widgets import Card
from integrations.wizard.auth_forms import text
from integrations.wizard.base_forms import PartForm
from integrations.wizard.setting_fields import LinesField, NumbersField, YesNoField, option, place, tick


class PaginationForm(PartForm):
    field = "pagination"

    @property
    def advanced_open(self) -> bool:
        """Also where a folded setting is not what it usually is."""
        usual = self.part()
        own = [name for name in self.advanced if name not in self.beside]
        unusual = any(self.initial.get(name, getattr(usual, name)) != getattr(usual, name) for name in own)
        return super().advanced_open or unusual or any(self.initial.get(name) for name in self.beside)

    def save(self) -> None:
        services.change_definition(integration=self.saved, pagination=self.value(self.saved.working.definition.pagination))


class WalkedForm(PaginationForm):
    """What every type but none has. The origins that get credentials belong to the integration: an action's form leaves them out."""

    beside = ("credential_origins",)
    json_names: ClassVar[dict[str, str]] = {"credential_origins": "credentialOrigins"}
    field_order = ("results_key", "page_size_param", "default_page_size", "default_page_limit")
    advanced: ClassVar[tuple[str, ...]] = (
        "max_page_size",
        "total_path",
        "total_header",
        "total_counts",
        "has_more_path",
        "last_page_path",
        "end_statuses",
        "repeat_ends",
        "credential_origins",
    )

    results_key = forms.CharField(
        required=False,
        label="Results key",
        widget=text(placeholder="results"),
        help_text="The path to the list of records in the answer, for example results or data.items. Leave it empty if the answer itself is the list.",
    )
    default_page_size = forms.IntegerField(
        required=False,
        label="Default page size",
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_DEFAULT_PAGE_SIZE}),
        help_text=f"Records of one page, at most {MAX_DEFAULT_PAGE_SIZE:,}.",
    )
    default_page_limit = forms.IntegerField(
        required=False,
        label="Default page limit",
        widget=forms.NumberInput(attrs={"min": 1, "max": MAX_DEFAULT_PAGE_LIMIT}),
        help_text=f"Pages that a run fetches unless it asks for more, at most {MAX_DEFAULT_PAGE_LIMIT}.",
    )
    max_page_size = forms.IntegerField(
        required=False,
        label="Largest page size",
        widget=forms.NumberInput(attrs={"min": 1, "max": LARGEST_PAGE_SIZE}),
        help_text="What the vendor allows. A run that asks for more gets this many. Leave it empty if there is no limit.",
    )
    total_path = forms.CharField(
        required=False,
        label="Total path",
        widget=text(placeholder="meta.total"),
        help_text="Where the answer says how long the whole list is. Usual names are found without it.",
    )
    total_header = forms.CharField(
        required=False,
        label="Total header",
        widget=text(placeholder="X-Total-Count"),
        help_text="The response header that says so. It goes before the path.",
    )
    total_counts = option(
        "The total counts",
        {"records": "Records", "pages": "Pages", "nothing": "Nothing that can be believed"},
        "Believe no total if it is known to be wrong: a run then ends by what the pages hold.",
    )
    has_more_path = forms.CharField(
        required=False,
        label="Has-more path",
        widget=text(placeholder="has_more"),
        help_text="A value that says yes while another page follows: true, 1, yes. A run ends as soon as it says no.",
    )
    last_page_path = forms.CharField(
        required=False,
        label="Last-page path",
        widget=text(placeholder="end_of_stream"),
        help_text="The opposite: a value that says yes on the last page.",
    )
    end_statuses = NumbersField(
        label="Statuses that end the list",
        help_text="HTTP statuses by which the vendor says that there are no more records, for example 404, 416. 204 always does.",
    )
    repeat_ends = tick(
        "A repeated page is the end", "The vendor answers past the end with the last page again. Otherwise a run ends as a loop there."
    )
    credential_origins = LinesField(
        label="Origins that get credentials too",
        help_text="Where next links lead to another host that needs the same credentials: one origin a line, such as https://files.example.com. No other host gets them.",
    )

    def __init__(self, *args: Any, integration: Integration | None = None, **kwargs: Any) -> None:
        super().__init__(*args, integration=integration, **kwargs)
        if integration is None:
            del self.fields["credential_origins"]

    def shown(self, integration: Integration) -> dict[str, Any]:
        return {**super().shown(integration), "credential_origins": integration.working.definition.credential_origins}

    def save(self) -> None:
        value = self.value(self.saved.working.definition.pagination)
        services.change_definition(integration=self.saved, pagination=value, credential_origins=self.cleaned_data["credential_origins"])


class SizedForm(WalkedForm):
    """A type whose page size is a parameter."""

    advanced: ClassVar[tuple[str, ...]] = ("page_size_location", "numbers_as_text", "page_size_first_only", *WalkedForm.advanced)

    page_size_param = forms.CharField(
        required=False,
        label="Page size parameter",
        widget=text(placeholder="limit"),
        help_text="The query parameter that says how many records a page has. Leave it empty if there is none.",
    )
    page_size_location = place("Page size goes into")
    page_size_first_only = tick("Page size with the first request only", "The vendor refuses it beside a position.")
    numbers_as_text = tick("Numbers in a body are text", 'The body has "page": "2" instead of "page": 2.')


class CountedForm(WalkedForm):
    """A type where the client counts."""

    advanced: ClassVar[tuple[str, ...]] = (*WalkedForm.advanced, "short_page_ends", "empty_page_ends")

    short_page_ends = tick(
        "A short page is the end",
        "Saves the last request. Leave it off if the vendor filters pages after it has cut them: records would be lost.",
    )
    empty_page_ends = YesNoField(
        label="An empty page is the end", help_text="Say no only with a has-more path or a total, or the run would never end."
    )


class NoPaginationForm(PaginationForm):
    part = NoPagination
    card = Card(
        "One request gives everything.",
        (
            "the answer is always one small and complete list",
            "nothing in it speaks of further pages",
            "the documentation mentions no pages, limits, cursors or links",
        ),
        "file",
    )

    results_key = forms.CharField(
        required=False,
        label="Results key",
        widget=text(placeholder="results"),
        help_text="The path to the list of records in the answer. Leave it empty if the answer itself is the result.",
    )


class IndexForm(SizedForm, CountedForm):
    part = IndexPagination
    advanced: ClassVar[tuple[str, ...]] = (
        "index_location",
        "increment",
        "send_on_first_request",
        *SizedForm.advanced,
        "short_page_ends",
        "empty_page_ends",
    )
    card = Card(
        "A parameter counts records.",
        (
            "requests look like offset=100&limit=50 or start=100",
            "the documentation speaks of offset, start, skip or from",
            "a number that grows by the page size leads through the results; common in older APIs and close to SQL",
        ),
        "hash",
    )

    index_param = forms.CharField(
        required=False,
        label="Index parameter",
        widget=text(placeholder="offset"),
        help_text="The query parameter that says where a page starts.",
    )
    start_index = forms.IntegerField(
        required=False,
        label="Start index",
        widget=forms.NumberInput(attrs={"min": 0}),
        help_text="The index of the first record, usually 0.",
    )
    index_location = place("Index goes into")
    increment = option(
        "The index grows by",
        {"received": "The records received", "size": "The page size", "one": "One: it counts pages"},
        "Records received is right even where the vendor gives fewer than asked for.",
    )
    send_on_first_request = YesNoField(label="The first request has the index", help_text="Say no if the vendor refuses it there.")


class PageForm(SizedForm, CountedForm):
    part = PagePagination
    advanced: ClassVar[tuple[str, ...]] = (
        "page_location",
        "send_on_first_request",
        *SizedForm.advanced,
        "short_page_ends",
        "empty_page_ends",
    )
    card = Card(
        "A parameter counts pages.",
        (
            "requests look like page=2&page_size=50",
            "the documentation speaks of page, page number or pages",
            "the next page has the next number; common in traditional REST APIs",
        ),
        "book-open",
    )

    page_param = forms.CharField(
        required=False,
        label="Page parameter",
        widget=text(placeholder="page"),
        help_text="The query parameter that says which page.",
    )
    start_page = forms.IntegerField(
        required=False,
        label="Start page",
        widget=forms.NumberInput(attrs={"min": 0}),
        help_text="The number of the first page, usually 1.",
    )
    page_location = place("Page goes into")
    send_on_first_request = YesNoField(label="The first request has the page", help_text="Say no if the vendor refuses it there.")


class LinkForm(SizedForm):
    part = LinkPagination
    advanced: ClassVar[tuple[str, ...]] = ("restore_params", *SizedForm.advanced, "empty_page_ends")
    card = Card(
        "The answer holds the URL of the next page.",
        (
            "the body has next, next_url or links.next, or the headers have Link",
            "the documentation says to follow the next link",
            "the API decides where the next page is, you calculate nothing; common in modern services",
        ),
        "link",
    )

    next_link_location = forms.ChoiceField(
        label="Next link location",
        choices=[("body", "In the JSON body"), ("header", "In a response header")],
        widget=forms.RadioSelect,
    )
    next_page_key = forms.CharField(
        required=False,
        label="Next page key",
        widget=text(placeholder="links.next"),
        help_text="The path to the next link in the body. Not used where the link is in a header.",
    )
    response_header_name = forms.CharField(
        required=False,
        label="Response header name",
        widget=text(placeholder="link"),
        help_text='The header that holds the link; "link" if you leave it empty. Used where the link is in a header.',
    )
    response_header_rel = forms.CharField(
        required=False,
        label="Response header rel",
        widget=text(placeholder="next"),
        help_text='Its rel value, as in <https://api.example.com/users?page=2>; rel="next". "next" if you leave it empty.',
    )
    restore_params = tick(
        "Send lost parameters again",
        "The next link leaves out parameters of the first request, such as a filter, that the vendor still needs.",
    )
    empty_page_ends = tick("An empty page is the end", "Otherwise a page without records is passed as long as it names a next one.")


class PointerForm(SizedForm):
    part = PointerPagination
    advanced: ClassVar[tuple[str, ...]] = (
        "after_location", "pointer_location", "pointer_header", "pointer_form", "first_cursor", *SizedForm.advanced, "empty_page_ends",
    )  # fmt: skip
    card = Card(
        "The answer holds a cursor to send back.",
        (
            "the documentation speaks of cursor, after, starting_after or next_token",
            "the answer has a value that the next request passes back",
            "the order has to hold while data changes; common for large amounts of data",
        ),
        "mouse-pointer-click",
    )

    after_param = forms.CharField(
        required=False,
        label="After parameter",
        widget=text(placeholder="cursor"),
        help_text="The query parameter that takes the cursor.",
    )
    pointer_path = forms.CharField(
        required=False,
        label="Pointer path",
        widget=text(placeholder="$.next_cursor"),
        help_text="The path to the cursor in the answer, plain or as a JSONPath.",
    )
    after_location = place("Cursor goes into")
    pointer_location = option(
        "The cursor is in",
        {"body": "The answer, at the pointer path", "record": "The last record, at the pointer path", "header": "A response header"},
        "With the last record the pointer path is a field of it, such as id.",
    )
    pointer_header = forms.CharField(
        required=False,
        label="Pointer header",
        widget=text(placeholder="X-Next-Cursor"),
        help_text="The response header, if the cursor is in one.",
    )
    pointer_form = option(
        "What is found there is",
        {"value": "The cursor", "url": "A URL that has it as a parameter", "encoded": "The cursor, percent-encoded"},
        "Of a URL the parameter with the name of the after parameter is taken.",
    )
    first_cursor = forms.CharField(
        required=False,
        label="First cursor",
        widget=text(placeholder="*"),
        help_text="What the first request sends. Leave it empty if it sends none.",
    )
    empty_page_ends = tick("An empty page is the end", "Otherwise a page without records is passed as long as it has a cursor.")


class RangeForm(CountedForm):
    part = RangePagination
    card = Card(
        "A header asks for a range of records.",
        (
            "requests have a header such as Range: items=0-99",
            "answers have Content-Range, and often the status 206",
            "the documentation speaks of ranges; rare, mostly with generated APIs",
        ),
        "ruler",
    )
    advanced: ClassVar[tuple[str, ...]] = ("range_header", "content_range_header", *CountedForm.advanced)

    range_unit = forms.CharField(
        required=False,
        label="Range unit",
        widget=text(placeholder="items"),
        help_text="What stands before the =, as in Range: items=0-99. Leave it empty for Range: 0-99.",
    )
    start_index = forms.IntegerField(
        required=False,
        label="Start index",
        widget=forms.NumberInput(attrs={"min": 0}),
        help_text="The index of the first record, usually 0.",
    )
    range_header = forms.CharField(
        required=False, label="Request header", widget=text(placeholder="Range"), help_text='"Range" if you leave it empty.'
    )
    content_range_header = forms.CharField(
        required=False,
        label="Response header",
        widget=text(placeholder="Content-Range"),
        help_text='"Content-Range" if you leave it empty.',
    )


PAGINATION_FORMS: dict[str, type[PaginationForm]] = {
    "none": NoPaginationForm,
    "index": IndexForm,
    "page": PageForm,
    "link": LinkForm,
    "pointer": PointerForm,
    "range": RangeForm,
}
