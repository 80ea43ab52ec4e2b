"""How the demo shows itself: drawn in place on a terminal, line by line elsewhere, not at all for machines."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
import time
from collections import deque
from typing import Any, Final, Protocol

__all__ = ["Lines", "Screen", "Silence", "View", "make_view"]

_CURSOR_OFF: Final = "\x1b[?25l"
_CURSOR_ON: Final = "\x1b[?25h"
_DIM, _BOLD, _RED, _GREEN, _YELLOW, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"
_LINES: Final = 12
_RESTARTS: Final = re.compile(r"\b\d+ restarts?\b")
_COLOURS: Final = {
    "notification_sent": _YELLOW,
    "insight_produced": _GREEN,
    "resumed": _RED,
    "operator_crashed": _RED,
    "demo": _BOLD,
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class View(Protocol):
    """Show what happens. The main thread."""

    def tell(self, who: str, text: str, event: str = "") -> None:
        """Show that somebody did something."""

    def tree(self, drawing: str) -> None:
        """Show the supervision tree as it is now."""

    def load(self, report: dict[str, Any]) -> None:
        """Show how the shop's customers fare."""

    def close(self) -> None:
        """Show no more."""


def make_view(*, plain: bool, quiet: bool) -> View:
    """Return what fits the standard output.

    Args:
        plain: nothing is drawn in place, also on a terminal.
        quiet: nothing is shown at all.
    """
    if quiet:
        return Silence()
    drawable = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Screen() if drawable and not plain else Lines()


class Silence:
    """Show nothing."""

    def tell(self, who: str, text: str, event: str = "") -> None:
        """Do nothing."""

    def tree(self, drawing: str) -> None:
        """Do nothing."""

    def load(self, report: dict[str, Any]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Lines:
    """Print one line for each event; trees are left out."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._reports = 0

    def tell(self, who: str, text: str, event: str = "") -> None:
        """Print it, with the seconds since the beginning."""
        print(f"{time.monotonic() - self._began:6.1f}  {who:<12} {_clean(text)}", flush=True)

    def tree(self, drawing: str) -> None:
        """Do nothing."""

    def load(self, report: dict[str, Any]) -> None:
        """Print each fifth report."""
        self._reports += 1
        if self._reports % 5 == 1:
            self.tell("customers", _fare(report))

    def close(self) -> None:
        """Do nothing."""


class Screen:
    """Draw the tree, how customers fare and the last events over what was drawn before."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._height = 0
        self._colours = not os.environ.get("NO_COLOR")
        self._lines: deque[tuple[str, str]] = deque(maxlen=_LINES)
        self._tree: list[str] = []
        self._load = ""

    def tell(self, who: str, text: str, event: str = "") -> None:
        """Draw it as the last line."""
        line = f"{time.monotonic() - self._began:6.1f}  {who:<12} {_clean(text)}"
        self._lines.append((_COLOURS.get(event or who, _DIM), line))
        self._draw()

    def tree(self, drawing: str) -> None:
        """Draw the tree anew."""
        self._tree = drawing.splitlines()
        self._draw()

    def load(self, report: dict[str, Any]) -> None:
        """Draw the customers' line anew."""
        self._load = _fare(report)
        self._draw()

    def close(self) -> None:
        """Leave the last drawing where it is and give the cursor back."""
        sys.stdout.write(_CURSOR_ON)
        sys.stdout.flush()

    def _draw(self) -> None:
        width, height = shutil.get_terminal_size()
        tree = [(_GREEN if _RESTARTS.search(line) else "", line) for line in self._tree]
        shown = [*tree, ("", ""), (_BOLD, f"customers: {self._load}"), ("", ""), *self._lines][-max(1, height - 1) :]
        back = f"\x1b[{self._height}F" if self._height else _CURSOR_OFF
        self._height = len(shown)
        # Each line is cleared behind its end, not the screen before: nothing flickers.
        lines = (self._in(colour, line[: width - 1]) for colour, line in shown)
        sys.stdout.write(back + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        sys.stdout.flush()

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colours and colour and text else text


def _fare(report: dict[str, Any]) -> str:
    if not report["requests"]:
        return "no answers"
    return (
        f"{report['requests']} answers/s, {report['errors']} errors, "
        f"median {report['ms_p50']} ms, slowest {report['ms_max']} ms"
    )


def _clean(text: str) -> str:
    """Return a text without control characters: much of it comes from the program that is looked at."""
    return _CONTROL.sub(" ", text)


def wrapped(text: str, indent: str = "  ") -> str:
    """Return a text for people, in lines that fit."""
    width = min(110, shutil.get_terminal_size().columns)
    return textwrap.fill(_clean(text), width, initial_indent=indent, subsequent_indent=indent)
