"""Webhooks in: an address per connection, what arrives there is checked, kept, answered at once and worked on by a worker."""
