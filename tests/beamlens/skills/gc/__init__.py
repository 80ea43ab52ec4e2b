"""Tests of `gc`."""
