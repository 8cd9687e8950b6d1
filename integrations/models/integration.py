"""Integrations and their revisions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Cast

from integrations.definition import Definition
from integrations.models.organization import Organization, Role
from integrations.models.sharing import Level, Share
from integrations.ordered_json import OrderedJSONField

LABEL_LENGTH = 100  # of type and category


class Status(models.TextChoices):
    """Draft until it is finalized for the first time, never again after."""

    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    HIDDEN = "hidden", "Hidden"
    DEPRECATED = "deprecated", "Deprecated"


class SharingPolicy(models.TextChoices):
    """Whether organizations below the owner's may connect to a published integration. The owner itself always may."""

    ALLOW = "allow", "Allow: every organization below can connect"
    ASK = "ask", "Ask: an organization below asks, an admin of the owner decides"
    DENY = "deny", "Deny: only the organization itself"


class Mode(models.TextChoices):
    """Whose the connections of an organization are."""

    SHARED = "shared", "Shared: one connection for all members of an organization"
    PER_USER = "per-user", "Per user: each member connects with an account of their own"


class IntegrationQuerySet(models.QuerySet["Integration"]):
    """Who may do what. A role in the owner's organization counts, and so does a share (`integrations.models.sharing`)."""

    def editable_by(self, user: Any) -> Self:
        """Those of organizations in which the user builds, and those that are shared for editing."""
        return self._allowing(user, Role.BUILDER, Level.EDIT)

    def deletable_by(self, user: Any) -> Self:
        """Whoever builds may take away again what the organization owns; by a share only the highest level may."""
        return self._allowing(user, Role.BUILDER, Level.SHARE)

    def shareable_by(self, user: Any) -> Self:
        """Those that the user may share with others and give away."""
        return self._allowing(user, Role.ADMIN, Level.SHARE)

    def _allowing(self, user: Any, role: str, level: Level) -> Self:
        shared = Share.objects.giving(user, level).values("integration")
        return self.filter(Organization.objects.reach(user, role) | Q(pk__in=shared))

    def lent_to(self, user: Any) -> Self:
        """Those that the person may run whatever their role is: shared with them or with a team of theirs."""
        return self.filter(pk__in=Share.objects.personal(user).values("integration"))

    def shared_with(self, organization: Organization, user: Any = None) -> Self:
        """Those that are shared with the organization or one above it, or with the person."""
        return self.filter(self._shared(organization, user))

    def visible_to(self, user: Any) -> Self:
        """What the user's organizations and those below own, what organizations above them have published, what they use, and what
        is shared with them.

        An integration that was hidden after they connected stays in sight: their connections go on working.
        """
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self.all()
        paths = Organization.objects.roots_of(user)
        mine = Organization.objects.below_paths(paths)
        used = self.model.objects.filter(connections__organization__in=mine).values("pk")
        published = Q(status=Status.PUBLISHED, organization__in=Organization.ids_in(paths)) & ~Q(sharing=SharingPolicy.DENY)
        shared = Share.objects.naming(user).values("integration")
        return self.filter(Organization.objects.reach(user) | published | Q(pk__in=used) | Q(pk__in=shared))

    def installable_by(self, organization: Organization, user: Any = None) -> Self:
        """What it can connect to: published by itself, by one above it that allows it or has approved its request, or shared.

        With a user also what is shared with that person or with a team of theirs.
        """
        approved = InstallRequest.objects.filter(organization=organization, state=InstallRequest.State.APPROVED)
        may = Q(organization=organization) | Q(sharing=SharingPolicy.ALLOW)
        may |= Q(sharing=SharingPolicy.ASK, pk__in=approved.values("integration"))
        return self.filter(
            self._shared(organization, user) | (may & Q(organization__in=organization.ancestor_ids)), status=Status.PUBLISHED
        )

    def with_definition(self) -> Self:
        """Each with `content`: its newest finalized definition as JSON, a new one's draft."""
        newest = Revision.objects.filter(integration=OuterRef("pk")).order_by(F("finalized_at").desc(nulls_last=True), "-number")
        return self.annotate(content=Subquery(newest.values("content")[:1]))

    def supporting_upload(self, supports: bool = True) -> Self:
        """Those that take files: their driver data say so, or one of their actions sends one."""
        # Documents are kept as text, so that their members stay in order; a name and its value stand there in one way only.
        sends = Q(text__contains='"contentType": "multipart/form-data') | Q(text__contains='"contentType": "application/octet-stream')
        revisions = Revision.objects.annotate(text=Cast("actions__content", models.TextField())).filter(sends).values("integration")
        told = self.model.objects.annotate(text=Cast("extra", models.TextField()))
        yes, no = (told.filter(text__contains=f'"supportsUpload": {word}').values("pk") for word in ("true", "false"))
        rows = self.model.objects.filter(Q(pk__in=revisions) | Q(pk__in=yes)).exclude(pk__in=no).values("pk")
        return self.filter(pk__in=rows) if supports else self.exclude(pk__in=rows)

    def offered_to(self, organization: Organization, user: Any = None) -> Self:
        """What it can connect to, and what it can ask for."""
        may = Q(organization=organization) | ~Q(sharing=SharingPolicy.DENY)
        return self.filter(
            self._shared(organization, user) | (may & Q(organization__in=organization.ancestor_ids)), status=Status.PUBLISHED
        )

    @staticmethod
    def _shared(organization: Organization, user: Any) -> Q:
        """Shared with the organization or with one above it, or with the person."""
        in_tree = Share.objects.filter(integration__organization__path__startswith=f"{organization.ancestor_ids[0].hex}/")
        shared = Q(pk__in=in_tree.filter(organization__in=organization.ancestor_ids).values("integration"))
        if user is not None:
            shared |= Q(pk__in=Share.objects.personal(user).values("integration"))
        return shared


