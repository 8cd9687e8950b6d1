"""Who uses an integration with which credentials."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models
from django.db.models import Q

from connections.agent_models import Agent, AgentCode, AgentInstance
from connections.choosing.models import Override
from connections.deliveries.models import Delivery, DeliveryAttempt, DeliveryTarget
from connections.mapping.models import MappedOrganization, Mapping, MappingOption
from connections.tokens.models import Authorization, TokenEvent
from connections.webhooks.models import WebhookEndpoint, WebhookEvent
from integrations.models import Integration, Organization, Revision, Role, User
from integrations.models.environment import PRODUCTION, SLUG_LENGTH
from integrations.ordered_json import OrderedJSONField

__all__ = [
    "Agent",
    "AgentCode",
    "AgentInstance",
    "Authorization",
    "Connection",
    "Credential",
    "DefaultCredential",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryTarget",
    "MappedOrganization",
    "Mapping",
    "MappingOption",
    "Override",
    "TokenEvent",
    "WebhookEndpoint",
    "WebhookEvent",
]


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """What belongs to one member only that member uses; that it is there the organization's admins see as well."""

    def visible_to(self, user: Any) -> Self:
        administered = Organization.objects.reach(user, Role.ADMIN)
        if getattr(user, "is_authenticated", False) and Organization.objects.roots_of(user) == Organization.objects.roots_of(
            user, Role.ADMIN
        ):
            return self.filter(administered)  # an admin wherever the user sees anything
        seen = Organization.objects.reach(user) & _open_to(user)
        return self.filter(seen | administered)

    def deletable_by(self, user: Any) -> Self:
        """What the user uses, and as an admin what belongs to other members: somebody has to clear up after them."""
        usable = Q(pk__in=self.model.objects.usable_by(user).values("pk"))
        return self.filter(usable | Q(organization__in=Organization.objects.visible_to(user, Role.ADMIN)))

    def belonging_to(self, user: Any, integration: Integration) -> Self:
        """The integration's connections that a member goes by: the one's own, or those of all members, as its mode says."""
        return self.filter(integration=integration, owner=user.pk if integration.is_per_user and user is not None else None)

    def of_others(self, user: Any) -> Self:
        """Those that belong to another member alone; few, so that leaving them out is quicker than joining all."""
        owned = self.filter(owner__isnull=False).order_by()
        return owned.exclude(owner=user.pk) if getattr(user, "pk", None) else owned

    def usable_by(self, user: Any) -> Self:
        """Connections that the user may edit, test and run with: by a role, or because the integration is shared with the person."""
        lent = Q(integration__in=Integration.objects.lent_to(user), organization__in=Organization.objects.visible_to(user))
        return self.filter(Q(organization__in=Organization.objects.visible_to(user, Role.OPERATOR)) | lent, _open_to(user))


def _open_to(user: Any) -> Q:
    return Q(owner=None) | Q(owner=getattr(user, "pk", None))


