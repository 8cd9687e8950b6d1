from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0007_runs_newest_first"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="blame",
            field=models.CharField(
                blank=True,
                choices=[("you", "You"), ("us", "Us"), ("vendor", "The vendor")],
                help_text="Who can mend a failure.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="cause",
            field=models.CharField(
                blank=True, help_text="The failure as connections.answers.advice knows it; empty for one of its own.", max_length=60
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="failed_status",
            field=models.PositiveSmallIntegerField(
                blank=True, help_text="The vendor's status, where its answer ended the run.", null=True
            ),
        ),
    ]
