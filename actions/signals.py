"""News of this stage for whoever listens to it."""

from django.dispatch import Signal

# A run has ended; sent in the transaction that ends it. Arguments: run_id.
run_ended = Signal()
