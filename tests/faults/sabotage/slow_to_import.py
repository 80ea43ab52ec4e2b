"""Take long to import, once, as an SDK does."""

import time

from tests.faults.actors import Subject

time.sleep(0.05)


class SlowToImport(Subject):
    """Come from a module whose import takes long."""
