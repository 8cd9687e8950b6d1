"""Which connection a run uses when none is named, and what an organization can say about that."""
