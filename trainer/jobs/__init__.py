"""Trainings as jobs: submit, status, cancel, logs. Start with ``local.LocalJobs``."""
