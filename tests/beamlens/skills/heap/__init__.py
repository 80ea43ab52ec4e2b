"""Tests of `heap`."""
