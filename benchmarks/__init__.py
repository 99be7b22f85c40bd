"""Measurements beside the peer, in one run, as ratios. ``python -m benchmarks`` prints them all."""
