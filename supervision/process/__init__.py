"""How an actor lives in a process of its own."""
