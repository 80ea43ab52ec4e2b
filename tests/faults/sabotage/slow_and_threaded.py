"""Take long to import and start a thread: nothing that a fork server may learn."""

import threading
import time

from tests.faults.actors import Subject

time.sleep(0.05)
threading.Thread(target=time.sleep, args=(3600,), name="sneaky", daemon=True).start()


class SlowAndThreaded(Subject):
    """Come from a module that starts a thread."""
