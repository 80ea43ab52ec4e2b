"""A supervised tree that is hurt at random and heals, live in the terminal."""

from supervision.demo.show import Options, run

__all__ = ["Options", "run"]
