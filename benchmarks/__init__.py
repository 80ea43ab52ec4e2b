"""Measure what the README promises, each figure beside its floor: `python -m benchmarks NAME`."""
