"""The vendor of the tests: a real HTTP server that plays the API. It serves the demo's vendor, and under /faults every
misbehaviour that the tests need; see `server.VendorServer`."""
