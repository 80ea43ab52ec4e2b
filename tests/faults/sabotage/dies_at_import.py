"""Kill the fork server that imports this."""

import os
import signal

os.kill(os.getpid(), signal.SIGKILL)
