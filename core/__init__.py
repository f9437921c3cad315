"""Images in, predictions out: value types, geometry, networks, losses, readers and metrics."""
