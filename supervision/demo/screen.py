"""How the demo shows itself: drawn in place on a terminal, line by line elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import Any, Final

from supervision.demo.tally import Tally

__all__ = ["Lines", "Screen", "counters", "make_screen"]

_CURSOR_OFF: Final = "\x1b[?25l"
_CURSOR_ON: Final = "\x1b[?25h"
_DIM, _BOLD, _GREEN, _RED, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
_RESTARTS: Final = re.compile(r"\b\d+ restarts?\b")
_NOT_RUNNING: Final = re.compile(r"\b(restarting|undefined|gone)\b")


def make_screen(plain: bool) -> Lines | Screen:
    """Return what fits the standard output: `Screen` only on a terminal that can be drawn on."""
    drawable = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return Screen() if drawable and not plain else Lines()


def counters(figures: dict[str, Any]) -> str:
    """Return the figures of a `Tally` as one line."""
    median, last = figures["recover_ms_p50"], figures["recover_ms_last"]
    recovery = "-" if median is None else f"{median:.1f} ms median, {last:.1f} ms last"
    return (
        f"kills {figures['kills']}   restarts {figures['restarts']}   lost {figures['lost_children']}   "
        f"back in {recovery}   asks answered {figures['asks_answered']}   reports {figures['reports']}"
    )


class Lines:
    """Print one line for each event."""

    def update(self, _drawing: str, tally: Tally) -> None:
        """Print what is new."""
        while tally.fresh:
            print(tally.fresh.popleft(), flush=True)

    def close(self, drawing: str, tally: Tally) -> None:
        """Print what is new, and the tree as it was at the end."""
        self.update(drawing, tally)
        print(f"\n{drawing}\n", flush=True)


class Screen:
    """Draw tree, last events and counters over what was drawn before."""

    def __init__(self) -> None:
        self._height = 0
        self._colours = not os.environ.get("NO_COLOR")

    def update(self, drawing: str, tally: Tally) -> None:
        """Draw."""
        tally.fresh.clear()
        lines = [
            *map(self._tree_line, drawing.splitlines()),
            "",
            self._in(_BOLD, counters(tally.figures())),
            "",
            *(self._in(_DIM, line) for line in tally.lines),
            "",
            self._in(_DIM, "Ctrl-C stops it"),
        ]
        self._write(lines)

    def close(self, drawing: str, tally: Tally) -> None:
        """Leave the last drawing where it is and give the cursor back."""
        self.update(drawing, tally)
        sys.stdout.write(_CURSOR_ON + "\n")
        sys.stdout.flush()

    def _tree_line(self, line: str) -> str:
        line = _RESTARTS.sub(lambda found: self._in(_GREEN, found[0]), line)
        return _NOT_RUNNING.sub(lambda found: self._in(_RED, found[0]), line)

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colours and text else text

    def _write(self, lines: list[str]) -> None:
        width, height = shutil.get_terminal_size()
        shown = [_cut(line, width - 1) for line in lines[: max(1, height - 1)]]
        back = f"\x1b[{self._height}F" if self._height else _CURSOR_OFF
        self._height = len(shown)
        # Each line is cleared behind its end, not the screen before: nothing flickers.
        sys.stdout.write(back + "".join(f"{line}\x1b[K\n" for line in shown) + "\x1b[J")
        sys.stdout.flush()


def _cut(line: str, width: int) -> str:
    """Return what fits into so many columns; colours take none."""
    out, used = [], 0
    for part in re.split(r"(\x1b\[\d+m)", line):
        if part.startswith("\x1b"):
            out.append(part)
        else:
            out.append(part[: max(0, width - used)])
            used += len(part)
    return "".join(out)
