"""Benchmarks: what Backout's speed is, as ratios to something everyone knows, measured in one run."""
