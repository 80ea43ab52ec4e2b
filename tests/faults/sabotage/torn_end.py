"""Have a second SIGTERM act while an actor still ends after the first."""

import os
from typing import NoReturn

from supervision.process import host


def _terminate(_number: int, _stack: object) -> None:
    if os.getpid() not in host._own:
        _end()


def _end() -> NoReturn:
    raise SystemExit(143)


assert hasattr(host, "_on_terminate"), "what this switches off has another name now"
host._on_terminate = _terminate
