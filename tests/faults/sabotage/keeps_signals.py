"""Have the fork server leave blocked what the application had blocked."""

import signal
from typing import Any


def _leave(_how: int, _mask: Any) -> set[signal.Signals]:
    return set()


signal.pthread_sigmask = _leave  # type: ignore[assignment]
