"""How a supervisor performs what `decisions` decides: its loop-thread side, and one runner for each kind of child."""
