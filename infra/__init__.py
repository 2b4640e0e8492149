"""What deploys Backout, and what watches it."""
