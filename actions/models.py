"""What an integration can do, and the times that it was done."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Max, Q

from actions.run_webhooks.models import RunWebhook
from actions.schedules.models import Schedule
from actions.triggers.models import Trigger
from connections.models import Connection
from integrations.models import Integration, Organization, Revision, Role
from integrations.operation import Operation
from integrations.ordered_json import OrderedJSONField

__all__ = ["Action", "Import", "ImportContent", "Page", "Run", "RunWebhook", "Schedule", "Trigger"]


class ActionQuerySet(models.QuerySet["Action"]):
    def visible_to(self, user: Any) -> Self:
        """Actions of every revision of the integrations that the user sees."""
        return self.filter(revision__integration__in=Integration.objects.visible_to(user))

    def working(self) -> Self:
        """Of each integration the actions of its newest revision: the open draft if there is one."""
        newest = Integration.objects.annotate(newest=Max("revisions__number")).values("newest")
        return self.filter(revision__number=models.Subquery(newest.filter(pk=models.OuterRef("revision__integration"))))

    def current(self) -> Self:
        """Of each integration the actions of its newest finalized revision."""
        finalized = Revision.objects.filter(integration=models.OuterRef("revision__integration"), finalized_at__isnull=False)
        return self.filter(revision__number=models.Subquery(finalized.order_by("-number").values("number")[:1]))


class Action(models.Model):
    """One action of one revision. `uid` is its identity across revisions and what the API calls its id."""

    row = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid.uuid4, db_index=True, editable=False)
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="actions")
    position = models.PositiveIntegerField(default=0)
    key = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    method = models.CharField(max_length=10, default="GET")
    path = models.CharField(max_length=2000)
    paginated = models.BooleanField(default=False)
    deprecated = models.BooleanField(default=False)
    content = OrderedJSONField(default=dict, help_text="The rest of an Operation as JSON: parameters, body, answer, pagination.")
    created_at = models.DateTimeField(auto_now_add=True)

    COLUMNS = ("key", "name", "description", "method", "path", "paginated", "deprecated")

    objects = ActionQuerySet.as_manager()

    class Meta:
        ordering = ["position", "row"]
        constraints = [
            models.UniqueConstraint(fields=["revision", "key"], name="action_key_once"),
            models.UniqueConstraint(fields=["revision", "uid"], name="action_uid_once"),
        ]
        indexes = [models.Index(fields=["revision", "position", "row"], name="action_in_order")]

    def __str__(self) -> str:
        return self.name

    @property
    def operation(self) -> Operation:
        return Operation.model_validate({**self.content, **{name: getattr(self, name) for name in self.COLUMNS}})

    @operation.setter
    def operation(self, value: Operation) -> None:
        content = value.dump()
        for name in self.COLUMNS:
            setattr(self, name, content.pop(name))
        self.content = content


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: Any) -> Self:
        """Runs of the user's organizations; those with another member's own connection show that member's data, and nobody else sees them."""
        rows, others = self.filter(Organization.objects.reach(user)), Connection.objects.of_others(user)
        # Most installations have none, and each run would have to be looked at for the sake of it.
        return rows.exclude(connection__in=others) if others.exists() else rows

    def usable_by(self, user: Any) -> Self:
        """Runs that the user may cancel and resume: by a role, or because the integration is shared with the person."""
        lent = Q(connection__integration__in=Integration.objects.lent_to(user), organization__in=Organization.objects.visible_to(user))
        usable = Q(organization__in=Organization.objects.visible_to(user, Role.OPERATOR)) | lent
        return self.filter(usable).exclude(connection__in=Connection.objects.of_others(user))

    def with_records(self) -> Self:
        """Finished runs whose records are still there."""
        return self.filter(state=Run.State.FINISHED, records_removed_at=None, stored_bytes__gt=0)

    def orphaned(self, now: Any) -> Self:
        """Unfinished runs that nobody holds: never started, or their worker's lease has run out."""
        return self.exclude(state=Run.State.FINISHED).filter(Q(lease_until=None) | Q(lease_until__lt=now))


