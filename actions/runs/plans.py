"""What a run is to do: its operation, how the pages are walked, and the limits that were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.conf import settings

from actions import page_requests, reading, requests, templating
from actions.models import Action
from actions.pagination import Strategy, Token, strategy_of
from actions.runs.unique import split
from connections.bodies import in_format
from connections.client import Client
from connections.exchange import Answer, Outgoing
from integrations import expressions, mapping_texts, paths
from integrations.definition import Definition, MediaTypes, NoPagination
from integrations.operation import Operation
from integrations.refusals import Invalid

PageLimit = int | Literal["default"] | None  # a number of pages, the integration's default page limit, or all pages
DEFAULT_LIMIT: Final = "default"


@dataclass(frozen=True)
class Plan:
    """How a run's action is walked: its operation, the pagination that applies, where the records are."""

    operation: Operation
    definition: Definition
    strategy: Strategy[Any]
    results_key: str
    mapped: Mapping[str, str] | None = None  # who the organization is at the vendor; None: nobody has asked yet

    @property
    def is_paged(self) -> bool:
        return not isinstance(self.strategy.pagination, NoPagination)

    def request(
        self,
        inputs: dict[str, Any],
        token: Token,
        *,
        base: str,
        headers: Mapping[str, str],
        values: Mapping[str, Any] | None = None,
        types: MediaTypes | None = None,
    ) -> Outgoing:
        """The request for the page of a token. Raises `requests.InputError`, and `MissingValue` for a mapping that is not there.

        `values` are what templates read of the connection; None leaves the templates aside. `types` are the formats of the connection.
        """
        if self.mapped is not None:
            inputs = mapping_texts.filled(inputs, self.mapped)
        page, trusted = self.strategy.request(token), self.definition.credential_origins
        operation, kind = self.operation, (types or self.definition.media_types).request
        if operation.body and kind:
            operation = operation.model_copy(update={"body": in_format(operation.body, kind)})
        built = page_requests.build(operation, inputs, page, base=base, headers=headers, trusted=trusted)
        if values is None:
            return built
        paged = self.strategy.pagination
        return templating.dressed(built, operation, values=values, inputs=inputs, page=page, pagination=paged)

    def request_by(self, client: Client, inputs: dict[str, Any], token: Token) -> Outgoing:
        """The same with all that a client brings. Raises `CallError` besides."""
        values = client.values if self.operation.templates else {}
        types = client.definition.media_types
        return self.request(inputs, token, base=client.base, headers=dict(client.headers), values=values, types=types)

    def first(self, inputs: Mapping[str, Any], page_size: int) -> Token:
        """The token of the first page. Raises `PaginationError`."""
        operation = self.operation
        about = {
            "query": {name: value for name, value in inputs.items() if name != requests.BODY},
            "url": f"{self.definition.api_base_uri}{operation.path}",
            "requestOptions": {"method": operation.method, "body": inputs.get(requests.BODY)},
        }
        return self.strategy.first(page_size, about)

    def read(self, answer: Answer, number: int, *, types: MediaTypes | None = None, sent: Outgoing | None = None) -> reading.PageRead:
        """The records of an answer to `sent`. `types` are the formats of the connection. Raises `PaginationError` and `ResultsKeyError`."""
        types = types or self.definition.media_types
        return reading.page_of(answer, results_key=self.results_key, is_paged=self.is_paged, number=number, types=types, sent=sent)


def plan_of(action: Action, mapped: Mapping[str, str] | None = None) -> Plan:
    """The action's own pagination wins over the integration's; an action that is not paginated is one request.

    With `mapped` its placeholders are filled in; raises `MissingValue` where it has no value for one, `ValueError` where it does not fit.
    """
    operation, definition = action.operation, action.revision.definition
    if mapped is not None:
        operation = _filled(operation, mapped)
    paged = (operation.pagination or definition.pagination) if operation.paginated else NoPagination()
    key = operation.results_key if operation.results_key is not None else paged.results_key
    return Plan(operation, definition, strategy_of(paged), key, mapped)


def needs_mapping(plan: Plan, inputs: dict[str, Any]) -> bool:
    """Whether a request of this plan, or what goes along with every request, reads who the organization is at the vendor and that is not known."""
    definition = plan.definition
    along = [definition.api_base_uri, definition.headers, definition.query, definition.auth.dump()]
    try:
        mapping_texts.filled(inputs, plan.mapped or {})
    except expressions.MissingValue:
        return True
    return mapping_texts.lacks(along, plan.mapped or {})


def _filled(operation: Operation, mapped: Mapping[str, str]) -> Operation:
    parameters = [
        one.model_copy(update={"default": mapping_texts.filled(one.default, mapped)}) if mapping_texts.reads(one.default) else one
        for one in operation.parameters
    ]
    return operation.model_copy(update={"path": mapping_texts.filled_path(operation.path, mapped), "parameters": parameters})


def page_limit(plan: Plan, given: PageLimit) -> int | None:
    """The number of pages that `given` means for this plan, None for all. Raises `Invalid`."""
    if given == DEFAULT_LIMIT:
        return getattr(plan.strategy.pagination, "default_page_limit", None)
    return checked(given, "maxPages", settings.RUN_MAX_PAGES)


def checked(value: int | None, field: str, largest: int) -> int | None:
    """A whole number from 1 on, or None. Raises `Invalid`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise Invalid({field: [f"Enter a whole number from 1 to {largest}, or null."]})
    return value


def unique_by(plan: Plan, given: str | None) -> str:
    """By what the records of a run are told apart: what was asked for, None for what the pagination says. Raises `Invalid`."""
    if given is None:
        return str(getattr(plan.strategy.pagination, "unique_by", ""))
    if not isinstance(given, str) or len(given) > 500:
        raise Invalid({"uniqueBy": ["Enter a path in a record, such as id, or several, split by commas."]})
    found = split(given)
    try:
        for path in found:
            paths.check(path)
    except ValueError as error:
        raise Invalid({"uniqueBy": [str(error)]}) from None
    return ", ".join(found)
