"""Leave alone, in the fork server and in the application, what a dead child left behind."""

from supervision.process import zygote
from supervision.process.child_process import ChildProcess

zygote._kill_group = lambda pid: None
ChildProcess._kill_group = lambda self: None  # type: ignore[method-assign]