class Integration(models.Model):
    """The identity of an integration: who owns it, what it is called, whether it can be installed.

    What it does stands in its revisions: finalized ones never change; at most one is an open draft.
    """

    Status = Status
    SharingPolicy = SharingPolicy

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="integrations")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    type = models.CharField(max_length=LABEL_LENGTH, default="custom")
    category = models.CharField(max_length=LABEL_LENGTH, blank=True)
    tags = OrderedJSONField(default=list, blank=True, help_text="Short texts by which it is found.")
    is_beta = models.BooleanField(default=False, help_text="Perhaps not tested completely; not recommended for production.")
    sharing = models.CharField(max_length=10, choices=SharingPolicy.choices, default=SharingPolicy.ALLOW)
    extra = OrderedJSONField(default=dict, blank=True, help_text="Fields of the API that are kept and given back: mode, imageUrl, data.")
    icon = models.TextField(blank=True, help_text="A checked SVG document, or empty for the default icon.")
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.DRAFT)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = IntegrationQuerySet.as_manager()
    content: dict[str, Any]  # of rows of `with_definition`
    # The newest revision and the newest finalized one where `look_up_revisions` has them; None: each question is a query.
    looked_up: list[Revision] | None = None

    class Meta:
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["status", "organization"]), models.Index(fields=["name", "id"], name="integrations_by_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def mode(self) -> Mode:
        """Whose the connections of an organization are."""
        return Mode.PER_USER if self.extra.get("mode") == Mode.PER_USER else Mode.SHARED

    @property
    def is_per_user(self) -> bool:
        return self.mode == Mode.PER_USER

    @property
    def draft(self) -> Revision | None:
        """The open draft revision, or None."""
        return self.revisions.filter(finalized_at=None).first()

    @property
    def current(self) -> Revision | None:
        """The newest finalized revision, the one that connections use; None before the first finalizing."""
        if self.looked_up is not None:
            return next((row for row in self.looked_up if row.finalized_at), None)
        return self.revisions.exclude(finalized_at=None).order_by("-number").first()

    @property
    def working(self) -> Revision:
        """What an editor sees: the open draft, else the current revision."""
        return self.looked_up[0] if self.looked_up else self.revisions.order_by("-number")[0]


class InstallRequestQuerySet(models.QuerySet["InstallRequest"]):
    def visible_to(self, user: Any) -> Self:
        """Those that the user may decide on, and those of organizations in which the user connects."""
        decides = Organization.objects.reach(user, Role.ADMIN, "integration__organization")
        return self.filter(decides | Organization.objects.reach(user, Role.OPERATOR))

    def decidable_by(self, user: Any) -> Self:
        return self.filter(Organization.objects.reach(user, Role.ADMIN, "integration__organization"))


class InstallRequest(models.Model):
    """An organization asks the owner of an integration to be let in. The last decision counts, and it can be asked anew."""

    class State(models.TextChoices):
        OPEN = "open", "Waits"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    integration = models.ForeignKey("Integration", on_delete=models.CASCADE, related_name="install_requests")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="install_requests")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.CharField(max_length=500, blank=True, help_text="Why, in the words of whoever asks.")
    answer = models.CharField(max_length=500, blank=True, help_text="What the decision is about, in the words of whoever decided.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = InstallRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["integration", "organization"], name="one_request_per_organization")]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="requests_newest_first"),
            models.Index(fields=["-state", "-created_at", "id"], name="requests_open_first"),
        ]

    def __str__(self) -> str:
        return f"{self.organization} asks for {self.integration}"


