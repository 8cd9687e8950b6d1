"""Catalogues of providers as integration templates (leaf).

A catalogue is a file that the operator brings: one entry for each API, which says in the vocabulary of such catalogues
(`auth_mode`, `proxy.base_url`, `connection_config`, `${connectionConfig.region}`) how it is called. `read` takes the file
apart, `convert` makes a definition of an entry, and says with the path of each key what the definition cannot say.
Nothing gets lost silently: a key counts as dealt with only when some code has taken it.
"""

from integrations.providers.catalogue import CatalogueError, read
from integrations.providers.conversion import MODES, Converted, convert
from integrations.providers.entry import Note

__all__ = ["MODES", "CatalogueError", "Converted", "Note", "convert", "read"]
