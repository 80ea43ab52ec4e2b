"""Tests of the skill `http`."""
