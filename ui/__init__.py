"""Screens; no SQL, tensors or thresholds."""
