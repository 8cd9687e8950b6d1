"""Secrets of every kind are planted, everything is driven, failures included; then they are looked for where they must not be."""
