"""Every server that speaks OpenAI's chat completions, over the HTTP client that Anthropic's SDK brings along.

Where a server cannot be made to call a tool, the answer's form is prescribed by a JSON schema, and where it cannot do
that either, by the prompt; what comes back wrong is sent back once to be repaired.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from beamlens.errors import ConfigurationError, ModelError
from beamlens.llm.model import ModelFailure, ModelReply, ModelRequest
from beamlens.llm.providers.abilities import Abilities, weaker
from beamlens.llm.providers.errors import (
    Scrubber,
    connection_failure,
    malformed,
    read_key,
    status_failure,
    timeout_failure,
)
from beamlens.llm.providers.google_token import GoogleToken
from beamlens.llm.providers.in_time import answered_in_time
from beamlens.llm.providers.openai_wire import body_of, repaired, reply_of
from beamlens.llm.providers.presets import OPENAI_PRESETS, OpenAIPreset

__all__ = ["OpenAICompatible"]

# There are six things to leave out one after the other; see `abilities`.
_MOST_REFUSALS = 6


class OpenAICompatible:
    """Ask a model behind chat completions. Gateway process; one event loop for all requests.

    Args:
        provider: a key of `OPENAI_PRESETS`.
        options: checked by the registry.
        environ: where the key is.

    Raises:
        ModelError: there is no key, and the provider needs one.
        ConfigurationError: an extra is not installed.
    """

    def __init__(self, provider: str, options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        import httpx2

        preset = OPENAI_PRESETS[provider]
        self._provider = provider
        self._options = dict(options)
        self._model = str(options.get("deployment_id") or options.get("model") or preset.default_model)
        key = _key(provider, preset, options, environ)
        self._token: Callable[[], Awaitable[str]] | None = GoogleToken() if _needs_token(provider, key) else None
        self._scrub = Scrubber([key or ""])
        self._abilities = Abilities(
            options.get("mode", preset.mode),
            bool(options.get("strict", preset.strict)),
            preset.parallel_flag,
            preset.length_field,
        )
        self._client = httpx2.AsyncClient(
            base_url=_address(provider, preset, options),
            headers={**options.get("headers", {}), **_key_header(preset, options, key)},
            params=_query(options),
            follow_redirects=False,
        )

    def __repr__(self) -> str:
        return f"<OpenAICompatible {self._provider} {self._model}>"

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Return the model's one tool call, or its text where there are no tools.

        Cancelling closes the connection.

        Raises:
            ModelError: no answer, or none that can be used.
        """
        return await answered_in_time(self._provider, request, self._answer)

    async def close(self) -> None:
        """Close the connections; in the event loop that used them."""
        await self._client.aclose()

    async def _answer(self, request: ModelRequest) -> ModelReply:
        reply, used = await self._ask(request, self._abilities)
        self._abilities = used
        if reply.problem is None or not request.tools or reply.stop_reason == "length":
            return reply
        if used.mode == "tools":
            return await self._otherwise(request, reply, used)
        again, _ = await self._ask(repaired(request, reply), used)
        return replace(again, usage=reply.usage + again.usage)

    async def _otherwise(self, request: ModelRequest, reply: ModelReply, used: Abilities) -> ModelReply:
        """Ask again by a JSON schema where `tool_choice` was taken and not obeyed; stay with that if it helps."""
        other = used.weaker_mode()
        if other is None or reply.stop_reason == "tool_calls" or "no tool was called" not in (reply.problem or ""):
            return reply
        again, answered = await self._ask(request, other)
        usage = reply.usage + again.usage
        if again.problem is None:
            self._abilities = answered
            return replace(again, usage=usage)
        return replace(reply, usage=usage)

    async def _ask(self, request: ModelRequest, abilities: Abilities) -> tuple[ModelReply, Abilities]:
        """Ask, and where the server refuses a part of the form, again without it; return what it took, too."""
        for _ in range(_MOST_REFUSALS):
            body = body_of(request, self._model, self._options, abilities)
            try:
                data = await self._send(body, request.timeout)
                return reply_of(request, data, abilities.mode, self._provider, self._scrub), abilities
            except ModelError as error:
                failure = error.failure
            less = weaker(abilities, failure) if request.tools or "max_" in failure.text else None
            if less is None:
                break
            abilities = less
        raise ModelError(failure)

    async def _send(self, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        import httpx2

        failure: ModelFailure
        try:
            headers = {"authorization": f"Bearer {await self._token()}"} if self._token is not None else {}
            response = await self._client.post("chat/completions", json=body, headers=headers, timeout=seconds)
            return self._decoded(response)
        except ModelError as error:
            failure = error.failure
        except httpx2.TimeoutException:
            failure = timeout_failure(self._provider, seconds)
        except httpx2.DecodingError as error:
            failure = malformed(self._provider, str(error), self._scrub)
        except httpx2.RequestError as error:
            failure = connection_failure(self._provider, error, self._scrub)
        except Exception as error:  # such as an address that is none
            text = self._scrub(f"{self._provider}: the request could not be made: {type(error).__name__}: {error}")
            failure = ModelFailure("configuration", text, retryable=False)
        raise ModelError(failure)

    def _decoded(self, response: Any) -> dict[str, Any]:
        text = response.text
        if not response.is_success:
            raise ModelError(status_failure(self._provider, response.status_code, response.headers, text, self._scrub))
        try:
            data = json.loads(text)
        except ValueError:
            raise ModelError(malformed(self._provider, text[:200], self._scrub)) from None
        if isinstance(data, dict) and isinstance(data.get("error"), dict):  # OpenRouter answers 200 before it knows
            code = data["error"].get("code")
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            raise ModelError(status_failure(self._provider, status, response.headers, text, self._scrub))
        if not _has_message(data):
            raise ModelError(malformed(self._provider, text[:200], self._scrub))
        return dict(data)


def _has_message(data: Any) -> bool:
    choices = data.get("choices") if isinstance(data, dict) else None
    return (
        isinstance(choices, list)
        and bool(choices)
        and isinstance(choices[0], dict)
        and isinstance(choices[0].get("message"), dict)
    )


def _key(provider: str, preset: OpenAIPreset, options: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    variable = options.get("api_key_env") or preset.key_variable
    if variable is None:
        return None
    try:
        key = read_key(variable, environ)
    except ValueError as error:
        raise ModelError(ModelFailure("authentication", str(error), retryable=False)) from None
    if key is None and provider != "vertex-ai" and (preset.key_required or "api_key_env" in options):
        text = (
            f"there is no key for {provider}: the environment variable {variable} is not set where the gateway starts"
        )
        raise ModelError(ModelFailure("authentication", text, retryable=False))
    return key


def _needs_token(provider: str, key: str | None) -> bool:
    return provider == "vertex-ai" and key is None


def _key_header(preset: OpenAIPreset, options: Mapping[str, Any], key: str | None) -> dict[str, str]:
    if key is None:
        return {}
    header = str(options.get("key_header", preset.key_header))
    return {header: f"Bearer {key}" if header.lower() == "authorization" else key}


def _address(provider: str, preset: OpenAIPreset, options: Mapping[str, Any]) -> str:
    """Return the address before `/chat/completions`."""
    template = options.get("base_url") or preset.base_url
    if template is None:
        raise ConfigurationError(f"{provider} needs the option 'base_url'")
    location = options.get("location", "")
    places = {**options, "location_host": "" if location == "global" else f"{location}-"}
    address = template if "base_url" in options else template.format_map(places)
    if "api_version" in options:  # Azure's dated interface, one address for each deployment
        root = address.rstrip("/").removesuffix("/v1")
        address = f"{root}/deployments/{options.get('deployment_id') or options.get('model') or preset.default_model}"
    return address.rstrip("/") + "/"


def _query(options: Mapping[str, Any]) -> dict[str, str]:
    version = {"api-version": str(options["api_version"])} if "api_version" in options else {}
    return {**version, **options.get("query_params", {})}
