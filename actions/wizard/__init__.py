"""The last steps of the wizard: edit actions, finalize. The shell round them is that of `integrations.wizard`."""
