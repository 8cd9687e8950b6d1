"""Many rows with one prepared statement: building model instances and their SQL takes several times as long as the database does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.db import connection, models

# What a driver takes as it is, if it is what the field's type says.
_PLAIN = (models.CharField, models.TextField, models.IntegerField)


@cache
def _fields(model: type[models.Model], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(model._meta.get_field(name) for name in names)  # noqa: SLF001 - Django's own name for what is public


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001


def insert_each(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """INSERT rows, each the values of the fields `names` in their order. No signals, and no keys in return."""
    fields = _fields(model, tuple(names))
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    statement = f"INSERT INTO {_table(model)} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"  # noqa: S608 - names of our own columns
    prepare = [None if isinstance(field, _PLAIN) else field.get_db_prep_save for field in fields]
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [[value if make is None else make(value, connection) for make, value in zip(prepare, row, strict=True)] for row in rows],
        )


def update_each(model: type[models.Model], rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> int:
    """UPDATE rows, each (values, conditions) by the names of fields, the same names in each; how many were changed."""
    names = tuple(name for part in rows[0] for name in part)
    fields = dict(zip(names, _fields(model, names), strict=True))
    quote = connection.ops.quote_name
    values = ", ".join(f"{quote(fields[name].column)} = %s" for name in rows[0][0])
    conditions = " AND ".join(f"{quote(fields[name].column)} = %s" for name in rows[0][1])
    statement = f"UPDATE {_table(model)} SET {values} WHERE {conditions}"  # noqa: S608 - names of our own columns
    with connection.cursor() as cursor:
        cursor.executemany(
            statement, [[fields[name].get_db_prep_save(value, connection) for part in row for name, value in part.items()] for row in rows]
        )
        return cursor.rowcount
