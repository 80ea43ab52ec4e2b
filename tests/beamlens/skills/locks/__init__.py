"""Tests of the skill `locks`."""
