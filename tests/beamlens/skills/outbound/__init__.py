"""Tests of the skill `outbound`."""
