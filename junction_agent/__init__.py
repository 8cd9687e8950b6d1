"""Junction's on-premise agent: makes requests inside a network on behalf of Junction, and opens no port for it."""

VERSION = "0.1.0"
