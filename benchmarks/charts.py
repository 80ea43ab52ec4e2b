"""Bars on a logarithmic scale, as PNG and SVG. Matplotlib is imported only when something is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["Bar", "ChartError", "draw_bars"]

_OURS: Final = "#1f77b4"
_OTHERS: Final = "#b8bec6"
_DPI: Final = 150


class ChartError(Exception):
    """Tell that nothing could be drawn."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Hold what one bar shows; `ours` is drawn in colour."""

    label: str
    value: float
    ours: bool = False


def draw_bars(folder: Path, name: str, title: str, unit: str, bars: list[Bar]) -> list[Path]:
    """Draw the bars, the shortest on top, into `name.png` and `name.svg`.

    Args:
        folder: where to; made if it is missing.
        name: of the files, without an ending.
        title: above the bars.
        unit: below them.
        bars: what is drawn; each value is above zero.

    Returns:
        The files.

    Raises:
        ChartError: matplotlib is missing.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise ChartError(f"no chart: {error} (pip install matplotlib)") from error
    ordered = sorted(bars, key=lambda bar: bar.value, reverse=True)
    figure, axes = pyplot.subplots(figsize=(9, 0.9 + 0.42 * len(bars)))
    drawn = axes.barh(
        [bar.label for bar in ordered],
        [bar.value for bar in ordered],
        color=[_OURS if bar.ours else _OTHERS for bar in ordered],
    )
    axes.bar_label(
        drawn, padding=4, labels=[f"{bar.value:,.2f}" if bar.value < 100 else f"{bar.value:,.0f}" for bar in ordered]
    )
    _dress(axes, title, unit, ordered)
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in paths:
        figure.savefig(path, dpi=_DPI)
    pyplot.close(figure)
    return paths


def _dress(axes: Any, title: str, unit: str, bars: list[Bar]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(bars[-1].value / 3, bars[0].value * 4)
    axes.set_title(title, loc="left")
    axes.set_xlabel(unit)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
