"""Tests of the skill `vm` and of what it measures with."""
