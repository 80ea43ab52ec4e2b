"""Tokens of Google Cloud for the Vertex endpoint: from a variable, or from application default credentials."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from typing import Any

from beamlens.errors import ConfigurationError

__all__ = ["GoogleToken"]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GoogleToken:
    """Fetch and renew a token of the application default credentials. One event loop.

    Raises:
        ConfigurationError: the package google-auth is not installed.
    """

    def __init__(self) -> None:
        if not _is_installed():
            raise ConfigurationError(
                "vertex-ai needs VERTEX_AI_ACCESS_TOKEN, or the package google-auth for Google's application default "
                "credentials: pip install 'google-auth[requests]'"
            )
        self._credentials: Any = None
        self._lock = asyncio.Lock()

    async def __call__(self) -> str:
        """Return a token that is valid now; asks Google's servers where there is none."""
        async with self._lock:
            if self._credentials is None or not self._credentials.valid:
                await asyncio.to_thread(self._renew)
            return str(self._credentials.token)

    def _renew(self) -> None:
        auth = importlib.import_module("google.auth")
        requests = importlib.import_module("google.auth.transport.requests")
        if self._credentials is None:
            self._credentials, _ = auth.default(scopes=[_SCOPE])
        self._credentials.refresh(requests.Request())


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec("google.auth") is not None
    except ModuleNotFoundError:
        return False
