"""How the command prints: text for people, JSON for programs, errors on the standard error output."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from beamlens.report.text import harmless

__all__ = ["console", "fail", "print_json", "say", "styled"]


def console(*, errors: bool = False) -> Console:
    """Return what prints; colours only on a terminal, and not with NO_COLOR. No markup in what is printed."""
    return Console(stderr=errors, markup=False, highlight=False, emoji=False, soft_wrap=True)


def styled(text: object, style: str = "") -> Text:
    """Return a text from outside, made harmless, in a style."""
    return Text(harmless(text), style)


def say(text: object = "", style: str = "", *, errors: bool = False) -> None:
    """Print a line."""
    console(errors=errors).print(styled(text, style))


def print_json(data: Any) -> None:
    """Print data as one line of JSON; ASCII alone, so that nothing in it can act on a terminal."""
    sys.stdout.write(json.dumps(data, default=str) + "\n")
    sys.stdout.flush()


def fail(text: object) -> None:
    """Print what went wrong."""
    say(f"beamlens: {text}", "red", errors=True)
