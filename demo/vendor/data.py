"""The records of the sample vendor: devices, tickets, sites, alerts, invoices and tags, several thousand in all.

A seed gives the same records on every machine and in every process. Nothing in them is real: addresses come from the
ranges for documentation (RFC 5737), nobody has a name. Some values are awkward on purpose, as in life: text that is
not ASCII, commas and quotes, a subject that starts with a plus sign, nulls, nested lists.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

Record = dict[str, Any]
T = TypeVar("T")

COUNTS = {"devices": 2340, "tickets": 1875, "sites": 412, "alerts": 1530, "invoices": 1018, "tags": 64}

KINDS = ("access_point", "camera", "firewall", "printer", "router", "server", "switch")
DEVICE_STATUSES = ("online", "offline", "maintenance")
PRIORITIES = ("low", "normal", "high", "urgent")
TICKET_STATES = ("open", "waiting", "closed")
SEVERITIES = ("info", "warning", "critical")
INVOICE_STATES = ("draft", "sent", "paid")
REGIONS = ("north", "east", "south", "west")
CURRENCIES = ("EUR", "GBP", "USD")
_PLACES = ("Depot", "Köln Süd", "Łódź", "São Paulo", "Office, 2nd floor", '"Annex"', "東京", "Warehouse", "Lab")
_SUBJECTS = (
    "Port flaps after update",
    "+5 V rail out of range",
    "No link, fibre replaced",
    'Display shows "E-17"',
    "Fan louder than usual",
    "Zurück nach Neustart: wieder offline",
    "Certificate expires soon",
)
_MESSAGES = ("CPU above 95 %", "Disk almost full", "Unreachable for 5 min", "Temperature > 70 °C", "Packet loss", "Clock drift")
_COLORS = ("red", "orange", "green", "blue", "violet", "gray")
_TAGS = ("rack", "edge", "spare", "leased", "legacy", "critical", "guest", "lab")
_START = datetime(2025, 1, 1, tzinfo=UTC)


class Dice:
    """Throws that depend on a seed, a collection and a record's number alone, so that records never depend on their order."""

    def __init__(self, seed: int, kind: str) -> None:
        self._base = f"{seed}/{kind}"

    def number(self, of: str, n: int, below: int) -> int:
        """A number from 0 up to but not including `below`."""
        return zlib.crc32(f"{self._base}/{of}/{n}".encode()) % below

    def choice(self, of: str, n: int, options: Sequence[T]) -> T:
        return options[self.number(of, n, len(options))]

    def moment(self, of: str, n: int) -> str:
        return stamp(_START + timedelta(minutes=self.number(of, n, 525_600)))


