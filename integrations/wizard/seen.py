"""Two people at one form: whoever saves second is told, and decides what becomes of the first one's values.

A form carries a digest of the values that it was opened with, in a hidden input. Where the values are others by the time it
comes back, it is shown again with a sentence and the new digest: saving once more replaces them knowingly.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.http import HttpRequest

from integrations import json_text
from integrations.audit import latest
from integrations.models import Integration
from integrations.refusals import Outdated

FIELD = "seen"


def digest(values: Mapping[str, Any]) -> str:
    """Of what a form shows; in one order, because a JSON column may come back in another one."""
    return sha256(json_text.dump(_ordered(values))).hexdigest()[:32]


def check(request: HttpRequest, integration: Integration, values: Mapping[str, Any]) -> None:
    """Compare what the form was opened with and what is there now; the caller holds the integration. Raises `Outdated`."""
    given = request.POST.get(FIELD)
    if not given or given == digest(values):
        return
    entry = latest(integration)
    if entry is not None and entry.actor_id == request.user.pk:
        raise Outdated(
            "You have saved other values in another tab since you opened this page. What you entered here is not saved yet: "
            "save again to replace them."
        )
    who = entry.actor_name if entry is not None and entry.actor_name else "Somebody else"
    raise Outdated(
        f"{who} has changed this since you opened the page. What you entered is not saved yet: "
        "open the step in another tab to see the change, or save again to replace it with yours."
    )


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _ordered(value[name]) for name in sorted(value, key=str)}
    return [_ordered(item) for item in value] if isinstance(value, list | tuple) else value
