"""Tests of the skill `allocator`."""
