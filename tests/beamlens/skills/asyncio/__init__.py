"""Tests of the skill `asyncio`."""
