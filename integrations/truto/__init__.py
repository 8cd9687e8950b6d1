"""Integrations as Truto's documents describe them, to our definition and back (leaf).

`read` makes a definition and its operations of a document's `config`; what ours cannot hold is named in `Read.unused` and kept
by whoever stores it. `written` gives a `config` back: each part as it came where nothing has changed since, else as ours says it.
"""

from integrations.truto.found import Choice, Note, Read
from integrations.truto.reading import read
from integrations.truto.secrets import MASK, masked, merged, secrets_in
from integrations.truto.writing import written

__all__ = ["MASK", "Choice", "Note", "Read", "masked", "merged", "read", "secrets_in", "written"]
