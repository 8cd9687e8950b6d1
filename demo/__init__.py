"""Something to click: what `make demo` shows to a person who has no vendor at hand."""