class Revision(models.Model):
    """One version of an integration's definition. `findings` and `repairs` are those of the import it came from, found by `linter`."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField(default=1)
    content = OrderedJSONField(default=dict, help_text="A Definition as JSON.")
    source = models.CharField(max_length=2000, blank=True, help_text="File name or URL of the document it was imported from.")
    findings = OrderedJSONField(default=list, blank=True)
    repairs = OrderedJSONField(default=list, blank=True)
    note = models.CharField(max_length=500, blank=True, help_text="What changed, in the words of whoever finalized it.")
    linter = OrderedJSONField(default=dict, blank=True, help_text="Which linter found the findings: name, and version if it has one.")
    auth_choices = OrderedJSONField(
        default=list, blank=True, help_text='The ways to authenticate that the document describes: {"scheme", "auth"} each.'
    )
    auth_undecided = models.BooleanField(
        default=False, help_text="The document does not say how to authenticate, and nobody has said it since."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finalized_at = models.DateTimeField(null=True, blank=True)
    finalized_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["integration", "number"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "number"], name="revision_number_once"),
            models.UniqueConstraint(fields=["integration"], condition=Q(finalized_at=None), name="one_open_draft"),
        ]

    def __str__(self) -> str:
        return f"{self.integration} revision {self.number}"

    @property
    def definition(self) -> Definition:
        return Definition.model_validate(self.content)

    @definition.setter
    def definition(self, value: Definition) -> None:
        self.content = value.dump()


def look_up_revisions(integrations: Iterable[Integration]) -> None:
    """One query for the revisions of a whole list: `current` and `working` of these objects then ask no more. Only for reading."""
    known = list(integrations)
    of_same = Revision.objects.filter(integration=models.OuterRef("integration")).order_by("-number").values("number")
    newest = Q(number=models.Subquery(of_same[:1])) | Q(number=models.Subquery(of_same.exclude(finalized_at=None)[:1]))
    found: dict[uuid.UUID, list[Revision]] = {}
    rows = Revision.objects.filter(newest, integration__in={row.pk for row in known}).defer("findings", "repairs")
    for row in rows.order_by("-number"):
        found.setdefault(row.integration_id, []).append(row)
    for integration in known:
        integration.looked_up = found.get(integration.pk, [])
