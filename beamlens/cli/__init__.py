"""The command `beamlens`: talk to running programs, read what runs left behind. Needs the extra `beamlens[cli]`."""

from __future__ import annotations

import sys

from beamlens.cli.exit_codes import INTERRUPTED, UNAVAILABLE

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Do what the arguments say.

    Args:
        arguments: without the program's name; None for those of this process.

    Returns:
        The exit code: one of `beamlens.cli.exit_codes`.

    The main thread.
    """
    try:
        return _perform(arguments)
    except KeyboardInterrupt:  # at any moment, also while modules are imported
        return INTERRUPTED


def _perform(arguments: list[str] | None) -> int:
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ImportError as error:
        print(
            f"beamlens: {error.name} is missing; the command needs an extra: pip install 'beamlens[cli]'",
            file=sys.stderr,
        )
        return UNAVAILABLE
    from beamlens.cli.app import run

    return run(arguments)