class Connection(models.Model):
    """An organization's named access to an integration. Secrets lie in its `Credential`; `settings` are public.

    `settings["baseUri"]` is the address of the organization's own server where the definition leaves the host open; the
    other settings are the connection fields that are no secrets. `destinations` are the servers to which the owner
    agreed to send the secrets: when the definition names others, nothing is sent until the owner agrees again.

    `owner` is the member to whom it belongs where the integration's mode is per user. `environment` is the slug of one that
    the organization knows. `revision` is the one to which it is pinned; None: the newest finalized one.
    """

    class State(models.TextChoices):
        UNTESTED = "untested", "Not tested"
        WORKING = "working", "Working"
        FAILING = "failing", "Failing"
        REAUTHORIZE = "reauthorize", "Needs re-authorization"

    class Below(models.TextChoices):
        """Who below the connection's organization may run with it. Nobody there sees its settings or its secrets."""

        NOBODY = "nobody", "Nobody: only this organization uses it"
        MAPPED = "mapped", "Organizations below that are mapped to a customer of the vendor"
        EVERYBODY = "everybody", "Every organization below"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="connections")
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="connections")
    name = models.CharField(max_length=200)
    owner = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="connections")
    environment = models.CharField(max_length=SLUG_LENGTH, default=PRODUCTION)
    revision = models.ForeignKey(Revision, null=True, blank=True, on_delete=models.PROTECT, related_name="pinned_connections")
    is_default = models.BooleanField(default=False)
    below = models.CharField(max_length=10, choices=Below.choices, default=Below.NOBODY)
    settings = OrderedJSONField(default=dict, blank=True)
    state = models.CharField(max_length=20, choices=State.choices, default=State.UNTESTED)
    destinations = OrderedJSONField(default=list, blank=True)
    concurrency = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Requests at once, 1 to 50; null: the default.")
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="Null: as many as the vendor takes.")
    options = OrderedJSONField(default=dict, blank=True, help_text="ConnectionOptions: headers, a test of its own, formats.")
    shares_limit_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="shared_by",
        help_text="The connection whose requests at once are borrowed; the vendor counts both together.",
    )  # fmt: skip
    debug_until = models.DateTimeField(null=True, blank=True, help_text="Until then the request log keeps whole bodies.")
    agent = models.ForeignKey(
        Agent, null=True, blank=True, on_delete=models.PROTECT, related_name="connections", help_text="Null: Junction itself calls (Cloud)."
    )
    agent_credential = models.CharField(
        max_length=100,
        blank=True,
        help_text="Which of the credentials in the agent's file it puts on requests. Empty: the connection's own.",
    )
    message = models.TextField(blank=True, help_text="What the last test said, or why it has to be authorized again.")
    tested_at = models.DateTimeField(null=True, blank=True)
    check_at = models.DateTimeField(null=True, blank=True, db_index=True, help_text="When it is tested again; null: not planned yet.")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["name", "id"], name="connections_by_name")]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "integration", "environment", "name"], condition=Q(owner=None), name="connection_name_once"
            ),
            models.UniqueConstraint(
                fields=["organization", "integration", "environment", "owner", "name"], name="own_connection_name_once"
            ),
            models.UniqueConstraint(
                fields=["organization", "integration", "environment"],
                condition=Q(is_default=True, owner=None),
                name="one_default_connection",
            ),
            models.UniqueConstraint(
                fields=["organization", "integration", "environment", "owner"],
                condition=Q(is_default=True),
                name="one_own_default_connection",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def in_use(self) -> Revision | None:
        """The revision by which it calls."""
        return self.revision or self.integration.current

    @property
    def needs_authorization(self) -> bool:
        return self.state == self.State.REAUTHORIZE

    @property
    def was_authorized(self) -> bool:
        """Whether somebody has ever agreed: then it is to be done again."""
        return self.token_events.exists() or bool(self.credential.token_sealed)

    @property
    def state_label(self) -> str:
        """The state in words."""
        if self.needs_authorization and not self.was_authorized:
            return "Needs authorization"
        return str(self.State(self.state).label)


class ConnectionEvent(models.Model):
    """A connection got from one state into another."""

    # What was going on.
    REASONS = {
        "test": "Somebody tested it",
        "schedule": "The regular check",
        "call": "A call",
        "token": "The token",
        "person": "Somebody changed it",
    }

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    before = models.CharField(max_length=20, choices=Connection.State.choices)
    after = models.CharField(max_length=20, choices=Connection.State.choices)
    reason = models.CharField(max_length=20)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["connection", "-at"], name="events_of_connection")]

    def __str__(self) -> str:
        return f"{self.before} to {self.after} of {self.connection_id}"

    @property
    def why(self) -> str:
        """The reason in words."""
        return self.REASONS.get(self.reason, self.reason)


class CredentialQuerySet(models.QuerySet["Credential"]):
    def to_renew(self, now: Any) -> Self:
        """Tokens to renew before they end: nobody is renewing them, no cool-down holds them back, no person has to agree first.

        No join: PostgreSQL looks again at the conditions of an UPDATE that has waited for another one, but not into a join.
        """
        waits = Connection.objects.filter(pk=models.OuterRef("connection_id"), state=Connection.State.REAUTHORIZE)
        return self.filter(
            Q(lease_until=None) | Q(lease_until__lt=now),
            Q(retry_at=None) | Q(retry_at__lte=now),
            ~models.Exists(waits),
            refresh_due_at__lte=now,
        )

    def due(self, now: Any) -> Self:
        """The same, without those that wait in the queue of a worker already."""
        return self.to_renew(now).filter(Q(queued_until=None) | Q(queued_until__lt=now))


