"""Forms of the pagination types: when to choose one, and its fields. A type is one class here.

The same forms serve the integration's default and an action that has a pagination of its own.
"""

from __future__ import annotations

from typing import ClassVar

from django import forms

from integrations.definition import (
    ExpressionPagination,
    IndexPagination,
    LinkPagination,
    NoPagination,
    PagePagination,
    PointerPagination,
    RangePagination,
)
from integrations.widgets import Card
from integrations.wizard.inputs import lines, text
from integrations.wizard.paged_forms import CountedForm, PaginationForm, SizedForm, WindowedForm
from integrations.wizard.setting_fields import PLACES, YesNoField, option, place, tick


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


class IndexForm(SizedForm, WindowedForm):
    part = IndexPagination
    advanced: ClassVar[tuple[str, ...]] = (
        "index_location",
        "increment",
        "send_on_first_request",
        *SizedForm.advanced,
        *(name for name in WindowedForm.advanced if name not in SizedForm.advanced),
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


class PageForm(SizedForm, WindowedForm):
    part = PagePagination
    advanced: ClassVar[tuple[str, ...]] = (
        "page_location",
        "send_on_first_request",
        *SizedForm.advanced,
        *(name for name in WindowedForm.advanced if name not in SizedForm.advanced),
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


class ExpressionForm(SizedForm):
    part = ExpressionPagination
    advanced: ClassVar[tuple[str, ...]] = ("cursor_expression", "values_location", *SizedForm.advanced, "empty_page_ends")
    card = Card(
        "Expressions say what the next request has.",
        (
            "no other type fits: two values move together, or the next one has to be calculated",
            "the position depends on the last record and on a flag",
            "you know JSONata, or bring the expressions of another product",
        ),
        "code",
    )

    first_expression = forms.CharField(
        required=False,
        label="First expression",
        widget=lines(placeholder='{"page": 1}'),
        help_text="JSONata that gives an object with the values of the first request. Empty: it has none. query holds the inputs of the run and limit, the page size.",
    )
    next_expression = forms.CharField(
        required=False,
        label="Next expression",
        widget=lines(placeholder='$exists(body.next) ? {"page": paginationValues.page + 1} : null'),
        help_text="Gives the values of the next request, and nothing after the last page. It reads body, headers, response, url, query, records (count, received, last) and paginationValues, those of the page that came.",
    )
    cursor_expression = forms.CharField(
        required=False,
        label="Cursor expression",
        widget=lines(placeholder="body.next_cursor"),
        help_text="Instead of a next expression: gives a cursor, and nothing after the last page. The first expression is then evaluated again and finds it as query.cursor.",
    )
    values_location = option(
        "The values go into",
        {**PLACES, "templates": "Only the placeholders of the action, as pagination.name"},
        "Each under its own name. Objects named query, headers, body and path go there in any case, and url is a link that is followed.",
    )
    empty_page_ends = tick("An empty page is the end", "Otherwise a page without records is passed as long as the expression gives values.")


PAGINATION_FORMS: dict[str, type[PaginationForm]] = {
    "none": NoPaginationForm,
    "index": IndexForm,
    "page": PageForm,
    "link": LinkForm,
    "pointer": PointerForm,
    "range": RangeForm,
    "expression": ExpressionForm,
}
