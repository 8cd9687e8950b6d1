"""What clients send, checked: device bodies, ticket forms, search parameters, attachments. Raises Refusal 422."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from demo.vendor.data import COUNTS, DEVICE_STATUSES, KINDS, PRIORITIES, Collection, Record
from demo.vendor.web import Refusal, Request, Upload, whole

# The fields of a device that clients may set, with the check of each and what it says.
_DEVICE_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (lambda value: isinstance(value, str) and 1 <= len(value) <= 100, "is text of 1 to 100 characters"),
    "kind": (lambda value: value in KINDS, f"is one of {', '.join(KINDS)}"),
    "status": (lambda value: value in DEVICE_STATUSES, f"is one of {', '.join(DEVICE_STATUSES)}"),
    "site_id": (lambda value: type(value) is int and 1 <= value <= COUNTS["sites"], "is the id of a site"),
    "tags": (lambda value: isinstance(value, list) and all(isinstance(tag, str) for tag in value), "is a list of tag names"),
}
_DEVICE_REQUIRED = ("name", "kind", "site_id")
_DEVICE_DEFAULTS: Record = {
    "serial": "",
    "status": "offline",
    "ip_address": None,
    "firmware": "",
    "tags": [],
    "last_seen": None,
}


def _invalid(errors: dict[str, str]) -> Refusal:
    return Refusal(422, "validation_failed", "Some fields are wrong.", fields=errors)


def device_changes(body: Record) -> Record:
    """The body of a PATCH: any of the fields, no other."""
    errors = {name: f"{name} cannot be set." for name in body if name not in _DEVICE_FIELDS}
    errors |= {name: f"{name} {text}." for name, (right, text) in _DEVICE_FIELDS.items() if name in body and not right(body[name])}
    if errors:
        raise _invalid(errors)
    return body


def device(body: Record) -> Record:
    """The body of a POST: the required fields and any other."""
    missing = {name: f"{name} is missing." for name in _DEVICE_REQUIRED if name not in body}
    if missing:
        raise _invalid(missing)
    return {**_DEVICE_DEFAULTS, **device_changes(body)}


def ticket(pairs: Sequence[tuple[str, str]], *, devices: Collection, now: str) -> Record:
    """The form of a new ticket; `labels` may stand in it several times."""
    values = dict(pairs)
    errors: dict[str, str] = {}
    device_id, priority = whole(values.get("device_id", "")), values.get("priority", "normal")
    if not values.get("subject"):
        errors["subject"] = "subject is missing."
    if device_id is None or devices.get(device_id) is None:
        errors["device_id"] = "device_id is the id of a device."
    if priority not in PRIORITIES:
        errors["priority"] = f"priority is one of {', '.join(PRIORITIES)}."
    if errors:
        raise _invalid(errors)
    return {
        "subject": values["subject"],
        "priority": priority,
        "state": "open",
        "device_id": device_id,
        "labels": [value for name, value in pairs if name == "labels"],
        "opened_at": now,
        "closed_at": None,
    }


def device_filter(request: Request) -> Callable[[Record], bool]:
    """The search parameters: `kind=a&kind=b`, `status=a,b`, `tag=a|b` and `site_id[]=1&site_id[]=2`; each left out means any."""
    kinds = set(request.values("kind"))
    statuses = set(filter(None, request.get("status").split(",")))
    tags = set(filter(None, request.get("tag").split("|")))
    sites = {whole(site) for site in request.values("site_id[]")}
    for name, values, options in (("kind", kinds, KINDS), ("status", statuses, DEVICE_STATUSES)):
        if not values <= set(options):
            raise _invalid({name: f"{name} is one of {', '.join(options)}."})
    if None in sites:
        raise _invalid({"site_id[]": "site_id[] is a list of numbers."})

    def wanted(record: Record) -> bool:
        return (
            (not kinds or record["kind"] in kinds)
            and (not statuses or record["status"] in statuses)
            and (not tags or bool(tags & set(record["tags"])))
            and (not sites or record["site_id"] in sites)
        )

    return wanted


def attachment(fields: dict[str, str], files: dict[str, Upload]) -> tuple[Upload, str]:
    """The file and the description of an upload."""
    if "file" not in files:
        raise _invalid({"file": "file is missing."})
    return files["file"], fields.get("description", "")
