"""Runs of one action against the vendor, for tests that look at what becomes of them; and how the vendor's lists are paged."""

from __future__ import annotations

from typing import Any

from actions import runs
from actions.models import Run
from integrations.models import User
from tests.cast import MakeConnection, MakeIntegration, action_of, action_values
from tests.vendor.server import VendorServer

PAGES = {"type": "page", "resultsKey": "items", "pageParam": "page", "pageSizeParam": "page_size"}
INDEX = {"type": "index", "resultsKey": "results", "indexParam": "offset", "pageSizeParam": "limit"}
CURSOR = {"type": "pointer", "resultsKey": "data", "afterParam": "cursor", "pointerPath": "$.next_cursor", "pageSizeParam": "limit"}
LINKS = {"type": "link", "resultsKey": "data", "nextLinkLocation": "body", "nextPageKey": "links.next", "pageSizeParam": "per_page"}
HEADER = {"type": "link", "resultsKey": "$", "nextLinkLocation": "header", "pageSizeParam": "per_page"}
NONE = {"type": "none"}


class Runner:
    """Runs one action of a fresh integration to its end, in this process."""

    def __init__(self, vendor: VendorServer, make_integration: MakeIntegration, make_connection: MakeConnection, user: User) -> None:
        self.vendor, self.user = vendor, user
        self.make_integration, self.make_connection = make_integration, make_connection

    def start(
        self, path: str, pagination: dict[str, Any], *, inputs: dict[str, Any] | None = None, max_pages: int | None = None, **options: Any
    ) -> Run:
        action = action_values(path=path, paginated=pagination["type"] != "none", **options.pop("action", {}))
        integration = self.make_integration(
            base_uri=self.vendor.url, pagination=pagination, actions=[action], **options.pop("integration", {})
        )
        connection = self.make_connection(integration, credentials=options.pop("credentials", None), limits=options.pop("limits", None))
        return runs.start(
            action=action_of(integration), connection=connection, user=self.user, inputs=inputs or {}, max_pages=max_pages, **options
        )

    def run(self, path: str, pagination: dict[str, Any], **options: Any) -> Run:
        run = self.start(path, pagination, **options)
        runs.execute(run.pk)
        run.refresh_from_db()
        return run
