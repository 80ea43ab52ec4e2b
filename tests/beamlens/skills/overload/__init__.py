"""Tests of the skill `overload`."""
