"""Files that other programs read: one module a format, both directions in it."""