class Run(models.Model):
    """An action, called with a connection and inputs, page after page.

    `checkpoint` is the token of the next page to fetch; it is saved together with each page, under the lease of the
    worker that holds the run. `max_pages` None means all pages. WAITING is until `resume_at`, without a worker.
    `organization` is for whom it runs: the connection's own one, or one below it. `mapped` is who that one is at the vendor
    ({"id", "label"}), as it was when the run was started; empty where it is not mapped.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        WAITING = "waiting", "Waiting"
        FINISHED = "finished", "Finished"

    class Verdict(models.TextChoices):
        COMPLETE = "complete", "Complete"
        TRUNCATED = "truncated", "Truncated"
        LOOP = "loop", "Loop"
        AMBIGUOUS = "ambiguous", "Ambiguous"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Blame(models.TextChoices):
        """Who can mend a failure: whoever runs the action or owns the connection, whoever keeps the integration or this Junction, the vendor."""

        YOU = "you", "You"
        US = "us", "Us"
        VENDOR = "vendor", "The vendor"

    class Removal(models.TextChoices):
        """Which rule of the installation removed the records."""

        AGE = "age", "older than RESULTS_KEEP_DAYS"
        SIZE = "size", "all records together were larger than RESULTS_MAX_BYTES"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.ForeignKey(Action, on_delete=models.CASCADE, related_name="runs")
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="runs")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="runs")
    schedule = models.ForeignKey(
        Schedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs", help_text="What started it, if no person did."
    )
    mapped = OrderedJSONField(default=dict, blank=True)
    inputs = OrderedJSONField(default=dict, blank=True)
    page_size = models.PositiveIntegerField(null=True, blank=True)
    max_pages = models.PositiveIntegerField(null=True, blank=True)
    unique_by = models.CharField(
        max_length=500, blank=True, help_text="Paths in a record whose values tell it apart; one that came before is dropped."
    )
    state = models.CharField(max_length=20, choices=State.choices, default=State.QUEUED)
    verdict = models.CharField(max_length=20, choices=Verdict.choices, blank=True)
    message = models.TextField(blank=True, help_text="Why the run ended as it did, in a sentence.")
    blame = models.CharField(max_length=10, blank=True, choices=Blame.choices, help_text="Who can mend a failure.")
    cause = models.CharField(
        max_length=60, blank=True, help_text="The failure as connections.answers.advice knows it; empty for one of its own."
    )
    failed_status = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The vendor's status, where its answer ended the run."
    )
    checkpoint = OrderedJSONField(null=True, blank=True)
    page_count = models.PositiveIntegerField(default=0)
    record_count = models.PositiveBigIntegerField(default=0)
    byte_count = models.PositiveBigIntegerField(default=0)
    dropped_count = models.PositiveBigIntegerField(default=0, help_text="Records that came a second time and were not stored.")
    stored_bytes = models.PositiveBigIntegerField(default=0, help_text="Of all its pieces, compressed.")
    total = models.PositiveBigIntegerField(null=True, blank=True, help_text="How many records the vendor says there are.")
    cancel_requested = models.BooleanField(default=False)
    lease_holder = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, db_index=True)
    attempts = models.PositiveIntegerField(default=0, help_text="How many workers have taken the run up since its last page.")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="Since when a request that must not be sent twice has no answer.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    resume_at = models.DateTimeField(null=True, blank=True, help_text="When a waiting run goes on.")
    resumed_at = models.DateTimeField(null=True, blank=True, help_text="When somebody last resumed the run.")
    finished_at = models.DateTimeField(null=True, blank=True)
    records_removed_at = models.DateTimeField(null=True, blank=True, help_text="When its records were removed; the ledger stays.")
    records_removed_by = models.CharField(max_length=10, blank=True, choices=Removal.choices)

    # A run that ended so can go on from its last page; the others are over, or would end the same way again.
    RESUMABLE = (Verdict.FAILED, Verdict.TRUNCATED, Verdict.CANCELLED)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = [F("created_at").desc(), "id"]
        indexes = [models.Index(F("created_at").desc(), "id", name="runs_newest_first")]

    def __str__(self) -> str:
        return f"run {self.id}"

    @property
    def is_finished(self) -> bool:
        return self.state == self.State.FINISHED

    @property
    def is_resumable(self) -> bool:
        return self.is_finished and self.verdict in self.RESUMABLE and self.records_removed_at is None


class Page(models.Model):
    """One page of a run: its line in the ledger. Its records lie in the storage of results as the piece of this name ("" for none).

    `token` is what the page was asked for with, `next_token` what it names (null on the last page); `url` has no secrets.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()
    method = models.CharField(max_length=10, default="GET")
    url = models.TextField(blank=True)
    token = OrderedJSONField(null=True, blank=True)
    next_token = OrderedJSONField(null=True, blank=True)
    digest = models.CharField(max_length=64, help_text="Hash of the records; empty for a page without any.")
    ids_digest = models.CharField(max_length=64, blank=True, help_text="Hash of the records' ids, where each has one of its own.")
    attempts = models.PositiveSmallIntegerField(default=1, help_text="How often the request was sent until this answer came.")
    status = models.PositiveSmallIntegerField()
    record_count = models.PositiveIntegerField()
    dropped_count = models.PositiveIntegerField(default=0, help_text="Records that came a second time and were not stored.")
    byte_count = models.PositiveIntegerField(help_text="Bytes of the records, uncompressed.")
    elapsed_ms = models.PositiveIntegerField()
    piece = models.CharField(max_length=200, blank=True)
    stored_bytes = models.PositiveIntegerField(default=0, help_text="Of the piece, compressed.")
    fetched_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="page_number_once")]

    def __str__(self) -> str:
        return f"page {self.number} of run {self.run_id}"


