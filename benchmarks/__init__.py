"""Measurements behind the constants in ``core``; each is a command that prints its numbers."""
