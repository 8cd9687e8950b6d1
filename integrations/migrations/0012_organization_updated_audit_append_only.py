"""When an organization was changed last; a log that the database itself keeps from being changed; indexes for long lists."""

from typing import Any

from django.db import migrations, models
from django.db.models import F
from django.utils import timezone

SENTENCE = "The audit log is only ever added to."
ON = "ON integrations_auditentry"
ADD: dict[str, list[str]] = {
    "sqlite": [
        f"CREATE TRIGGER audit_{name} BEFORE {name} {ON} BEGIN SELECT RAISE(ABORT, '{SENTENCE}'); END" for name in ("update", "delete")
    ],
    "postgresql": [
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{SENTENCE}'; END $$",
        f"CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE {ON} FOR EACH ROW EXECUTE FUNCTION audit_append_only()",
    ],
}
TAKE_AWAY = {
    "sqlite": ["DROP TRIGGER audit_update", "DROP TRIGGER audit_delete"],
    "postgresql": [f"DROP TRIGGER audit_append_only {ON}", "DROP FUNCTION audit_append_only()"],
}


def guard(apps: Any, schema_editor: Any) -> None:
    for statement in ADD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def unguard(apps: Any, schema_editor: Any) -> None:
    for statement in TAKE_AWAY[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def say_when(apps: Any, schema_editor: Any) -> None:
    """Of those that are there nobody knows more than when they were made."""
    apps.get_model("integrations", "Organization").objects.update(updated_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("integrations", "0011_environments")]

    operations = [
        migrations.AddField(
            "organization", "updated_at", models.DateTimeField(auto_now=True, default=timezone.now), preserve_default=False
        ),
        migrations.AddIndex("organization", models.Index(fields=["name", "id"], name="organizations_by_name")),
        migrations.AddIndex("integration", models.Index(fields=["name", "id"], name="integrations_by_name")),
        migrations.AddIndex("share", models.Index(fields=["integration", "created_at", "id"], name="shares_of_integration")),
        migrations.AddIndex("installrequest", models.Index(fields=["-created_at", "id"], name="requests_newest_first")),
        migrations.AddIndex("installrequest", models.Index(fields=["-state", "-created_at", "id"], name="requests_open_first")),
        migrations.RunPython(say_when, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(guard, unguard),
    ]