class ImportQuerySet(models.QuerySet["Import"]):
    def visible_to(self, user: Any) -> Self:
        """Imports of organizations in which the user builds."""
        return self.filter(organization__in=Organization.objects.visible_to(user, Role.BUILDER))

    def at_work(self) -> Self:
        return self.filter(state__in=(Import.State.READING, Import.State.WRITING))

    def unfinished(self) -> Self:
        return self.filter(state__in=(Import.State.READING, Import.State.CHOOSING, Import.State.WRITING))

    def unheld(self, now: Any) -> Self:
        """Imports that no living worker holds: waiting for one, or their worker's lease has run out."""
        return self.filter(Q(lease_holder="") | Q(lease_until__lt=now))

    def orphaned(self, now: Any) -> Self:
        """Imports with work to do whose worker has died or whose message was lost."""
        return self.at_work().filter(Q(lease_until=None) | Q(lease_until__lt=now))


class Import(models.Model):
    """A document on its way to a draft: it is read, its operations are chosen, the chosen ones are written.

    READING and WRITING are a worker's, under a lease; between them CHOOSING waits for a person. `done` of `total` actions
    are written, each batch in the same transaction as its count.
    """

    class State(models.TextChoices):
        READING = "reading", "Reading"
        CHOOSING = "choosing", "Choosing"
        WRITING = "writing", "Writing"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Kind(models.TextChoices):
        """How the document was given; the names are those of the form's fields."""

        FILE = "file"
        URL = "url"
        TEXT = "text"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="imports")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    source = models.CharField(max_length=2000, help_text="File name or URL, as people see it.")
    asks = models.BooleanField(default=False, help_text="Operations are to be chosen even if the document is small.")
    state = models.CharField(max_length=20, choices=State.choices, default=State.READING)
    phase = models.CharField(max_length=20, blank=True, help_text="What a worker does now; empty while the import waits for one.")
    message = models.TextField(blank=True, help_text="Why the import failed, in a sentence or two.")
    title = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=40, blank=True)
    selected = models.BinaryField(default=b"", help_text="A byte for each operation: 1 if it is to be imported.")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    integration = models.ForeignKey(Integration, null=True, on_delete=models.CASCADE, related_name="imports")
    cancel_requested = models.BooleanField(default=False)
    lease_holder = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="How many workers have taken it up since it last came to a result.")
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(auto_now_add=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = [F("created_at").desc(), "id"]

    def __str__(self) -> str:
        return self.title or self.source

    @property
    def is_at_work(self) -> bool:
        return self.state in (self.State.READING, self.State.WRITING)


class ImportContent(models.Model):
    """The large parts of an import, apart from the row that changes with every step; deleted when they have been used."""

    job = models.OneToOneField(Import, on_delete=models.CASCADE, primary_key=True, related_name="content")
    document = models.BinaryField(default=b"", help_text="The bytes as they came, compressed; emptied when they have been read.")
    found = models.BinaryField(default=b"", help_text="What was read, as compressed JSON.")
    catalogue = models.BinaryField(default=b"", help_text="The list of operations to choose from, as compressed JSON.")

    def __str__(self) -> str:
        return f"content of {self.job_id}"
