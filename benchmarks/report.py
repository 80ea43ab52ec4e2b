"""Tables for people while a benchmark runs, one JSON line for programs at its end."""

from __future__ import annotations

import json
import operator
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TextIO

__all__ = ["Figure", "Report", "Target"]

Figure = float | int | str | None
Target = tuple[str, float]  # "<=" or ">=" or "==", the bound

_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
}
_LABEL: Final = 44
_CELL: Final = 10
_BOLD, _DIM, _GREEN, _RED = "1", "2", "32", "31"


class Report:
    """Print rows as they come and keep the figures.

    Args:
        stream: where to; colours and progress only when it is a terminal.
        quiet: print nothing but what `finish` prints.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.figures: dict[str, Figure] = {}
        self.tables: dict[str, list[Mapping[str, object]]] = {}
        self._stream = stream or sys.stdout
        self._quiet = quiet
        self._live = self._stream.isatty() and not quiet
        self._colours = self._live and "NO_COLOR" not in os.environ
        self._progress = ""

    # -- for people -----------------------------------------------------------------------------

    def title(self, text: str) -> None:
        """Print the headline of a benchmark and what it runs on."""
        load = os.getloadavg()[0]
        machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} "
        self._line("")
        self._line(self._painted(text, _BOLD))
        self._line(self._painted(f"{machine}{platform.release()}, load {load:.2f}", _DIM))

    def header(self, label: str, *columns: str) -> None:
        """Print the headings of a table."""
        self._line("")
        self._line(self._painted(f"{label:<{_LABEL}}" + "".join(f"{column:>{_CELL}}" for column in columns), _BOLD))

    def row(self, label: str, *cells: float | int | str | None) -> None:
        """Print one row; None leaves its cell empty."""
        self._line(f"{label:<{_LABEL}}" + "".join(f"{_cell(cell):>{_CELL}}" for cell in cells))

    def note(self, text: str) -> None:
        """Print a remark."""
        self._line(self._painted(text, _DIM))

    def progress(self, text: str) -> None:
        """Say on a terminal what is going on; the next line replaces it."""
        if self._live:
            self._erase()
            self._progress = text[:100]
            self._stream.write(self._painted(self._progress, _DIM))
            self._stream.flush()

    def verdicts(self, targets: Mapping[str, Target]) -> None:
        """Print the figures that have a bound, and whether they keep it."""
        self.header("figure", "measured", "bound", "")
        for key, (sign, bound) in targets.items():
            value = self.figures.get(key)
            if isinstance(value, int | float):
                holds = _OPERATORS[sign](value, bound)
                word = self._painted("holds", _GREEN) if holds else self._painted("SHORT", _RED)
                self.row(key, value, f"{sign} {bound:g}", f"  {word}")
            else:
                self.row(key, "not run", f"{sign} {bound:g}")

    # -- for programs ---------------------------------------------------------------------------

    def figure(self, key: str, value: Figure, digits: int = 3) -> None:
        """Keep a figure under its key."""
        self.figures[key] = round(value, digits) if isinstance(value, float) else value

    def table(self, key: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Keep rows of plain data beside the figures, for programs only."""
        self.tables[key] = list(rows)

    def json_line(self) -> str:
        """Return all figures, and the tables, as one line of JSON."""
        return json.dumps({**self.figures, **self.tables})

    # -- writing --------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        if self._quiet:
            return
        self._erase()
        self._stream.write(text.rstrip() + "\n")
        self._stream.flush()

    def _erase(self) -> None:
        if self._progress:
            self._stream.write("\r\033[K")
            self._progress = ""

    def _painted(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colours else text


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else value
