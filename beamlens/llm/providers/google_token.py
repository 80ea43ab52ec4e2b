"""Tokens of Google Cloud for the Vertex endpoint: from a variable, or from application default credentials."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from typing import Any

from beamlens.errors import ConfigurationError, ModelError
from beamlens.llm.model import ModelFailure
from beamlens.llm.providers.errors import Scrubber, connection_failure

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
        """Return a token that is valid now; asks Google's servers where there is none.

        Raises:
            ModelError: they could not be reached (`connection`), or they or the credentials are not right
                (`configuration`).
        """
        async with self._lock:
            if self._credentials is None or not self._credentials.valid:
                failure = await asyncio.to_thread(self._renew)
                if failure is not None:
                    raise ModelError(failure)
            return str(self._credentials.token)

    def _renew(self) -> ModelFailure | None:
        auth = importlib.import_module("google.auth")
        errors = importlib.import_module("google.auth.exceptions")
        requests = importlib.import_module("google.auth.transport.requests")
        try:
            if self._credentials is None:
                self._credentials, _ = auth.default(scopes=[_SCOPE])
            self._credentials.refresh(requests.Request())
        except errors.TransportError as error:
            return connection_failure("Google's token server", error, Scrubber([]))
        except (errors.GoogleAuthError, ValueError, OSError) as error:
            text = Scrubber([])(f"Google's application default credentials: {error}")
            return ModelFailure("configuration", text, retryable=bool(getattr(error, "retryable", False)))
        return None


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec("google.auth") is not None
    except ModuleNotFoundError:
        return False
