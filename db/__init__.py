"""What people and models said, kept for ever. Start with ``open_home`` and ``connect``."""
