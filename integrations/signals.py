"""News of this stage for the stages above it."""

from django.dispatch import Signal

# A draft revision was opened as a copy of a finalized one. Arguments: source (Revision), draft (Revision).
draft_opened = Signal()

# A program sent secrets along with an integration's definition. Arguments: integration, secrets (dict of str).
secrets_given = Signal()

# An integration is deleted together with everything that uses it. Arguments: integration.
integration_goes = Signal()
