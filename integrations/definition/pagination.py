"""How lists are walked: a part for each type of pagination."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from integrations.definition.parts import HeaderName, Name, Part, Path, choice

# Limits of the defaults (Rewst's custom integrations V2); a single run may ask for more or for all pages.
MAX_DEFAULT_PAGE_SIZE = 1000
MAX_DEFAULT_PAGE_LIMIT = 20
DEFAULT_PAGE_SIZE = 100


class _Paged(Part):
    """What every pagination type but none has."""

    results_key: Path = ""
    page_size_param: Name = ""
    default_page_size: int = Field(default=DEFAULT_PAGE_SIZE, ge=1, le=MAX_DEFAULT_PAGE_SIZE)
    default_page_limit: int = Field(default=MAX_DEFAULT_PAGE_LIMIT, ge=1, le=MAX_DEFAULT_PAGE_LIMIT)


class NoPagination(Part):
    """One request gives everything. The results key is optional: without it the answer itself is the result."""

    label: ClassVar[str] = "No pagination"

    type: Literal["none"] = "none"
    results_key: Path = ""


class IndexPagination(_Paged):
    """`offset=200&limit=100`: the parameter counts records."""

    label: ClassVar[str] = "Index"

    type: Literal["index"] = "index"
    index_param: Name = ""
    start_index: int = Field(default=0, ge=0)


class PagePagination(_Paged):
    """`page=3&page_size=100`: the parameter counts pages."""

    label: ClassVar[str] = "Page"

    type: Literal["page"] = "page"
    page_param: Name = ""
    start_page: int = Field(default=1, ge=0)


class LinkPagination(_Paged):
    """The answer holds the URL of the next page, in its JSON body or in a header (RFC 8288)."""

    label: ClassVar[str] = "Link"

    type: Literal["link"] = "link"
    next_link_location: Annotated[Literal["body", "header"], BeforeValidator(choice)] = "body"
    response_header_name: HeaderName = "link"
    response_header_rel: Name = "next"
    next_page_key: Path = ""

    @field_validator("response_header_name")
    @classmethod
    def _default_name(cls, value: str) -> str:
        return value or "link"

    @field_validator("response_header_rel")
    @classmethod
    def _default_rel(cls, value: str) -> str:
        return value or "next"


class PointerPagination(_Paged):
    """The answer holds a cursor, which the next request sends back."""

    label: ClassVar[str] = "Pointer"

    type: Literal["pointer"] = "pointer"
    after_param: Name = ""
    pointer_path: Path = ""


Pagination = Annotated[NoPagination | IndexPagination | PagePagination | LinkPagination | PointerPagination, Field(discriminator="type")]
PAGINATION_CLASSES: dict[str, type[Part]] = {
    "none": NoPagination,
    "index": IndexPagination,
    "page": PagePagination,
    "link": LinkPagination,
    "pointer": PointerPagination,
}


def pagination_gaps(pagination: Part) -> list[tuple[str, str]]:
    """The fields that a pagination needs and lacks, as (JSON field, sentence)."""
    match pagination:
        case IndexPagination(index_param=""):
            return [("indexParam", "The index parameter is missing: the query parameter that holds the start, for example offset.")]
        case PagePagination(page_param=""):
            return [("pageParam", "The page parameter is missing: the query parameter that holds the page number, for example page.")]
        case LinkPagination(next_link_location="body", next_page_key=""):
            return [("nextPageKey", "The next page key is missing: the path to the next link in the answer, for example links.next.")]
        case PointerPagination():
            gaps = []
            if not pagination.after_param:
                gaps.append(
                    ("afterParam", "The after parameter is missing: the query parameter that takes the cursor, for example cursor.")
                )
            if not pagination.pointer_path:
                gaps.append(
                    ("pointerPath", "The pointer path is missing: the path to the cursor in the answer, for example $.next_cursor.")
                )
            return gaps
    return []
