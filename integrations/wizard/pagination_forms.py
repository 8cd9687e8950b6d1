"""Forms of the pagination types: when to choose one, and its fields. A type is one class here.

The same forms serve the integration's default and an action that has a pagination of its own.
"""

from __future__ import annotations

from django import forms

from integrations import services
from integrations.definition import (
    MAX_DEFAULT_PAGE_LIMIT,
    MAX_DEFAULT_PAGE_SIZE,
    IndexPagination,
    LinkPagination,
    NoPagination,
    PagePagination,
    PointerPagination,
)
from integrations.widgets import Card
from integrations.wizard.base_forms import PartForm
from integrations.wizard.inputs import text


class PaginationForm(PartForm):
    field = "pagination"

    def save(self) -> None:
        services.change_definition(integration=self.saved, pagination=self.value(self.saved.working.definition.pagination))


class PagedForm(PaginationForm):
    """What every type but none has."""

    results_key = forms.CharField(
        required=False,
        label="Results key",
        widget=text(placeholder="results"),
        help_text="The path to the list of records in the answer, for example results or data.items. Leave it empty if the answer itself is the list.",
    )
    page_size_param = forms.CharField(
        required=False,
        label="Page size parameter",
        widget=text(placeholder="limit"),
        help_text="The query parameter that says how many records a page has. Leave it empty if there is none.",
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


class IndexForm(PagedForm):
    part = IndexPagination
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


class PageForm(PagedForm):
    part = PagePagination
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


class LinkForm(PagedForm):
    part = LinkPagination
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


class PointerForm(PagedForm):
    part = PointerPagination
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


PAGINATION_FORMS: dict[str, type[PaginationForm]] = {
    "none": NoPaginationForm,
    "index": IndexForm,
    "page": PageForm,
    "link": LinkForm,
    "pointer": PointerForm,
}
