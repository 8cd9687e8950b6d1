"""The sample vendor: a small HTTP API with every kind of authentication and pagination that Junction can describe.

It is a program of its own and knows nothing of Junction. `python -m demo.vendor PORT` serves it with the standard
library; any WSGI server takes `demo.vendor.app:application`.
"""
