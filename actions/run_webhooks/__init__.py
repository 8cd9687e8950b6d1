"""Webhooks of runs: an organization says which URL hears of runs that have ended, and of which.

A delivery is written in the transaction that ends the run, so that a worker that is killed a moment later loses none; sending it,
signed and again until it is taken, is the work of `connections.deliveries`.
"""
