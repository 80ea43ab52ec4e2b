"""A small web shop: an asyncio HTTP server, handlers on a pool of threads, SQLite, two services of other companies."""
