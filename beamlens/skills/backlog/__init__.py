"""Queues and pools that work waits in, found without registration: what the `overload` skill measures with."""