def stamp(moment: datetime) -> str:
    """A moment as the vendor writes it, RFC 3339 in UTC with whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tag_name(n: int) -> str:
    return f"{_TAGS[n % len(_TAGS)]}-{n // len(_TAGS) + 1}"


def ticket_number(n: int) -> str:
    return f"T-{n:06d}"


def _device(dice: Dice, n: int) -> Record:
    kind = dice.choice("kind", n, KINDS)
    return {
        "id": n,
        "serial": f"SD{dice.number('serial', n, 10**6):06d}{n:05d}",
        "name": f"{kind.replace('_', '-')}-{n:04d}",
        "kind": kind,
        "status": dice.choice("status", n, DEVICE_STATUSES),
        "site_id": 1 + dice.number("site", n, COUNTS["sites"]),
        "ip_address": f"198.51.100.{1 + dice.number('ip', n, 254)}",
        "firmware": f"{1 + dice.number('major', n, 4)}.{dice.number('minor', n, 20)}",
        "tags": sorted({tag_name(dice.number(f"tag{i}", n, COUNTS["tags"])) for i in range(dice.number("tags", n, 4))}),
        "last_seen": dice.moment("seen", n) if dice.number("never", n, 10) else None,
    }


def _ticket(dice: Dice, n: int) -> Record:
    state = dice.choice("state", n, TICKET_STATES)
    return {
        "id": n,
        "number": ticket_number(n),
        "subject": dice.choice("subject", n, _SUBJECTS),
        "priority": dice.choice("priority", n, PRIORITIES),
        "state": state,
        "device_id": 1 + dice.number("device", n, COUNTS["devices"]),
        "labels": [],
        "opened_at": dice.moment("opened", n),
        "closed_at": stamp(_START + timedelta(days=366, minutes=dice.number("closed", n, 50_000))) if state == "closed" else None,
    }


def _site(dice: Dice, n: int) -> Record:
    return {
        "id": n,
        "code": f"S-{n:04d}",
        "name": f"{dice.choice('place', n, _PLACES)} {n}",
        "region": dice.choice("region", n, REGIONS),
        "floors": 1 + dice.number("floors", n, 12),
        "position": {"latitude": (dice.number("lat", n, 1801) - 900) / 10, "longitude": (dice.number("lon", n, 3601) - 1800) / 10},
    }


def _alert(dice: Dice, n: int) -> Record:
    return {
        "id": f"alt_{n:05d}",
        "device_id": 1 + dice.number("device", n, COUNTS["devices"]),
        "severity": dice.choice("severity", n, SEVERITIES),
        "message": dice.choice("message", n, _MESSAGES),
        "acknowledged": dice.number("acknowledged", n, 2) == 1,
        "raised_at": dice.moment("raised", n),
    }


def _invoice(dice: Dice, n: int) -> Record:
    lines: list[Record] = []
    for i in range(1 + dice.number("lines", n, 3)):
        price = dice.number(f"price{i}", n, 50_000) / 100
        lines.append({"description": f"Service {chr(65 + i)}", "quantity": 1 + dice.number(f"quantity{i}", n, 9), "unit_price": price})
    return {
        "id": f"inv_{n:06d}",
        "site_id": 1 + dice.number("site", n, COUNTS["sites"]),
        "month": f"2025-{1 + dice.number('month', n, 12):02d}",
        "currency": dice.choice("currency", n, CURRENCIES),
        "state": dice.choice("state", n, INVOICE_STATES),
        "lines": lines,
        "total": round(sum(line["quantity"] * line["unit_price"] for line in lines), 2),
    }


def _tag(dice: Dice, n: int) -> Record:
    return {"id": n, "name": tag_name(n - 1), "color": dice.choice("color", n, _COLORS)}


_MAKERS = {"devices": _device, "tickets": _ticket, "sites": _site, "alerts": _alert, "invoices": _invoice, "tags": _tag}


class Collection:
    """Records by id, in the order in which they were added; safe for several threads. Changes live as long as the process.

    A record is replaced, never changed in place, so that several collections may share theirs.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = {record["id"]: record for record in records}
        self._last = len(self._records)
        self._lock = threading.Lock()

    def all(self) -> list[Record]:
        with self._lock:
            return list(self._records.values())

    def get(self, key: int | str) -> Record | None:
        with self._lock:
            return self._records.get(key)

    def add(self, make: Callable[[int], Record]) -> Record:
        """Add the record that `make` gives for the next id, which no earlier record had."""
        with self._lock:
            self._last += 1
            self._records[self._last] = added = {"id": self._last, **make(self._last)}
            return added

    def change(self, key: int | str, values: Record) -> Record | None:
        """The record with some values replaced, or None where there is none."""
        with self._lock:
            if key not in self._records:
                return None
            self._records[key] = changed = {**self._records[key], **values}
            return changed

    def remove(self, key: int | str) -> bool:
        with self._lock:
            return self._records.pop(key, None) is not None


@lru_cache(maxsize=32)
def records(seed: int, name: str) -> tuple[Record, ...]:
    """The records of a collection as they are before anybody has changed anything."""
    dice = Dice(seed, name)
    return tuple(_MAKERS[name](dice, n) for n in range(1, COUNTS[name] + 1))


def generate(seed: int) -> dict[str, Collection]:
    """All collections by name, each with a life of its own."""
    return {name: Collection(records(seed, name)) for name in COUNTS}
