"""Pagination as stateless strategies: a JSON token in, the next JSON token or the end out.

The token is the checkpoint of a run: everything that a strategy needs to go on stands in it, so that another worker
can go on from it. A strategy never ends early without saying so: `End.sure` is False where the server's own figures
speak against the end, and the run is then "ambiguous" instead of "complete".

To add a pagination type: a part in `integrations.definition`, a class here, and its entry in STRATEGIES.
"""

from actions.pagination.counting import IndexStrategy, PageStrategy, RangeStrategy
from actions.pagination.expressed import ExpressionStrategy
from actions.pagination.following import LinkStrategy, PointerStrategy
from actions.pagination.links import parse_links, resolve_link
from actions.pagination.strategy import End, Next, NoStrategy, PageRequest, PageSeen, PaginationError, Strategy, Token
from connections.exchange import same_origin
from integrations.definition import Part

__all__ = [
    "STRATEGIES",
    "End",
    "LinkStrategy",
    "Next",
    "PageRequest",
    "PageSeen",
    "PaginationError",
    "Strategy",
    "Token",
    "parse_links",
    "resolve_link",
    "same_origin",
    "strategy_of",
]

STRATEGIES: dict[str, type[Strategy]] = {
    strategy.pagination_type: strategy
    for strategy in (NoStrategy, IndexStrategy, PageStrategy, LinkStrategy, PointerStrategy, RangeStrategy, ExpressionStrategy)
}


def strategy_of(pagination: Part) -> Strategy:
    """The strategy for the pagination of a definition or an operation."""
    return STRATEGIES[str(getattr(pagination, "type"))](pagination)  # noqa: B009  every pagination has a type, their base has not
