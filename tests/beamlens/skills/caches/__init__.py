"""Tests of `caches`."""
