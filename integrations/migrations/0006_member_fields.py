import integrations.ordered_json
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', "0005_json_keeps_its_order"),
    ]

    operations = [
        migrations.AddField(
            model_name='membership',
            name='fields',
            field=integrations.ordered_json.OrderedJSONField(blank=True, default=dict, help_text="Custom fields, texts by name: ${user.<name>} in an integration's headers, here and below."),
        ),
    ]
