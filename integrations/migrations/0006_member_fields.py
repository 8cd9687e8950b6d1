

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', "0005_json_keeps_its_order"),
    ]

    operations = [
        migrations.AddField(
            model_name='membership',
            name='fields',
            field=models.JSONField(blank=True, default=dict, help_text="Custom fields, texts by name: ${user.<name>} in an integration's headers, here and below."),
        ),
    ]
