"""The studio's pages, one a file: each has ``show``."""
