"""The sample vendor for WSGI servers: `application`, with the settings of the environment."""

from __future__ import annotations

import sys

from demo.vendor.endpoints import Vendor
from demo.vendor.settings import Settings

try:
    application = Vendor(Settings.from_environment())
except ValueError as error:
    sys.exit(str(error))
