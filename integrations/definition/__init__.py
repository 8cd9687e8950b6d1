"""The typed definition of an integration: base URI, authentication, headers, pagination, ping.

In Python the fields are snake_case, in JSON (the API, and the column of a revision) camelCase as the field's products
write them. A model accepts a half-filled definition, because a draft is saved step by step; what a finished one needs
is said by `missing`. Values that are present are checked here and nowhere else: forms and serializers show the
messages of these validators.
"""

from integrations.definition.auth import (
    AUTH_CLASSES,
    FORM_TYPE,
    JSON_TYPE,
    QUERY_TYPE,
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    DigestAuth,
    JwtAuth,
    LoginAuth,
    NoAuth,
    OAuth2Auth,
    Placement,
)
from integrations.definition.errors import BlameName, ErrorRule, ErrorRules, OutcomeName
from integrations.definition.fields import ConnectionField
from integrations.definition.media import MEDIA_KINDS, MediaTypes
from integrations.definition.pagination import (
    DEFAULT_PAGE_SIZE,
    LARGEST_PAGE_SIZE,
    MAX_DEFAULT_PAGE_LIMIT,
    MAX_DEFAULT_PAGE_SIZE,
    PAGINATION_CLASSES,
    ExpressionPagination,
    IndexPagination,
    LinkPagination,
    NoPagination,
    PagePagination,
    Pagination,
    PointerPagination,
    RangePagination,
    pagination_gaps,
)
from integrations.definition.parts import (
    HeaderName,
    HeaderTemplates,
    Name,
    Part,
    Path,
    Template,
    Url,
    absolute_url,
    header_name,
    header_value,
    json_path,
)
from integrations.definition.rate_limit import BodyWait, RateLimit
from integrations.definition.statuses import names as names_status
from integrations.definition.tokens import Assertion, LoginStep, Signal, TokenPart
from integrations.definition.whole import AUTH, PAGINATION, AccountRequest, Definition, Gap, Ping, missing, problems

__all__ = [
    "AUTH",
    "AUTH_CLASSES",
    "DEFAULT_PAGE_SIZE",
    "FORM_TYPE",
    "JSON_TYPE",
    "LARGEST_PAGE_SIZE",
    "MAX_DEFAULT_PAGE_LIMIT",
    "MAX_DEFAULT_PAGE_SIZE",
    "MEDIA_KINDS",
    "PAGINATION",
    "PAGINATION_CLASSES",
    "QUERY_TYPE",
    "AccountRequest",
    "ApiKeyAuth",
    "Assertion",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "BlameName",
    "BodyWait",
    "ConnectionField",
    "Definition",
    "DigestAuth",
    "ErrorRule",
    "ErrorRules",
    "ExpressionPagination",
    "Gap",
    "HeaderName",
    "HeaderTemplates",
    "IndexPagination",
    "JwtAuth",
    "LinkPagination",
    "LoginAuth",
    "LoginStep",
    "MediaTypes",
    "Name",
    "NoAuth",
    "NoPagination",
    "OAuth2Auth",
    "OutcomeName",
    "PagePagination",
    "Pagination",
    "Part",
    "Path",
    "Ping",
    "Placement",
    "PointerPagination",
    "RangePagination",
    "RateLimit",
    "Signal",
    "Template",
    "TokenPart",
    "Url",
    "absolute_url",
    "header_name",
    "header_value",
    "json_path",
    "missing",
    "names_status",
    "pagination_gaps",
    "problems",
]
