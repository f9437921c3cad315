"""Teaching: data to checkpoint, and the jobs that run it."""