class Credential(models.Model):
    """The secrets of a connection, encrypted with the connection's id as associated data.

    `sealed` is what the owner entered. `token_sealed` is the token that was fetched with it, and what came along: the
    refresh token, kept values, cookies; its access token is valid until `token_expires_at` (None: unknown) and is to be
    renewed from `refresh_due_at` on (None: when it is needed). `generation` counts the changes of either, so that a
    late answer never overwrites a newer one. Whoever renews holds the lease; after `failures` in a row nobody tries
    again before `retry_at`. Until `queued_until` the row waits in the queue of a worker.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="credential", primary_key=True)
    sealed = models.TextField()
    token_sealed = models.TextField(blank=True)
    network_sealed = models.TextField(blank=True, help_text="Secrets of the way there: a certificate's key, a proxy's password.")
    token_expires_at = models.DateTimeField(null=True, blank=True)
    refresh_due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    generation = models.PositiveIntegerField(default=0)
    lease_holder = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True, blank=True)
    queued_until = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    SEALED = ("sealed", "token_sealed", "network_sealed")

    objects = CredentialQuerySet.as_manager()

    def __str__(self) -> str:
        return f"credential of {self.connection_id}"

    @property
    def context(self) -> str:
        """What the ciphertexts are bound to."""
        return f"credential:{self.connection_id}"


class DefaultCredential(models.Model):
    """Secrets that an integration's owner gave along with it; connections that enter none of their own use them."""

    integration = models.OneToOneField(Integration, on_delete=models.CASCADE, related_name="default_credential", primary_key=True)
    sealed = models.TextField()
    updated_at = models.DateTimeField(auto_now=True)

    SEALED = ("sealed",)

    def __str__(self) -> str:
        return f"default credential of {self.integration_id}"

    @property
    def context(self) -> str:
        """What the ciphertext is bound to."""
        return f"default:{self.integration_id}"


class LoggedRequestQuerySet(models.QuerySet["LoggedRequest"]):
    def visible_to(self, user: Any) -> Self:
        """Requests of connections that the user may use: what vendors answered is seen by whoever could ask for it."""
        return self.filter(connection__organization__in=Organization.objects.visible_to(user, Role.OPERATOR))


class LoggedRequest(models.Model):
    """One request to a vendor and its answer, without secrets; of bodies the beginning.

    `subject` is what was called, for people (an action's name); `subject_id` its id, `run_id` the run that called. They are
    no foreign keys: actions and runs are of a later stage, and may go while the log stays.
    """

    class Source(models.TextChoices):
        RUN = "run", "Run"
        TEST = "test", "Test"
        CHECK = "check", "Regular check"
        PROXY = "proxy", "Proxy request"
        TOKEN = "token", "Token"
        TRIAL = "trial", "Trial"
        OTHER = "other", "Other"

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="logged_requests")
    at = models.DateTimeField()
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.OTHER)
    subject = models.CharField(max_length=200, blank=True)
    subject_id = models.CharField(max_length=40, blank=True)
    run_id = models.CharField(max_length=40, blank=True)
    method = models.CharField(max_length=10)
    url = models.TextField()
    status = models.PositiveSmallIntegerField(null=True, help_text="Null: no answer came; `error` says why.")
    error = models.TextField(blank=True)
    cause = models.CharField(max_length=40, blank=True)
    elapsed_ms = models.PositiveIntegerField()
    request_size = models.PositiveBigIntegerField(default=0)
    answer_size = models.PositiveBigIntegerField(default=0)
    content = OrderedJSONField(default=dict, help_text="Headers and the beginnings of the bodies, of request and answer.")

    objects = LoggedRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["connection", "-at"], name="requests_of_connection"),
            models.Index(fields=["at"], name="requests_by_time"),
            models.Index(fields=["run_id"], name="requests_of_run", condition=~Q(run_id="")),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.url}"
