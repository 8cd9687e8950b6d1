"""On-premise agents: who they are, the requests that they are given, and the door that they knock at."""
