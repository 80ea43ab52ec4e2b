"""Switch off, in the fork server that imports this, what ties a child's life to the application's."""

from supervision.process import lifeline
from supervision.process.zygote import Zygote

lifeline.arm = lambda descriptor: descriptor  # type: ignore[assignment]
Zygote._end_all = lambda self: None  # type: ignore[method-assign]
