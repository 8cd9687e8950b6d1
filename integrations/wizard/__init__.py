"""The wizard that describes an integration: a registry of steps, the shell round them, and the steps of this stage."""
