"""Records move from the table of pages into the storage of results, a piece a page."""

import sys
import zlib

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import migrations, models
from django.db.models import Sum

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def carry_over(apps, schema_editor):
    """Write each page's records as a piece. Goes on page by page; what a run that broke off had written is written over."""
    Page, Run = apps.get_model("actions", "Page"), apps.get_model("actions", "Run")
    keys = list(Page.objects.filter(record_count__gt=0).values_list("pk", flat=True))
    for key in keys:
        page = Page.objects.get(pk=key)
        packed = zstd.compress(zlib.decompress(page.records), level=1)
        name = f"{page.run_id}/{page.number:07}-carriedover.ndjson.zst"
        storages["results"].save(name, ContentFile(packed))
        Page.objects.filter(pk=key).update(piece=name, stored_bytes=len(packed))
    for run in Page.objects.values("run").annotate(size=Sum("stored_bytes")).order_by():
        Run.objects.filter(pk=run["run"]).update(stored_bytes=run["size"])


def bring_back(apps, schema_editor):
    Page = apps.get_model("actions", "Page")
    for key in list(Page.objects.values_list("pk", flat=True)):
        page = Page.objects.get(pk=key)
        data = b""
        if page.piece:
            with storages["results"].open(page.piece) as file:
                data = zstd.decompress(file.read())
        Page.objects.filter(pk=key).update(records=zlib.compress(data, 1))


class Migration(migrations.Migration):

    dependencies = [
        ('actions', '0004_run_organization'),
    ]

    operations = [
        migrations.AddField(
            model_name='page',
            name='piece',
            field=models.CharField(blank=True, max_length=200, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='page',
            name='stored_bytes',
            field=models.PositiveIntegerField(default=0, help_text='Of the piece, compressed.'),
        ),
        migrations.AddField(
            model_name='run',
            name='records_removed_at',
            field=models.DateTimeField(blank=True, help_text='When its records were removed; the ledger stays.', null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='records_removed_by',
            field=models.CharField(blank=True, choices=[('age', 'older than RESULTS_KEEP_DAYS'), ('size', 'all records together were larger than RESULTS_MAX_BYTES')], max_length=10, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='run',
            name='stored_bytes',
            field=models.PositiveBigIntegerField(default=0, help_text='Of all its pieces, compressed.'),
        ),
        migrations.AddField(
            model_name='page',
            name='dropped_count',
            field=models.PositiveIntegerField(default=0, help_text='Records that came a second time and were not stored.'),
        ),
        migrations.AddField(
            model_name='run',
            name='dropped_count',
            field=models.PositiveBigIntegerField(default=0, help_text='Records that came a second time and were not stored.'),
        ),
        migrations.AddField(
            model_name='run',
            name='unique_by',
            field=models.CharField(blank=True, default="", help_text='Paths in a record whose values tell it apart; one that came before is dropped.', max_length=500),
            preserve_default=False,
        ),
        # Back and forth, the column that goes has to be there with a value for the rows that are read.
        migrations.AlterField(
            model_name='page',
            name='records',
            field=models.BinaryField(default=b""),
        ),
        migrations.RunPython(carry_over, bring_back),
        migrations.RemoveField(
            model_name='page',
            name='records',
        ),
    ]
