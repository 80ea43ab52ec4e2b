"""Have a thread in each child watch the lifeline, as if the kernel could not be asked."""

import threading

from supervision.process import lifeline
from supervision.process.zygote import Zygote


def _arm(descriptor: int) -> int:
    threading.Thread(target=lifeline._watch, args=(descriptor,), daemon=True).start()
    return descriptor


lifeline.arm = _arm  # type: ignore[assignment]
Zygote._end_all = lambda self: None  # type: ignore[method-assign]
