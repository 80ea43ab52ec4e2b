"""Open a descriptor some time after the import, as some libraries do."""

import os
import signal


def _open(_number: int, _frame: object) -> None:
    os.open("/dev/zero", os.O_RDONLY)


signal.signal(signal.SIGUSR2, _open)
