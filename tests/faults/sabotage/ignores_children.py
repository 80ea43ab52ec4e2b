"""Leave SIGCHLD ignored in actors, as the application may have it."""

import signal
from typing import Any

_set = signal.signal


def _set_but_that(number: int, handler: Any) -> Any:
    return _set(number, signal.SIG_IGN if number == signal.SIGCHLD else handler)


signal.signal = _set_but_that  # type: ignore[assignment]
