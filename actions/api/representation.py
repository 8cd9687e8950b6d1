"""An action as the API shows it."""

from __future__ import annotations

from typing import Any

from actions.models import Action
from integrations.openapi.answers import results_keys


def represent(action: Action) -> dict[str, Any]:
    operation = action.operation
    keys = results_keys(operation.response_schema, operation.path) if operation.response_schema else []
    return {
        "id": str(action.uid),
        "integration": str(action.revision.integration_id),
        **operation.dump(),
        "suggestedResultsKeys": keys,
    }
