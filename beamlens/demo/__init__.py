"""The demo: a small web shop with real faults, and BeamLens that finds them.

`beamlens demo cache` or `python -m beamlens.demo cache`; see docs/demo.md.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo as the arguments say.

    Args:
        argv: without the program's name; None for those of this process.

    Returns:
        The exit code: 0 if what was wrong was found, 1 if not, 2 for arguments that make no sense.

    The main thread.
    """
    from beamlens.demo.command import run

    return run(argv)
