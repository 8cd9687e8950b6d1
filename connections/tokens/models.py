"""What is kept of the ways to a token: its renewals, and visits to a vendor's page where people agree."""

from __future__ import annotations

from django.db import models

from integrations.models import User

# What makes a token be fetched.
REASONS = {
    "needed": "A call needed it",
    "rejected": "The vendor rejected the token",
    "due": "It was due",
    "manual": "Refresh now",
    "authorized": "Somebody agreed on the vendor's page",
    "pasted": "Tokens were brought",
}


class TokenEvent(models.Model):
    """One renewal of a token: when, why, what came of it. No secrets.

    The row is written before the request: one that is still STARTED when somebody else holds the lease tells of a worker
    that was lost between the request and the answer.
    """

    class Outcome(models.TextChoices):
        STARTED = "started", "Started"
        RENEWED = "renewed", "Renewed"
        FAILED = "failed", "Failed, will be repeated"
        REFUSED = "refused", "Refused for good"
        LOST = "lost", "Answer lost"

    connection = models.ForeignKey("connections.Connection", on_delete=models.CASCADE, related_name="token_events")
    at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=40)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.STARTED)
    generation = models.PositiveIntegerField()
    message = models.TextField(blank=True)
    elapsed_ms = models.PositiveIntegerField(default=0)
    next_due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["connection", "-at"], name="token_events_of_connection")]

    def __str__(self) -> str:
        return f"{self.outcome} for {self.connection_id}"

    @property
    def why(self) -> str:
        """The reason in words."""
        return REASONS.get(self.reason, self.reason.replace("_", " ").capitalize())


class Authorization(models.Model):
    """One visit to a vendor's page where people agree: begun in one browser session, for one connection, used once.

    The state that travels is kept as a hash only; the code verifier (RFC 7636) is sealed.
    """

    state_hash = models.CharField(max_length=64, unique=True)
    connection = models.ForeignKey("connections.Connection", on_delete=models.CASCADE, related_name="authorizations")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    session_hash = models.CharField(max_length=64)
    verifier_sealed = models.TextField()
    redirect_uri = models.CharField(max_length=2000)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)

    SEALED = ("verifier_sealed",)

    def __str__(self) -> str:
        return f"authorization of {self.connection_id}"

    @property
    def context(self) -> str:
        """What the verifier is bound to."""
        return f"authorization:{self.state_hash}"
