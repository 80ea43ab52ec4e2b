"""A supervised tree that is hurt at random and heals, live in the terminal: `python -m supervision demo`."""
