"""Have the fork server fork whatever it has become."""

from supervision.process.zygote import Zygote

Zygote._trouble = lambda self: ""  # type: ignore[method-assign]
