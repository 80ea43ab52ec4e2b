"""Have actors act on what a terminal sends, as Python programs do."""

from supervision.process import host


def _interrupt(_number: int, _stack: object) -> None:
    raise KeyboardInterrupt


assert hasattr(host, "_ignore"), "what this switches off has another name now"
host._ignore = _interrupt
