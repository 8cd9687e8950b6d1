"""News of this stage for the stages above it, and for whoever notifies people."""

from django.dispatch import Signal

# A vendor refuses a connection's grant for good: somebody has to authorize it again. Arguments: connection_id, message.
authorization_needed = Signal()

# A connection works no more, or works again. Arguments: connection_id, before, after, reason, message.
state_changed = Signal()

# A genuine webhook is worked on. Arguments: event (a `WebhookEvent`). Receivers act in the transaction of the work, and give a list of `connections.webhooks.work.Done`: what they raise has all of it done again later.
webhook_arrived = Signal()
