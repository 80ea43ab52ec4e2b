"""Tests of the skill `vm_events`."""
