"""Anthropic's Messages API through its SDK: directly, and as guests at Bedrock, Vertex and Foundry.

The SDK is imported when a model is constructed (seconds, tens of megabytes): in the gateway process alone.
Its own retries are off, since ours honour the run's deadline and are told as events.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from typing import Any

from beamlens.errors import ConfigurationError, ModelError
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest
from beamlens.llm.providers.anthropic_wire import body_of, is_choice_refusal, is_schema_refusal, is_to_go_on, reply_of
from beamlens.llm.providers.errors import (
    Scrubber,
    connection_failure,
    malformed,
    read_key,
    status_failure,
    timeout_failure,
)
from beamlens.llm.providers.in_time import answered_in_time
from beamlens.llm.providers.presets import SDK_PRESETS, SdkPreset

__all__ = ["AnthropicModel"]

# A server pauses a long turn of its own tools; we use none, so this is a bound against an endless one.
_MOST_PAUSES = 3


class AnthropicModel:
    """Ask Claude. Gateway process; one event loop for all requests.

    Args:
        provider: a key of `SDK_PRESETS`.
        options: checked by the registry.
        environ: where the keys are.

    Raises:
        ModelError: there is no key.
        ConfigurationError: an extra is not installed, or the SDK refused an option.
    """

    def __init__(self, provider: str, options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        preset = SDK_PRESETS[provider]
        self._provider = provider
        self._options = dict(options)
        self._model = str(options.get("model") or preset.default_model)
        self._strict = bool(options.get("strict", True))
        self._unforced: set[str] = set()  # models that refuse to be told that they must choose a tool
        credentials = _credentials(provider, preset, options, environ)
        self._scrub = Scrubber(credentials.values())
        self._client = _sdk_client(provider, preset, options, credentials, self._scrub)

    def __repr__(self) -> str:
        return f"<AnthropicModel {self._provider} {self._model}>"

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Return Claude's one tool call, or its text where there are no tools.

        Cancelling closes the connection.

        Raises:
            ModelError: no answer, or none that can be used.
        """
        return await answered_in_time(self._provider, request, self._answer)

    async def close(self) -> None:
        """Close the connections; in the event loop that used them."""
        await self._client.close()

    async def _answer(self, request: ModelRequest) -> ModelReply:
        said: list[dict[str, Any]] = []
        for _ in range(_MOST_PAUSES + 1):
            said.append(await self._send_adapting(request, said))
            if not is_to_go_on(said[-1]):
                break
        return reply_of(request, said, self._provider, self._scrub)

    async def _send_adapting(self, request: ModelRequest, said: list[dict[str, Any]]) -> dict[str, Any]:
        while True:
            strict, forced = self._strict, self._name(request) not in self._unforced
            try:
                return await self._send(request, said, strict=strict, forced=forced)
            except ModelError as error:
                failure = error.failure
            if not (request.tools and self._adapt(request, failure, strict=strict, forced=forced)):
                raise ModelError(failure)

    def _adapt(self, request: ModelRequest, failure: ModelFailure, *, strict: bool, forced: bool) -> bool:
        """Leave out what the server refused, from now on; return whether there was such a thing."""
        # What models take differs and is not all documented: what matters is the answer.
        if forced and is_choice_refusal(failure):
            self._unforced.add(self._name(request))
            return True
        if strict and is_schema_refusal(failure):
            self._strict = False
            return True
        return False

    def _name(self, request: ModelRequest) -> str:
        return request.model or self._model

    async def _send(
        self, request: ModelRequest, said: list[dict[str, Any]], *, strict: bool, forced: bool
    ) -> dict[str, Any]:
        body = body_of(request, self._model, self._options, said, strict=strict, forced=forced)
        failure: ModelFailure
        try:
            raw = await self._client.messages.with_raw_response.create(**body, timeout=request.timeout)
            text = (await raw.read()).decode("utf-8", "replace")
            return self._decoded(text)
        except ModelError as error:
            failure = error.failure
        except Exception as error:  # the SDK raises its own, httpx2's, and built-in ones for what it cannot build
            failure = self._failure(error, request.timeout)
        raise ModelError(failure)

    def _decoded(self, text: str) -> dict[str, Any]:
        try:
            data = json.loads(text)
        except ValueError:
            raise ModelError(malformed(self._provider, text[:200], self._scrub)) from None
        if not isinstance(data, dict) or not isinstance(data.get("content"), list):
            raise ModelError(malformed(self._provider, text[:200], self._scrub))
        return data

    def _failure(self, error: Exception, seconds: float) -> ModelFailure:
        import anthropic

        if isinstance(error, anthropic.APITimeoutError):
            return timeout_failure(self._provider, seconds)
        if isinstance(error, anthropic.APIConnectionError):
            return connection_failure(self._provider, error, self._scrub)
        if isinstance(error, anthropic.APIStatusError):
            response = error.response
            return status_failure(
                self._provider, response.status_code, response.headers, _body_text(error), self._scrub
            )
        text = self._scrub(f"{self._provider}: the request could not be made: {type(error).__name__}: {error}")
        return ModelFailure("configuration", text, retryable=False)


def _body_text(error: Any) -> str:
    return error.body if isinstance(error.body, str) else json.dumps(error.body, default=str)


def _credentials(
    provider: str, preset: SdkPreset, options: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the SDK's arguments that are secret."""
    variable = str(options.get("api_key_env") or preset.key_variable)
    try:
        key = read_key(variable, environ)
    except ValueError as error:
        raise ModelError(ModelFailure("authentication", str(error), retryable=False)) from None
    if key:
        return {"access_token" if provider == "anthropic-vertex" else "api_key": key}
    if preset.extra is None:
        text = (
            f"there is no key for {provider}: the environment variable {variable} is not set where the gateway starts"
        )
        raise ModelError(ModelFailure("authentication", text, retryable=False))
    if not _is_installed(preset.probe):
        raise ConfigurationError(
            f"{provider} needs {variable}, or the package {preset.extra!r} for other credentials: "
            f"pip install '{preset.extra}'"
        )
    names = {"aws_access_key": "AWS_ACCESS_KEY_ID", "aws_secret_key": "AWS_SECRET_ACCESS_KEY"}
    names["aws_session_token"] = "AWS_SESSION_TOKEN"  # the name of a variable
    found = {name: environ.get(variable, "") for name, variable in names.items()}
    return {name: value for name, value in found.items() if value} if provider == "anthropic-bedrock" else {}


def _is_installed(module: str | None) -> bool:
    try:
        return module is None or importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _sdk_client(
    provider: str, preset: SdkPreset, options: Mapping[str, Any], credentials: dict[str, str], scrub: Scrubber
) -> Any:
    import anthropic

    given = {sdk_name: options[name] for name, sdk_name in preset.options if name in options}
    # A redirection would carry the conversation to another host, and with it the key where that has its own header.
    connections = anthropic.DefaultAsyncHttpxClient(follow_redirects=False)
    try:
        return getattr(anthropic, preset.client)(
            **given,
            **credentials,
            **({"base_url": options["base_url"]} if "base_url" in options else {}),
            max_retries=0,
            default_headers=options.get("headers"),
            default_query=options.get("query_params"),
            http_client=connections,
        )
    except (anthropic.AnthropicError, ValueError, TypeError) as error:
        raise ConfigurationError(scrub(f"{provider}: {error}")) from None
