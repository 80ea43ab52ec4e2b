"""Settings of an application, as applications have them."""

from __future__ import annotations

TIMEOUT = 5.0
API_TOKEN = "hunter2hunter2"
HANDLED = 0


class Config:
    """Be settings as attributes."""

    def __init__(self) -> None:
        self.pool_size = 10


config = Config()
