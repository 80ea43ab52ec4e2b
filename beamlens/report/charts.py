"""Pictures of a run as SVG: the timeline of states, tools and deaths, and a curve for each number that moved."""

from __future__ import annotations

import math
from typing import Final

from beamlens.report.markup import Markup, joined, tag
from beamlens.report.metrics import Series
from beamlens.report.printed import figure
from beamlens.report.story import RunStory, Story
from beamlens.report.text import one_line

__all__ = ["curve", "timeline"]

_WIDTH: Final = 1000
_LEFT: Final = 130
_LANE: Final = 34
_BAR: Final = 16
_TICKS: Final = 8
_NAME: Final = 16  # characters that fit beside a lane


class _Scale:
    """Turn moments into places."""

    def __init__(self, first: float, last: float) -> None:
        self.first = first
        self.seconds = max(last - first, 0.001)

    def __call__(self, at: float) -> float:
        return round(_LEFT + (at - self.first) / self.seconds * (_WIDTH - _LEFT - 20), 1)


def timeline(story: Story) -> Markup:
    """Return the lanes of all runs of a story: bars are states, marks are tools, crosses are deaths."""
    scale = _Scale(min(run.began for run in story.runs), max(run.last for run in story.runs))
    height = _LANE * len(story.runs) + 34
    lanes = [_lane(run, number * _LANE + 8, scale) for number, run in enumerate(story.runs)]
    axis = _axis(scale, height - 22)
    return tag("svg", axis, lanes, viewBox=f"0 0 {_WIDTH} {height}", role="img")


def _axis(scale: _Scale, bottom: float) -> Markup:
    step = _nice(scale.seconds / _TICKS)
    marks = []
    for number in range(int(scale.seconds / step) + 1):
        x = scale(scale.first + number * step)
        marks.append(tag("line", x1=x, y1=4, x2=x, y2=bottom, class_="axis"))
        marks.append(tag("text", f"{number * step:g} s", x=x, y=bottom + 16, text_anchor="middle", class_="soft"))
    return joined(marks)


def _nice(step: float) -> float:
    size: float = 10.0 ** math.floor(math.log10(step))
    return next(size * factor for factor in (1, 2, 5, 10) if size * factor >= step * 0.999)


def _lane(run: RunStory, top: float, scale: _Scale) -> Markup:
    name = tag("text", one_line(run.name, _NAME), tag("title", run.name), x=_LEFT - 10, y=top + 13, text_anchor="end")
    return joined(name, _bars(run, top, scale), _steps(run, top, scale), _deaths(run, top, scale))


def _bars(run: RunStory, top: float, scale: _Scale) -> list[Markup]:
    state = "healthy" if run.owner.startswith("operator:") else "coordinator"
    bars, since = [], run.began
    for step in run.steps:
        if step.state and step.state != state:
            bars.append(_bar(state, since, step.at, top, scale))
            state, since = step.state, step.at
    bars.append(_bar(state, since, run.last, top, scale))
    return bars


def _bar(state: str, since: float, until: float, top: float, scale: _Scale) -> Markup:
    title = tag("title", f"{state}, {until - since:.2f} s")
    width = max(1.0, round(scale(until) - scale(since), 1))
    return tag("rect", title, x=scale(since), y=top, width=width, height=_BAR, class_=state, rx=2)


def _steps(run: RunStory, top: float, scale: _Scale) -> list[Markup]:
    marks = []
    for step in run.steps:
        x = scale(step.at)
        kind = "failed" if step.is_error else "lua" if step.tool == "execute" else "tool"
        title = tag("title", f"{step.iteration}: {step.tool}, {step.at - scale.first:.2f} s")
        if step.tool in ("send_notification", "produce_insight") and not step.is_error:
            points = f"{x - 6},{top + _BAR + 8} {x + 6},{top + _BAR + 8} {x},{top + _BAR - 3}"
            marks.append(tag("polygon", title, points=points, class_="found"))
        else:
            marks.append(tag("line", title, x1=x, y1=top - 3, x2=x, y2=top + _BAR + 3, class_=kind))
    return marks


def _deaths(run: RunStory, top: float, scale: _Scale) -> list[Markup]:
    marks = []
    for death in run.deaths:
        x, y = scale(death.at), top + _BAR / 2
        path = f"M {x - 7} {y - 9} L {x + 7} {y + 9} M {x + 7} {y - 9} L {x - 7} {y + 9}"
        marks.append(tag("path", tag("title", f"its process died; resumed in {death.pid}"), d=path, class_="crash"))
    return marks


def curve(series: Series, first: float, marks: tuple[float, ...] = ()) -> Markup:
    """Return the curve of one number.

    Args:
        series: the number.
        first: the moment from which seconds are counted.
        marks: moments at which something was found because of it.
    """
    width, height, left, top = 320, 130, 8, 24
    times = [at for at, _ in series.points]
    values = [value for _, value in series.points]
    low, high = min(values), max(values)
    begin, length = times[0], max(times[-1] - times[0], 0.001)
    span = (high - low) or 1.0

    def x(at: float) -> float:
        return round(left + (at - begin) / length * (width - 2 * left), 1)

    def y(value: float) -> float:
        return round(top + (high - value) / span * (height - top - 30), 1)

    dots = [
        tag("circle", tag("title", f"{at - first:.2f} s: {figure(value)}"), cx=x(at), cy=y(value), r=2.5, class_="dot")
        for at, value in series.points
    ]
    lines = [
        tag("line", x1=x(at), y1=top, x2=x(at), y2=height - 26, class_="mark")
        for at in marks
        if begin <= at <= times[-1]
    ]
    return tag(
        "svg",
        tag("title", series.path),
        tag("text", one_line(series.path, 44), x=left, y=14),
        lines,
        tag("polyline", points=" ".join(f"{x(at)},{y(value)}" for at, value in series.points), class_="curve"),
        dots,
        tag("text", f"{figure(values[0])} to {figure(values[-1])}", x=left, y=height - 8, class_="soft"),
        tag(
            "text",
            f"{times[0] - first:.2f} to {times[-1] - first:.2f} s",
            x=width - left,
            y=height - 8,
            text_anchor="end",
            class_="soft",
        ),
        viewBox=f"0 0 {width} {height}",
        role="img",
    )
