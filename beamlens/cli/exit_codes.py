"""What the command's exit codes mean."""

from __future__ import annotations

from typing import Final

__all__ = ["FOUND", "INTERRUPTED", "OF_KIND", "OK", "UNAVAILABLE", "USAGE"]

OK: Final = 0
FOUND: Final = 1  # it ran, and found a problem, or the run failed
USAGE: Final = 2  # the arguments are wrong, or name several things
UNAVAILABLE: Final = 3  # there is no such program, operator or run, or it does not answer
INTERRUPTED: Final = 130  # Ctrl-C

OF_KIND: Final = {"usage": USAGE, "not_found": UNAVAILABLE, "unavailable": UNAVAILABLE, "failed": FOUND}
