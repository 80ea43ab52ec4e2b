"""Have each child wait before it ties its life to the application's: the widest race."""

import time

from supervision.process import lifeline

_arm = lifeline.arm


def _slowly(descriptor: int) -> int:
    time.sleep(0.3)
    return _arm(descriptor)


lifeline.arm = _slowly  # type: ignore[assignment]
