"""One operation of an API: method, path, parameters, body, answer. What an import yields and an action holds."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from integrations.definition import JSON_TYPE, ErrorRules, Pagination, Part, Path, RateLimit, Template
from integrations.definition.tokens import JsonTemplate, documents

PLACES = ("path", "query", "header", "cookie", "input")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
TYPES = ("string", "integer", "number", "boolean", "array", "object")
# What reads the mapping ({{mapping.id}}) is no parameter of the path.
_PLACEHOLDER = re.compile(r"\{(?![^{}/]*\bmapping\.)([^{}/]+)\}")


class Parameter(Part):
    """A parameter outside the body. What is `in` "input" is sent only where a template of the operation reads it.

    `style`, `explode` and `allow_reserved` are OpenAPI's; empty and None mean OpenAPI's defaults for its place.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    place: Annotated[Literal["path", "query", "header", "cookie", "input"], Field(alias="in")] = "query"
    type: Literal["string", "integer", "number", "boolean", "array", "object"] = "string"
    items: Literal["", "string", "integer", "number", "boolean", "array", "object"] = ""
    required: Annotated[bool, Field(validate_default=True)] = False
    default: Any = None
    enum: list[Any] = Field(default_factory=list)
    format: Annotated[str, Field(max_length=100)] = ""
    description: str = ""
    style: Literal["", "simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject"] = ""
    explode: bool | None = None
    content_type: Annotated[str, Field(max_length=200)] = ""
    allow_reserved: bool = False

    @field_validator("required")
    @classmethod
    def _path_is_required(cls, value: bool, info: ValidationInfo) -> bool:
        return value or info.data.get("place") == "path"


class FieldEncoding(Part):
    """How one field of a form or of a multipart body is written, where that differs from what is usual. The names are OpenAPI's."""

    content_type: Annotated[str, Field(max_length=200)] = ""
    style: Literal["", "form", "spaceDelimited", "pipeDelimited", "deepObject"] = ""
    explode: bool | None = None


class Body(Part):
    """The request body: its media type, whether it is needed, its JSON Schema (references resolved, circles cut), and how fields of
    a form are written, by their names.
    """

    content_type: Annotated[str, Field(max_length=200)] = JSON_TYPE
    required: bool = False
    description: str = ""
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")
    encoding: dict[str, FieldEncoding] = Field(default_factory=dict)


class Templates(Part):
    """What a request holds besides its parameters, as JSON whose texts may hold placeholders; what has no value is left out.

    They read the inputs of the call by their names and as `context.<name>`, `query.<name>` and `body`, what the connection
    brings as `context.<name>`, the position of a page as `pagination.<parameter>`, `pagination.page`, `.per_page`, `.offset`, `.cursor`.
    `authorization` are headers in place of the integration's credentials; an empty object sends none.
    """

    headers: JsonTemplate = Field(default_factory=dict)
    query: JsonTemplate = Field(default_factory=dict)
    body: Annotated[Any, AfterValidator(documents)] = None
    query_array_format: Literal["comma", "repeat", "brackets", "indices"] = "repeat"
    authorization: JsonTemplate | None = None


class PaginationSuggestion(Part):
    """How an operation pages by the look of its description: a guess to confirm. `score` is from 1 to 100, `evidence` what speaks for it."""

    pagination: Pagination
    score: Annotated[int, Field(ge=1, le=100)]
    evidence: Annotated[str, Field(max_length=2000)]


class Operation(Part):
    """An operation as a template for requests. `key` is unique within its integration and locked by finalizing.

    Its `errors` go before the integration's, and its `error_expression` and its `rate_limit`, if it has one, take the place of
    those.
    """

    key: Annotated[str, Field(max_length=200)] = ""
    name: Annotated[str, Field(min_length=1, max_length=200)]
    description: str = ""
    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"],
        BeforeValidator(lambda v: v.strip().upper() if isinstance(v, str) else v),
    ] = "GET"
    path: Annotated[str, Field(min_length=1, max_length=2000)]
    parameters: list[Parameter] = Field(default_factory=list)
    body: Body | None = None
    response_schema: dict[str, Any] | None = None
    tags: list[str] = Field(default_factory=list)
    deprecated: bool = False
    paginated: bool = False
    pagination: Pagination | None = None
    results_key: Path | None = None
    suggestion: PaginationSuggestion | None = None
    errors: ErrorRules = Field(default_factory=list)
    error_expression: Template = ""
    rate_limit: RateLimit | None = None
    templates: Templates | None = None

    @field_validator("path")
    @classmethod
    def _relative(cls, value: str) -> str:
        if "://" in value.partition("?")[0] or value.startswith("//"):
            raise ValueError("The path is relative to the base URI, for example /users/{id}. Leave out scheme and host.")
        if re.search(r"[\s\x00-\x1f]", value):
            raise ValueError("A path holds no spaces and no line breaks; write %20 for a space.")
        return value if value.startswith("/") else f"/{value}"

    @model_validator(mode="after")
    def _parameters_fit(self) -> Operation:
        if len({one.name.lower() for one in self.parameters}) == len(self.parameters):
            return self
        places = [(one.place, one.name.lower() if one.place == "header" else one.name) for one in self.parameters]
        if len(set(places)) < len(places):
            twice = next(one for n, one in enumerate(self.parameters) if places[n] in places[:n])
            raise ValueError(f"The {twice.place} parameter {twice.name} stands in the list twice. Remove one of them.")
        return self


def placeholders(path: str) -> list[str]:
    """The names in braces of a path template, in order, each once: `/a/{x}/b/{y}` gives x and y."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(path)))


def undeclared(operation: Operation) -> list[str]:
    """Placeholders of the path for which no path parameter is declared; each needs one before a request can be built."""
    declared = {parameter.name for parameter in operation.parameters if parameter.place == "path"}
    return [name for name in placeholders(operation.path) if name not in declared]
