"""Benchmarks: they run the real node and print ratios. See README.md in this folder."""
