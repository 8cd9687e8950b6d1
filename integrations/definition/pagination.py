"""How lists are walked: a part for each type of pagination.

The first fields of a part are what nearly every API needs. The others express what some vendors do differently; their
defaults are what most do. docs/pagination.md explains each.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from integrations.definition.parts import Formula, HeaderName, Name, Part, Path, Paths, choice, header_name

# Limits of the defaults (Rewst's custom integrations V2); a single run may ask for more or for all pages.
MAX_DEFAULT_PAGE_SIZE = 1000
MAX_DEFAULT_PAGE_LIMIT = 20
DEFAULT_PAGE_SIZE = 100
LARGEST_PAGE_SIZE = 100_000  # records; what a vendor does with a larger number is anybody's guess

Place = Annotated[Literal["query", "body", "header", "path"], BeforeValidator(choice)]
"""Where a position goes: a query parameter, a path into the JSON body or a form field, a header, a placeholder of the path."""


Status = Annotated[int, Field(ge=200, le=499)]


class _Walked(Part):
    """What every pagination type but none has: where the records are, how many pages, how the end is told.

    `total_counts` says what a total counts; "nothing" means that it is not to be believed. `has_more_path` leads to a flag
    that is true while another page follows, `last_page_path` to one that is true on the last page. `repeat_ends` says that
    a page which repeats the one before it is the server's way to tell the end. Of records that have the same values at the
    paths of `unique_by` a run keeps the first.
    """

    results_key: Path = ""
    default_page_size: int = Field(default=DEFAULT_PAGE_SIZE, ge=1, le=MAX_DEFAULT_PAGE_SIZE)
    default_page_limit: int = Field(default=MAX_DEFAULT_PAGE_LIMIT, ge=1, le=MAX_DEFAULT_PAGE_LIMIT)
    max_page_size: int | None = Field(default=None, ge=1, le=LARGEST_PAGE_SIZE)
    total_path: Path = ""
    total_header: HeaderName = ""
    total_counts: Annotated[Literal["records", "pages", "nothing"], BeforeValidator(choice)] = "records"
    has_more_path: Path = ""
    last_page_path: Path = ""
    end_statuses: list[Status] = Field(default_factory=list, max_length=20)
    repeat_ends: bool = False
    unique_by: Paths = ""


class _Sized(_Walked):
    """A page size that is asked for by a parameter."""

    page_size_param: Name = ""
    page_size_location: Place = "query"
    page_size_first_only: bool = False
    numbers_as_text: bool = False


class _Counted(_Walked):
    """The client counts. After a short page one more is asked for, unless `short_page_ends`: some servers filter pages after cutting them."""

    short_page_ends: bool = False
    empty_page_ends: bool = True


class _Windowed(_Counted):
    """A server that gives at most `window_size` records for one query, however many there are.

    Before the walk would go beyond, it begins anew with the value that the last record has at `window_path` as a filter. Where
    the filter includes that value, `unique_by` drops what comes again. The list has to be sorted by that value.
    """

    window_size: int | None = Field(default=None, ge=1, le=10_000_000)
    window_param: Name = ""
    window_location: Place = "query"
    window_path: Path = ""


class NoPagination(Part):
    """One request gives everything. The results key is optional: without it the answer itself is the result."""

    label: ClassVar[str] = "No pagination"

    type: Literal["none"] = "none"
    results_key: Path = ""


class IndexPagination(_Sized, _Windowed):
    """`offset=200&limit=100`: the parameter counts records. `increment` is by what it grows from page to page."""

    label: ClassVar[str] = "Index"

    type: Literal["index"] = "index"
    index_param: Name = ""
    start_index: int = Field(default=0, ge=0)
    index_location: Place = "query"
    increment: Annotated[Literal["received", "size", "one"], BeforeValidator(choice)] = "received"
    send_on_first_request: bool = True


class PagePagination(_Sized, _Windowed):
    """`page=3&page_size=100`: the parameter counts pages."""

    label: ClassVar[str] = "Page"

    type: Literal["page"] = "page"
    page_param: Name = ""
    start_page: int = Field(default=1, ge=0)
    page_location: Place = "query"
    send_on_first_request: bool = True


class LinkPagination(_Sized):
    """The answer holds the URL of the next page, in its JSON body or in a header (RFC 8288).

    `restore_params` sends parameters of the request again that the link has lost. A link to another origin is asked for
    without credentials, unless the definition names that origin.
    """

    label: ClassVar[str] = "Link"

    type: Literal["link"] = "link"
    next_link_location: Annotated[Literal["body", "header"], BeforeValidator(choice)] = "body"
    response_header_name: HeaderName = "link"
    response_header_rel: Name = "next"
    next_page_key: Path = ""
    restore_params: bool = False
    empty_page_ends: bool = False

    @field_validator("response_header_name")
    @classmethod
    def _default_name(cls, value: str) -> str:
        return value or "link"

    @field_validator("response_header_rel")
    @classmethod
    def _default_rel(cls, value: str) -> str:
        return value or "next"


class PointerPagination(_Sized):
    """The answer holds a cursor, which the next request sends back.

    `pointer_path` leads into the body, or into the last record where `pointer_location` is "record". `pointer_form` says
    what is found there: the cursor, a URL that has it as a parameter, or the cursor percent-encoded.
    """

    label: ClassVar[str] = "Pointer"

    type: Literal["pointer"] = "pointer"
    after_param: Name = ""
    pointer_path: Path = ""
    after_location: Place = "query"
    pointer_location: Annotated[Literal["body", "record", "header"], BeforeValidator(choice)] = "body"
    pointer_header: HeaderName = ""
    pointer_form: Annotated[Literal["value", "url", "encoded"], BeforeValidator(choice)] = "value"
    first_cursor: Annotated[str, Field(max_length=500)] = ""
    empty_page_ends: bool = False


class RangePagination(_Counted):
    """`Range: items=200-299`, answered with `Content-Range: items 200-299/1234` (RFC 9110, with a unit of the vendor's)."""

    label: ClassVar[str] = "Range"

    type: Literal["range"] = "range"
    range_unit: Annotated[str, Field(max_length=50)] = "items"
    range_header: HeaderName = "Range"
    content_range_header: HeaderName = "Content-Range"
    start_index: int = Field(default=0, ge=0)

    @field_validator("range_unit")
    @classmethod
    def _token(cls, value: str) -> str:
        try:
            return header_name(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a unit. It has letters, digits and - only, for example items.") from None

    @field_validator("range_header")
    @classmethod
    def _default_header(cls, value: str) -> str:
        return value or "Range"

    @field_validator("content_range_header")
    @classmethod
    def _default_content_header(cls, value: str) -> str:
        return value or "Content-Range"


class ExpressionPagination(_Sized):
    """JSONata expressions say what each page is asked for with: for lists that no other type can walk.

    `first_expression` gives the values of the first page, an object or nothing; `next_expression` those of the next one,
    nothing after the last. Without it, `cursor_expression` gives a cursor, nothing after the last page, and `first_expression`
    is evaluated again with it as `query.cursor`. Each value goes to `values_location` under its own name; objects named
    query, headers, body and path go there by the names in them, and `url` is a link that is followed.
    """

    label: ClassVar[str] = "Expression"

    type: Literal["expression"] = "expression"
    first_expression: Formula = ""
    next_expression: Formula = ""
    cursor_expression: Formula = ""
    values_location: Annotated[Literal["query", "body", "header", "path", "templates"], BeforeValidator(choice)] = "query"
    empty_page_ends: bool = False


Pagination = Annotated[
    NoPagination | IndexPagination | PagePagination | LinkPagination | PointerPagination | RangePagination | ExpressionPagination,
    Field(discriminator="type"),
]
PAGINATION_CLASSES: dict[str, type[Part]] = {
    "none": NoPagination,
    "index": IndexPagination,
    "page": PagePagination,
    "link": LinkPagination,
    "pointer": PointerPagination,
    "range": RangePagination,
    "expression": ExpressionPagination,
}


def pagination_gaps(pagination: Part) -> list[tuple[str, str]]:
    """The fields that a pagination needs and lacks, as (JSON field, sentence)."""
    gaps: list[tuple[str, str]] = []
    match pagination:
        case IndexPagination():
            if not pagination.index_param:
                gaps.append(("indexParam", "The index parameter is missing: what holds the start of a page, for example offset."))
            gaps += _header_gap("indexParam", pagination.index_location, pagination.index_param)
        case PagePagination():
            if not pagination.page_param:
                gaps.append(("pageParam", "The page parameter is missing: what holds the number of the page, for example page."))
            gaps += _header_gap("pageParam", pagination.page_location, pagination.page_param)
        case LinkPagination(next_link_location="body", next_page_key=""):
            gaps.append(("nextPageKey", "The next page key is missing: the path to the next link in the answer, for example links.next."))
        case PointerPagination():
            if not pagination.after_param:
                gaps.append(("afterParam", "The after parameter is missing: what takes the cursor, for example cursor."))
            gaps += _header_gap("afterParam", pagination.after_location, pagination.after_param)
            gaps += _pointer_gap(pagination)
            if pagination.after_location == "path" and not pagination.first_cursor:
                gaps.append(("firstCursor", "The first cursor is missing: the path of the first request needs a value, for example start."))
        case ExpressionPagination(next_expression="", cursor_expression=""):
            gaps.append(
                (
                    "nextExpression",
                    'The next expression is missing: it gives the values of the next page, for example {"page": paginationValues.page + 1}.',
                )
            )
    gaps += _window_gaps(pagination)
    if isinstance(pagination, _Sized):
        gaps += _header_gap("pageSizeParam", pagination.page_size_location, pagination.page_size_param)
    return gaps


def _window_gaps(pagination: Part) -> list[tuple[str, str]]:
    if not isinstance(pagination, _Windowed) or not pagination.window_size:
        return []
    gaps = []
    if not pagination.window_param:
        gaps.append(
            ("windowParam", "The window parameter is missing: the filter that takes the last record's value, for example created_after.")
        )
    if not pagination.window_path:
        gaps.append(("windowPath", "The window path is missing: the field of a record that the filter takes, for example created_at."))
    return gaps + _header_gap("windowParam", pagination.window_location, pagination.window_param)


def _pointer_gap(pagination: PointerPagination) -> list[tuple[str, str]]:
    if pagination.pointer_location == "header":
        return (
            [] if pagination.pointer_header else [("pointerHeader", "The pointer header is missing: the response header with the cursor.")]
        )
    if pagination.pointer_path:
        return []
    if pagination.pointer_location == "record":
        return [("pointerPath", "The pointer path is missing: the field of the last record that is the cursor, for example id.")]
    return [("pointerPath", "The pointer path is missing: the path to the cursor in the answer, for example $.next_cursor.")]


def _header_gap(field: str, place: str, name: str) -> list[tuple[str, str]]:
    """A parameter that goes into a header needs a name that a header can have."""
    try:
        header_name(name if place == "header" else "")
    except ValueError as error:
        return [(field, str(error))]
    return []
