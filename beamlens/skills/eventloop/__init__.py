"""Event loops and their tasks, found without registration: what the `asyncio` skill measures with."""
