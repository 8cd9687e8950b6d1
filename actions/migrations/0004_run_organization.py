import django.db.models.deletion
from django.db import migrations, models


def fill(apps, schema_editor):
    """Until now every run was for the organization of its connection."""
    Run = apps.get_model("actions", "Run")
    Connection = apps.get_model("connections", "Connection")
    owner = Connection.objects.filter(pk=models.OuterRef("connection")).values("organization")[:1]
    Run.objects.update(organization=models.Subquery(owner))
    if schema_editor.connection.vendor == "postgresql":
        # PostgreSQL alters no table whose foreign keys are still to be checked.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        schema_editor.execute("SET CONSTRAINTS ALL DEFERRED")


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0003_json_keeps_its_order"),
        ("connections", "0005_choosing_and_mapping"),
        ("integrations", "0006_member_fields"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="organization",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="integrations.organization"
            ),
        ),
        migrations.AddField(model_name="run", name="mapped", field=models.JSONField(blank=True, default=dict)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="run",
            name="organization",
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="integrations.organization"),
        ),
    ]
